"""Every route of the OpenAPI, with every kind of wrong credential and with another workspace's ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import httpx
import pytest

from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in

SOMEBODY = {"first_name": "Ada"}
WALKED = {
    "key": "walked",
    "name": "Walked",
    "title_field": "number",
    "fields": [{"key": "number", "name": "Number", "type": "text"}],
}
METHODS = ("get", "post", "put", "patch", "delete")
OPEN = {
    ("post", f"/api/v1/auth/{door}")
    for door in ("login", "second-factor", "accept", "reset-request", "reset")
}
# What only a logged-in person may do; a key is told so before anything is looked up.
FOR_STAFF = {
    f"/api/v1/conversations/{{conversation_id}}/{verb}"
    for verb in ("take-over", "hand-back", "messages", "read", "notes")
}


Route = tuple[str, str, dict[str, Any]]


@cache
def paths_at(url: str) -> dict[str, Any]:
    return dict(httpx.get(f"{url}/api/openapi.json", timeout=30).json()["paths"])


def walk(found: Iterable[Route], visit: Callable[[Route], bool]) -> int:
    """Visit routes, several at a time; gives how many visits counted."""
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(visit, found))


def routes(app: LiveApp) -> Iterator[Route]:
    for path, item in paths_at(app.url).items():
        for method in METHODS:
            if method in item and path.startswith("/api/v1") and (method, path) not in OPEN:
                yield method, path, item[method]


def filled(path: str, value: str) -> str:
    parts = [value if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def is_problem(body: object, status: int) -> bool:
    return isinstance(body, dict) and body["status"] == status and bool(body["code"]) and bool(body["detail"])


@pytest.mark.parametrize("token", [None, "afk_wrong", "x" * 3000, "é"], ids=["none", "wrong", "long", "odd"])
def test_that_no_route_answers_without_a_valid_credential(live_app: LiveApp, token: str | None) -> None:
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")} if token else {}

    def visit(route: Route) -> bool:
        method, path, _ = route
        status, body = live_app.call(method.upper(), filled(path, "x_1"), {}, headers=headers)
        assert status == 401, (method, path, body)
        return is_problem(body, 401)

    found = list(routes(live_app))
    assert walk(found, visit) == len(found) > 25


def test_that_a_key_without_scopes_for_it_is_refused_everywhere(live_app: LiveApp) -> None:
    own = {"knowledge:read": ("/knowledge-bases", "/google-connections"), "agents:read": ("/agents",)}
    for scope, allowed in own.items():
        status, made = live_app.api("POST", "/api-keys", {"name": scope, "scopes": [scope]})
        assert status == 201
        visit = partial(is_refused, live_app, made["key"], allowed)
        assert walk(routes(live_app), visit) > 25


def is_refused(app: LiveApp, key: str, allowed: tuple[str, ...], route: Route) -> bool:
    method, path, _ = route
    target = filled(path, "x_1")
    status, body = app.call(method.upper(), target, {}, token=key)
    if target.removeprefix("/api/v1").startswith(allowed) or "/sources" in target:
        assert status < 500, (method, path, body)
        return False
    assert status in (401, 403, 422), (allowed, method, path, body)
    return is_problem(body, status)


def test_that_ids_of_another_workspace_are_not_found(live_app: LiveApp, other_workspace_key: str) -> None:
    """The demo workspace's real ids, asked for by somebody else."""
    real = real_ids(live_app)

    def visit(route: Route) -> bool:
        method, path, _ = route
        parts = [real[part[1:-1]] if part.startswith("{") else part for part in path.split("/")]
        target = "/".join(parts)
        if path.endswith(("/sources", "/preview", "/files")) and method == "post":
            status, answer = live_app.send_file(target, "a.txt", b"x", token=other_workspace_key)
        else:
            body = body_for(method, path, real)
            status, answer = live_app.call(method.upper(), target, body, token=other_workspace_key)
        assert status == (403 if path in FOR_STAFF and method == "post" else 404), (
            method,
            path,
            status,
            answer,
        )
        return is_problem(answer, status)

    found = [route for route in routes(live_app) if "{" in route[1]]
    assert walk(found, visit) == len(found) > 15


def body_for(method: str, path: str, real: dict[str, str]) -> object:
    """What the route would take from somebody who may ask."""
    bodies: dict[tuple[str, str], object] = {
        ("put", "/route"): {"agent_id": real["agent_id"]},
        ("post", "/messages"): {"text": "hi"},
        ("post", "/{conversation_id}/assign"): {"nobody": True},
        ("post", "/{conversation_id}/status"): {"status": "closed"},
        ("post", "/{conversation_id}/notes"): {"text": "x"},
        ("patch", "/{note_id}"): {"text": "x"},
        ("post", "/search"): {"question": "x"},
        ("post", "/sources/url"): {"url": "https://93.184.215.14/"},
        ("post", "/sources/google"): {"connection_id": real["google_connection_id"], "file_id": "x" * 20},
        ("post", "/authorise"): {"code": "x", "state": "x"},
        ("patch", "/{source_id}"): {"public": True},
        ("put", "/hours"): {"time_zone": "UTC", "week": {}},
        ("post", "/members"): {"staff_id": real["staff_id"]},
        ("patch", "/{contact_id}"): {"company": "x"},
        ("post", "/notes"): {"text": "x"},
        ("post", "/reminders"): {"text": "x", "due_at": "2026-03-02T09:30:00Z"},
        ("patch", "/{reminder_id}"): {"text": "x"},
        ("post", "/merge"): {"other_id": "con_none"},
        ("post", "/records"): {"values": {}},
        ("put", "/records"): {"values": {}},
        ("patch", "/{record_id}"): {"values": {}},
        ("put", "/mapping"): {"columns": [{"column": 0, "target": "email"}]},
    }
    for (verb, ending), body in bodies.items():
        if verb == method and path.endswith(ending):
            return body
    return {"name": "x"} if method == "patch" else {}


def real_ids(app: LiveApp) -> dict[str, str]:
    visitor = app.visit()
    visitor.say("What does the zirconium trombone weigh?", "walk-1")
    visitor.wait_for_answer()
    base = app.knowledge_base()
    connection = app.api(
        "POST", "/model-connections", {"name": "m", "base_url": "https://93.184.215.14/v1", "model": "m"}
    )[1]
    client = {"name": "g", "client_id": "c", "client_secret": "s"}
    google = app.api("POST", "/google-connections", client)[1]
    source = app.sources()[0]
    preview = app.send_file(f"/api/v1/sources/{source['id']}/preview", source["name"], b"Nothing.")[1]
    gap = app.api("GET", f"/knowledge-bases/{base}/gaps")[1]["items"][0]
    contact = made(app, "/contacts", SOMEBODY)
    kind = made(app, "/object-definitions", WALKED)
    file = app.send_file(f"/api/v1/contacts/{contact}/files", "a.txt", b"x")[1]
    team = app.api("GET", "/teams")[1]["items"][0]["id"]
    rule = {"name": "walked", "enabled": False, "target": {"team_id": team}}
    return {
        "rule_id": made(app, "/routing-rules", rule),
        "contact_id": contact,
        "note_id": made(app, f"/contacts/{contact}/notes", {"text": "x"}),
        "reminder_id": reminder_on(app, contact),
        "definition_id": kind,
        "record_id": made(app, f"/object-definitions/{kind}/records", {"values": {"number": "1"}}),
        "file_id": file["id"],
        "merge_id": app.api(
            "POST", f"/contacts/{contact}/merge", {"other_id": made(app, "/contacts", SOMEBODY)}
        )[1]["id"],
        "property_id": made(app, "/contact-properties", {"key": "walked", "name": "Walked", "type": "text"}),
        "import_id": app.send_file("/api/v1/contact-imports", "a.csv", b"Email\nada@example.com\n")[1]["id"],
        "list_id": made(app, "/contact-lists", {"name": "walked"}),
        "view_id": made(app, "/contact-views", {"name": "walked", "shared": True}),
        "label_id": made(app, "/labels", {"name": "walked"}),
        "gap_id": gap["id"],
        "google_connection_id": google["id"],
        "preview_id": preview["id"],
        "knowledge_base_id": base,
        "source_id": source["id"],
        "agent_id": app.api("GET", "/agents")[1]["items"][0]["id"],
        "connection_id": connection["id"],
        "account_id": app.api("GET", "/channel-accounts")[1]["items"][0]["id"],
        "key_id": app.api("GET", "/api-keys")[1]["items"][0]["id"],
        "conversation_id": visitor.conversation_id,
        "staff_id": app.api("GET", "/staff")[1]["items"][0]["id"],
        "erasure_id": app.api("POST", f"/contacts/{made(app, '/contacts', SOMEBODY)}/erase")[1]["id"],
        "export_id": app.api("POST", "/workspace/export")[1]["id"],
        "team_id": app.api("GET", "/teams")[1]["items"][0]["id"],
    }


def reminder_on(app: LiveApp, contact: str) -> str:
    """A reminder for whoever sets it: a program would have to name somebody."""
    with browser_of(app) as browser:
        log_in(browser, add_person(app, app.api("GET", "/workspace")[1]["id"]))
        due = {"text": "x", "due_at": "2036-03-02T09:30:00Z"}
        return str(browser.post(f"/contacts/{contact}/reminders", json=due).json()["id"])


def made(app: LiveApp, path: str, body: object) -> str:
    """The id of a new record."""
    status, answer = app.api("POST", path, body)
    assert status == 201, answer
    return str(answer["id"])


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b'{"name": 1e999}', b"\xff\xfe", b"[" * 100_000, b""]
)
def test_that_malformed_json_is_a_problem(live_app: LiveApp, body: bytes) -> None:
    for path in ("/agents", "/knowledge-bases", "/api-keys", "/teams"):
        status, answer = live_app.call("POST", f"/api/v1{path}", body, token=live_app.api_key)
        assert status in (400, 422), (path, body[:20], answer)
        assert is_problem(answer, status)
    assert body != b"{" or answer["detail"] == "body.1: This is not JSON."


def test_that_unknown_paths_and_methods_are_problems(live_app: LiveApp) -> None:
    nowhere = "There is no such address; /api/docs lists those of the API."
    for method, path, expected, said in (
        ("GET", "/api/v1/nothing", 404, nowhere),
        ("DELETE", "/api/v1/teams", 405, "This address does not take DELETE."),
    ):
        status, body = live_app.call(method, path, token=live_app.api_key)
        assert status == expected
        assert is_problem(body, expected)
        assert body["detail"] == said


def test_that_a_body_above_the_limit_is_refused(live_app: LiveApp) -> None:
    status, body = live_app.upload(live_app.knowledge_base(), "big.txt", b"a" * (22 * 1024 * 1024))
    assert status == 413
    assert body["limit"] > 20 * 1024 * 1024
    assert body["detail"].endswith("the limit for a file is 20,971,520 bytes (20 MiB).")


def test_that_a_repeated_post_is_done_once(live_app: LiveApp) -> None:
    headers = {"Idempotency-Key": "same", "Authorization": f"Bearer {live_app.api_key}"}
    first = live_app.call("POST", "/api/v1/teams", {"name": "Returns"}, headers=headers)
    again = live_app.call("POST", "/api/v1/teams", {"name": "Returns"}, headers=headers)
    assert first == again
    assert first[0] == 201
    other = live_app.call("POST", "/api/v1/teams", {"name": "Repairs"}, headers=headers)
    assert other[1]["code"] == "idempotency_key_reused"
    names = [team["name"] for team in live_app.api("GET", "/teams")[1]["items"]]
    assert names.count("Returns") == 1
    assert "Repairs" not in names
