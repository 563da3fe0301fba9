"""Log-in, the forced first change of a password, keys with scopes, and the workspace's own words."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.live import LiveApp
from tests.people import NEW, Person, add_person, browser_of, log_in

CLI = (sys.executable, "-c", "from agentflow.cli import app; app()")


@pytest.fixture
def browser(live_app: LiveApp) -> Iterator[httpx.Client]:
    with browser_of(live_app) as client:
        yield client


@pytest.fixture
def person(live_app: LiveApp) -> Person:
    return add_person(live_app)


def reset_password(app: LiveApp, email: str) -> subprocess.CompletedProcess[str]:
    """By the operator, beside the running server."""
    return subprocess.run(
        [*CLI, "admin", "reset-password", email],
        env={"AGENTFLOW_HOME": str(app.home)},
        capture_output=True,
        text=True,
        check=False,
    )


def change(browser: httpx.Client, csrf: str, current: str, new: str) -> httpx.Response:
    body = {"current": current, "new": new}
    return browser.post("/auth/password", json=body, headers={"X-CSRF-Token": csrf})


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_that_the_first_password_must_be_changed_before_anything_else(
    person: Person, browser: httpx.Client
) -> None:
    body = {"email": person.email, "password": person.password}
    identity = browser.post("/auth/login", json=body).json()
    assert identity["must_change_password"] is True
    for path in ("/conversations", "/knowledge-bases", "/agents", "/workspace", "/api-keys"):
        assert code_of(browser.get(path)) == (403, "password_change_required")
    csrf = identity["csrf_token"]
    assert code_of(change(browser, csrf, "wrong", NEW)) == (401, "wrong_credentials")
    assert code_of(change(browser, csrf, person.password, "short")) == (422, "weak_password")
    assert change(browser, csrf, person.password, NEW).status_code == 204
    assert browser.get("/conversations").status_code == 200
    me = browser.get("/auth/me").json()
    assert (me["staff"]["email"], me["must_change_password"]) == (person.email, False)
    assert me["workspace"]["id"] == person.workspace_id
    assert code_of(browser.post("/auth/login", json=body)) == (401, "wrong_credentials")


def test_that_an_operator_resets_a_password_and_that_ends_every_log_in(
    live_app: LiveApp, person: Person, browser: httpx.Client
) -> None:
    log_in(browser, person)
    done = reset_password(live_app, person.email)
    assert (done.returncode, done.stderr) == (0, "")
    assert code_of(browser.get("/auth/me")) == (401, "no_credential")
    found = re.fullmatch(
        rf"{person.email} can log in once with the password (\S+) and must .*\n", done.stdout
    )
    assert found is not None
    answer = browser.post("/auth/login", json={"email": person.email, "password": found[1]})
    assert (answer.status_code, answer.json()["must_change_password"]) == (200, True)


def test_that_a_reset_for_nobody_is_one_clear_line(live_app: LiveApp) -> None:
    done = reset_password(live_app, "nobody@example.com")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "agentflow: No staff member has the e-mail address nobody@example.com.\n"


def test_that_a_changed_password_ends_the_other_log_ins(
    live_app: LiveApp, person: Person, browser: httpx.Client
) -> None:
    with browser_of(live_app) as other:
        other.post("/auth/login", json={"email": person.email, "password": person.password})
        assert other.get("/auth/me").status_code == 200
        log_in(browser, person)
        assert other.get("/auth/me").status_code == 401
        assert browser.get("/auth/me").status_code == 200


def test_that_the_session_cookie_is_out_of_reach_for_scripts(person: Person, browser: httpx.Client) -> None:
    body = {"email": person.email, "password": person.password}
    cookie = browser.post("/auth/login", json=body).headers["set-cookie"]
    name, *flags = [part.strip() for part in cookie.split(";")]
    assert re.fullmatch(r"agentflow_session=\S{32,}", name)
    assert {flag.lower() for flag in flags} >= {"httponly", "samesite=lax", "path=/", "max-age=43200"}


def test_that_a_change_needs_the_csrf_token_and_reading_does_not(
    person: Person, browser: httpx.Client
) -> None:
    csrf = log_in(browser, person)
    del browser.headers["X-CSRF-Token"]
    body = {"name": "Harbour"}
    assert browser.get("/workspace").status_code == 200
    assert code_of(browser.patch("/workspace", json=body)) == (403, "csrf_token_missing")
    wrong = browser.patch("/workspace", json=body, headers={"X-CSRF-Token": csrf[::-1]})
    assert code_of(wrong) == (403, "csrf_token_missing")
    assert browser.patch("/workspace", json=body, headers={"X-CSRF-Token": csrf}).status_code == 200
    fresh = browser.get("/auth/me").json()["csrf_token"]  # a page that was reloaded, or another tab
    for token in (fresh, csrf):
        assert browser.patch("/workspace", json=body, headers={"X-CSRF-Token": token}).status_code == 200


def test_that_a_log_out_ends_the_log_in(live_app: LiveApp, person: Person, browser: httpx.Client) -> None:
    log_in(browser, person)
    kept = dict(browser.cookies)
    assert browser.post("/auth/logout", headers={"X-CSRF-Token": ""}).status_code == 403
    assert browser.post("/auth/logout").status_code == 204
    assert not browser.cookies
    answer = httpx.get(
        f"{live_app.url}/api/v1/auth/me", headers={"Cookie": f"agentflow_session={kept['agentflow_session']}"}
    )
    assert answer.status_code == 401


def test_that_a_wrong_password_and_an_unknown_address_look_alike(
    person: Person, browser: httpx.Client
) -> None:
    answers = [
        browser.post("/auth/login", json={"email": email, "password": "not-it-at-all"})
        for email in (person.email, "nobody-at-all@example.com")
    ]
    assert [code_of(answer) for answer in answers] == [(401, "wrong_credentials")] * 2
    assert answers[0].json() == answers[1].json()
    assert "set-cookie" not in answers[0].headers


def test_that_guessing_passwords_is_slowed_down(browser: httpx.Client) -> None:
    # Fixed windows: once in a while a border lies in between, and twice as many pass.
    body = {"email": "Guess@example.com", "password": "guess"}
    for _ in range(21):
        answer = browser.post("/auth/login", json=body)
        if answer.status_code == 429:
            break
    assert code_of(answer) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    lower = browser.post("/auth/login", json=body | {"email": "guess@example.com"})
    assert lower.status_code == 429


def make_key(app: LiveApp, *scopes: str) -> dict[str, Any]:
    status, made = app.api("POST", "/api-keys", {"name": "a key", "scopes": list(scopes)})
    assert status == 201
    return dict(made)


def test_that_a_key_does_what_its_scopes_say_and_no_more(live_app: LiveApp) -> None:
    made = make_key(live_app, "knowledge:read")
    base = live_app.knowledge_base()
    token = made["key"]
    assert live_app.call("GET", "/api/v1/knowledge-bases", token=token)[0] == 200
    for method, path, scope in (
        ("POST", "/api/v1/knowledge-bases", "knowledge:write"),
        ("GET", "/api/v1/agents", "agents:read"),
        ("GET", "/api/v1/conversations", "conversations:read"),
        ("PATCH", "/api/v1/workspace", "settings:write"),
    ):
        status, problem = live_app.call(method, path, {} if method != "GET" else None, token=token)
        assert (status, problem["code"], problem["scope"]) == (403, "missing_scope", scope)
    assert live_app.upload(base, "a.txt", b"x", token=token)[0] == 403
    assert live_app.call("GET", "/api/v1/auth/me", token=token)[1]["code"] == "staff_only"


def test_that_a_keys_secret_is_shown_once_and_stored_hashed(live_app: LiveApp) -> None:
    made = make_key(live_app, "agents:read")
    listed = live_app.api("GET", "/api-keys?limit=200")[1]["items"]
    entry = next(one for one in listed if one["id"] == made["id"])
    assert made["key"].startswith(entry["prefix"])
    assert "key" not in entry
    stored = b"".join(path.read_bytes() for path in live_app.home.glob("agentflow.sqlite*"))
    assert entry["prefix"].encode() in stored
    assert made["key"].encode() not in stored


def test_that_a_revoked_key_stops_at_once(live_app: LiveApp) -> None:
    made = make_key(live_app, "agents:read")
    assert live_app.call("GET", "/api/v1/agents", token=made["key"])[0] == 200
    status, revoked = live_app.api("DELETE", f"/api-keys/{made['id']}")
    assert status == 200
    assert revoked["revoked_at"] is not None
    status, problem = live_app.call("GET", "/api/v1/agents", token=made["key"])
    assert (status, problem["code"]) == (401, "no_credential")


@pytest.mark.parametrize(
    "body",
    [
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": ""},
        {"time_zone": "../etc/passwd"},
        {"locale": "english"},
        {"name": ""},
        {"name": None, "owner": "me"},
        {"text_overrides": {"no_answer": "Sorry"}},
        {"text_overrides": {"no_anser": {"en": "Sorry"}}},
        {"text_overrides": {"no_answer": {"english": "Sorry"}}},
        {"text_overrides": {"no_answer": {"en": "S" * 2001}}},
    ],
)
def test_that_a_workspace_takes_only_what_it_understands(live_app: LiveApp, body: dict[str, Any]) -> None:
    before = live_app.api("GET", "/workspace")
    status, problem = live_app.api("PATCH", "/workspace", body)
    assert (status, problem["code"]) == (422, "invalid_input")
    assert problem["fields"][0]["field"].startswith("body.")
    assert problem["detail"].endswith(".")
    assert "Value error" not in problem["detail"]  # the name of an exception is nothing for people
    assert live_app.api("GET", "/workspace") == before


def test_that_an_override_changes_the_text_that_a_customer_gets(live_app: LiveApp) -> None:
    ours = "Ahoy! That is not in our logbook."
    changed = live_app.api("PATCH", "/workspace", {"text_overrides": {"no_answer": {"en": ours}}})
    assert changed[0] == 200
    try:
        visitor = live_app.visit()
        visitor.say("How many moons does Jupiter have?", "override")
        assert visitor.wait_for_answer()["text"] == ours
    finally:
        assert live_app.api("PATCH", "/workspace", {"text_overrides": {}})[0] == 200
    visitor = live_app.visit()
    visitor.say("How many moons does Jupiter have?", "without")
    assert visitor.wait_for_answer()["text"] == "I am sorry, I have no information about that."
