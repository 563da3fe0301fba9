"""The permission matrix on every route of the OpenAPI: a new route is walked as soon as it is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role, Scope
from tests.api.test_walk import Route, filled, is_problem, routes, walk
from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in

# What every logged-in person may do with themselves.
OWN = "/api/v1/auth/"


def asked(app: LiveApp) -> list[Route]:
    """Every route that asks for a scope."""
    return [route for route in routes(app) if not route[1].startswith(OWN)]


def scopes_of(operation: dict[str, Any]) -> frozenset[Scope]:
    return frozenset(Scope(scope) for scope in operation["x-scopes"])


def test_that_every_route_asks_for_a_scope(live_app: LiveApp) -> None:
    without = [(method, path) for method, path, operation in asked(live_app) if not scopes_of(operation)]
    assert without == [], "take a caller such as ContactsReader of agentflow/api/deps.py"


def test_that_the_matrix_gives_more_with_each_role() -> None:
    assert SCOPES[Role.STAFF] < SCOPES[Role.TEAM_ADMIN] < SCOPES[Role.ADMIN] == frozenset(Scope)
    kept_from_staff = {Scope.CONTACTS_EXPORT, Scope.CONTACTS_ERASE, Scope.AUDIT_READ, Scope.SETTINGS_READ}
    assert not SCOPES[Role.STAFF] & (kept_from_staff | {Scope.PEOPLE_WRITE, Scope.SETTINGS_WRITE})
    assert not SCOPES[Role.TEAM_ADMIN] & {Scope.CONTACTS_ERASE, Scope.PEOPLE_WRITE, Scope.SETTINGS_WRITE}


@pytest.mark.parametrize("role", [Role.STAFF, Role.TEAM_ADMIN])
def test_that_a_lesser_role_reaches_what_the_matrix_gives_and_nothing_else(
    live_app: LiveApp, role: Role
) -> None:
    with browser_of(live_app) as browser:
        log_in(browser, add_person(live_app, role=role))

        def is_refused(route: Route) -> bool:
            method, path, operation = route
            allowed = scopes_of(operation) <= SCOPES[role]
            if allowed and (method != "get" or path.endswith("/events")):
                return False  # what may be changed, or follows events without an end, is tried elsewhere
            target = filled(path, "x_1").removeprefix("/api/v1")
            answer = browser.request(method, target, json=None if method == "get" else {})
            told = (method, path, answer.status_code, answer.text[:200])
            if allowed:
                assert answer.status_code in (200, 404, 422), told
                return False
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), told
            return True

        assert walk(asked(live_app), is_refused) > 15


@pytest.mark.parametrize("how", ["expired", "revoked", "deleted"])
def test_that_a_credential_that_has_ended_opens_nothing(live_app: LiveApp, how: str) -> None:
    headers = ended(live_app, how)

    def visit(route: Route) -> bool:
        method, path, _ = route
        status, body = live_app.call(method.upper(), filled(path, "x_1"), {}, headers=headers)
        assert status == 401, (how, method, path, body)
        return is_problem(body, 401)

    found = list(routes(live_app))
    assert walk(found, visit) == len(found)


def ended(app: LiveApp, how: str) -> dict[str, str]:
    """The headers of a key that ran out or was revoked, or of the log-in of somebody who was deleted."""
    if how == "deleted":
        return log_in_of_deleted(app)
    soon = datetime.now(UTC) + timedelta(seconds=4)
    body: dict[str, Any] = {"name": how, "scopes": [str(scope) for scope in Scope]}
    made = app.api(
        "POST", "/api-keys", body | ({"expires_at": soon.isoformat()} if how == "expired" else {})
    )[1]
    if how == "revoked":
        assert app.api("DELETE", f"/api-keys/{made['id']}")[0] == 200
    headers = {"Authorization": f"Bearer {made['key']}"}
    app.wait_until(lambda: app.call("GET", "/api/v1/workspace", headers=headers)[0] == 401, 20)
    return headers


def log_in_of_deleted(app: LiveApp) -> dict[str, str]:
    person = add_person(app)
    with browser_of(app) as admin, browser_of(app) as browser:
        log_in(admin, add_person(app, person.workspace_id))
        token = log_in(browser, person)
        known = {one["email"]: one["id"] for one in admin.get("/staff").json()["items"]}
        assert admin.delete(f"/staff/{known[person.email]}").status_code == 200
        return {"Cookie": f"agentflow_session={browser.cookies['agentflow_session']}", "X-CSRF-Token": token}
