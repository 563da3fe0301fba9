"""Staff administration over HTTP: invited, let in, given a role, shut out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm.teams.schemas import Role
from crm.teams.second_factor import totp
from tests.e2e.live import LiveApp
from tests.people import NEW, add_person, browser_of, log_in, mailed_link


def test_that_somebody_invited_gets_in_and_a_deleted_one_is_out(live_app: LiveApp) -> None:
    person = add_person(live_app)
    with browser_of(live_app) as admin, browser_of(live_app) as bob:
        log_in(admin, person)
        address = f"bob-{person.email}"
        made = admin.post("/staff", json={"email": address, "name": "Bob", "role": "team_admin"})
        assert made.status_code == 201
        bob_id, state = made.json()["id"], made.json()["state"]
        assert state == "invited"
        link = mailed_link(live_app, address)
        weak = bob.post("/auth/accept", json={"token": link, "password": "short"})
        assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
        assert bob.post("/auth/accept", json={"token": link, "password": NEW}).status_code == 204
        again = bob.post("/auth/accept", json={"token": link, "password": NEW})
        assert (again.status_code, again.json()["code"]) == (404, "link_not_valid")
        entered = bob.post("/auth/login", json={"email": address, "password": NEW})
        bob.headers["X-CSRF-Token"] = entered.json()["csrf_token"]
        assert entered.json()["must_change_password"] is False
        assert bob.get("/staff").status_code == 200
        refused = bob.patch(f"/staff/{bob_id}", json={"role": "admin"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        mine = admin.get("/staff").json()["items"][0]["id"]
        last = admin.delete(f"/staff/{mine}")
        assert (last.status_code, last.json()["code"]) == (409, "last_admin")
        assert admin.delete(f"/staff/{bob_id}").status_code == 200
        assert bob.get("/staff").status_code == 401


def test_that_a_reset_looks_alike_for_known_and_unknown_addresses(live_app: LiveApp) -> None:
    person = add_person(live_app, role=Role.STAFF)
    with browser_of(live_app) as browser:
        log_in(browser, person)
        del browser.headers["X-CSRF-Token"]  # a link from a mail opens a page that does not know it
        answers = [
            browser.post("/auth/reset-request", json={"email": address})
            for address in (person.email, "nobody-here@example.com")
        ]
        assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
        link = mailed_link(live_app, person.email, "reset")
        headers = {"Idempotency-Key": "a reset"}
        done = browser.post("/auth/reset", json={"token": link, "password": NEW}, headers=headers)
        assert done.status_code == 204
        assert browser.post("/auth/login", json={"email": person.email, "password": NEW}).status_code == 200


def test_that_a_key_gives_no_more_than_it_has_and_ends_with_its_time(live_app: LiveApp) -> None:
    small = live_app.api("POST", "/api-keys", {"name": "k", "scopes": ["settings:write"]})[1]["key"]
    body = {"name": "more", "scopes": ["settings:write", "contacts:erase"]}
    status, answer = live_app.call("POST", "/api/v1/api-keys", body, token=small)
    assert (status, answer["code"], answer["scope"]) == (403, "missing_scope", "contacts:erase")
    late = {"name": "late", "scopes": ["settings:write"], "expires_at": "2020-01-01T00:00:00Z"}
    status, answer = live_app.call("POST", "/api/v1/api-keys", late, token=small)
    assert (status, answer["code"], answer["field"]) == (422, "ends_in_past", "expires_at")
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    status, made = live_app.call("POST", "/api/v1/api-keys", late | {"expires_at": soon}, token=small)
    assert status == 201
    live_app.wait_until(lambda: live_app.call("GET", "/api/v1/workspace", token=made["key"])[0] == 401, 20)
    status, answer = live_app.call("GET", "/api/v1/workspace", token=made["key"])
    assert (status, answer["code"]) == (401, "no_credential")


def test_that_a_repeated_request_is_not_answered_again_to_whoever_lost_the_right(live_app: LiveApp) -> None:
    person = add_person(live_app)
    with browser_of(live_app) as admin, browser_of(live_app) as other:
        log_in(admin, person)
        log_in(other, add_person(live_app, person.workspace_id))
        headers = {"Idempotency-Key": "a key"}
        body = {"name": "all", "scopes": ["contacts:erase"]}
        made = admin.post("/api-keys", json=body, headers=headers)
        again = admin.post("/api-keys", json=body, headers=headers)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.json() == made.json()
        strange = other.post("/api-keys", json=body, headers=headers)
        assert (strange.status_code, strange.json()["code"]) == (409, "idempotency_key_reused")
        me = admin.get("/auth/me").json()["staff"]["id"]
        assert other.patch(f"/staff/{me}", json={"role": "staff"}).status_code == 200
        late = admin.post("/api-keys", json=body, headers=headers)
        assert (late.status_code, late.json()["code"]) == (403, "missing_scope")


def test_that_a_log_in_with_a_second_factor_takes_two_requests(live_app: LiveApp) -> None:
    person = add_person(live_app)
    with browser_of(live_app) as browser, browser_of(live_app) as other:
        log_in(browser, person)
        wrong = browser.post("/auth/second-factor/enrol", json={"password": person.password})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_credentials")
        secret = browser.post("/auth/second-factor/enrol", json={"password": NEW}).json()["secret"]
        step = totp.step_at(datetime.now(UTC))
        on = browser.post("/auth/second-factor/confirm", json={"code": totp.code_of(secret, step)})
        assert (on.status_code, len(on.json()["recovery_codes"])) == (200, 10)
        assert browser.get("/staff").json()["items"][0]["second_factor"] is True
        first = other.post("/auth/login", json={"email": person.email, "password": NEW})
        assert (first.status_code, first.json()["code"]) == (401, "second_factor_required")
        assert "set-cookie" not in first.headers
        sent = {"challenge": first.json()["challenge"], "code": totp.code_of(secret, step)}
        replayed = other.post("/auth/second-factor", json=sent)
        assert (replayed.status_code, replayed.json()["code"]) == (401, "wrong_code")
        entered = other.post("/auth/second-factor", json=sent | {"code": on.json()["recovery_codes"][0]})
        assert (entered.status_code, entered.json()["staff"]["email"]) == (200, person.email)
        assert other.get("/staff").status_code == 200
