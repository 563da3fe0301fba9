"""Over HTTP: notes, reminders, the log, objects and files of a contact."""

from __future__ import annotations

from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in


@pytest.fixture
def contact(live_app: LiveApp) -> str:
    status, made = live_app.api("POST", "/contacts", {"first_name": "Maria"})
    assert status == 201, made
    return str(made["id"])


def items(app: LiveApp, path: str) -> list[dict[str, Any]]:
    status, page = app.api("GET", path)
    assert status == 200, page
    found: list[dict[str, Any]] = page["items"]
    return found


def test_that_notes_are_written_paged_and_too_long_ones_refused(live_app: LiveApp, contact: str) -> None:
    for text in ("One", "Two", "Three"):
        assert live_app.api("POST", f"/contacts/{contact}/notes", {"text": text})[0] == 201
    first = live_app.api("GET", f"/contacts/{contact}/notes?limit=2")[1]
    rest = items(live_app, f"/contacts/{contact}/notes?limit=2&cursor={first['next_cursor']}")
    assert [note["text"] for note in (*first["items"], *rest)] == ["Three", "Two", "One"]
    status, problem = live_app.api("POST", f"/contacts/{contact}/notes", {"text": "x" * 1024 * 1024})
    assert (status, problem["code"]) == (422, "invalid_input")
    assert problem["fields"] == [
        {"field": "body.text", "problem": "String should have at most 20000 characters"}
    ]
    assert live_app.api("POST", f"/contacts/{contact}/notes", {"text": "x" * 20_000})[0] == 201
    for odd in ("", "   ", "\ud800"):
        assert live_app.api("POST", f"/contacts/{contact}/notes", {"text": odd})[0] in (400, 422)
    kinds = {line["kind"] for line in items(live_app, f"/contacts/{contact}/activity")}
    assert "note_added" in kinds


def test_that_a_reminder_is_told_by_the_server_and_listed(live_app: LiveApp, contact: str) -> None:
    person = add_person(live_app, live_app.api("GET", "/workspace")[1]["id"])
    with browser_of(live_app) as browser:
        log_in(browser, person)
        body = {"text": "Call Maria back", "due_at": "2026-01-01T09:00:00+01:00"}
        made = browser.post(f"/contacts/{contact}/reminders", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["due_at"] == "2026-01-01T08:00:00Z"

    def mailed() -> bool:
        folder = live_app.home / "mail"
        mails = [path.read_text() for path in folder.glob("*.eml")] if folder.is_dir() else []
        return sum("Reminder: Maria" in mail and person.email in mail for mail in mails) == 1

    live_app.wait_until(mailed, 40)
    (fired,) = items(live_app, f"/contacts/{contact}/reminders?state=fired")
    assert fired["id"] == made.json()["id"]
    changed = live_app.api("PATCH", f"/contacts/{contact}/reminders/{fired['id']}", {"completed": True})[1]
    assert changed["completed_at"] is not None
    assert items(live_app, f"/contacts/{contact}/reminders?state=fired") == []
    for query in ("cursor=bm93", "cursor=x", "state=lost"):
        assert live_app.api("GET", f"/reminders?{query}")[0] in (400, 422), query


def test_that_a_key_cannot_set_a_reminder_for_nobody(live_app: LiveApp, contact: str) -> None:
    body = {"text": "x", "due_at": "2036-01-01T09:00:00Z"}
    status, problem = live_app.api("POST", f"/contacts/{contact}/reminders", body)
    assert (status, problem["code"], problem["field"]) == (422, "nobody_to_remind", "staff_id")
    body["due_at"] = "2036-01-01T09:00:00"
    assert live_app.api("POST", f"/contacts/{contact}/reminders", body)[0] == 422


def test_that_an_admin_defines_objects_and_only_an_admin(live_app: LiveApp, contact: str) -> None:
    kind = {
        "key": "membership",
        "name": "Membership",
        "title_field": "card",
        "fields": [
            {"key": "card", "name": "Card", "type": "text"},
            {"key": "level", "name": "Level", "type": "choice", "choices": ["gold", "silver"]},
        ],
    }
    status, made = live_app.api("POST", "/object-definitions", kind)
    assert status == 201, made
    scopes = {"name": "contacts", "scopes": ["contacts:read", "contacts:write"]}
    lesser = live_app.api("POST", "/api-keys", scopes)[1]["key"]
    assert live_app.call("POST", "/api/v1/object-definitions", kind, token=lesser)[0] == 403
    path = f"/object-definitions/{made['id']}/records"
    body = {"values": {"card": "M-1/ä", "level": "gold"}, "contact_ids": [contact]}
    status, record = live_app.call("PUT", f"/api/v1{path}", body, token=lesser)
    assert status == 200, record
    assert items(live_app, f"{path}?field=level&operator=eq&value=gold")[0]["id"] == record["id"]
    assert [one["title"] for one in items(live_app, f"/contacts/{contact}/objects")] == ["M-1/ä"]
    status, problem = live_app.api("POST", path, {"values": {"card": "2", "level": "bronze"}})
    assert (status, problem["code"], problem["allowed"]) == (422, "type_mismatch", "one of: gold, silver")
    for wrong in (
        {**kind, "key": "Order Nr"},
        {**kind, "title_field": "level"},
        {**kind, "fields": kind["fields"] * 2},  # type: ignore[operator]
        {**kind, "fields": []},
    ):
        assert (
            live_app.api("POST", "/object-definitions", {**wrong, "x": 1} if wrong == kind else wrong)[0]
            == 422
        )


def test_that_a_file_comes_back_as_a_download(live_app: LiveApp, contact: str) -> None:
    path = f"/api/v1/contacts/{contact}/files"
    status, made = live_app.send_file(path, "invoice.pdf", b"%PDF-1.7 paid")
    assert (status, made["content_type"], made["size"]) == (201, "application/pdf", 13)
    ask = Request(f"{live_app.url}{path}/{made['id']}")
    ask.add_header("Authorization", f"Bearer {live_app.api_key}")
    with urlopen(ask) as answer:
        assert answer.read() == b"%PDF-1.7 paid"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''invoice.pdf"
    status, problem = live_app.send_file(path, "invoice.pdf", b"<html><script>")
    assert (status, problem["code"]) == (415, "file_kind_not_kept")
    assert live_app.api("DELETE", f"/contacts/{contact}/files/{made['id']}")[1]["deleted_at"] is not None
    assert live_app.api("GET", f"/contacts/{contact}/files/{made['id']}")[0] == 404
    assert live_app.api("POST", f"/contacts/{contact}/files/{made['id']}/restore")[0] == 200
    assert [one["name"] for one in items(live_app, f"/contacts/{contact}/files")] == ["invoice.pdf"]


def test_that_a_conversation_shows_its_contact_and_a_merge_is_undone(live_app: LiveApp, contact: str) -> None:
    visitor = live_app.visit()
    visitor.say("Hello", "panel-1")
    status, panel = live_app.api("GET", f"/conversations/{visitor.conversation_id}/panel")
    assert status == 200, panel
    talker = panel["conversation"]["contact_id"]
    assert "message_received" in [line["kind"] for line in panel["profile"]["middle"]["activity"]]
    status, merged = live_app.api("POST", f"/contacts/{contact}/merge", {"other_id": talker})
    assert status == 200, merged
    assert live_app.api("GET", f"/contacts/{talker}/profile")[0] == 404
    profile = live_app.api("GET", f"/contacts/{contact}/profile")[1]
    assert profile["left"]["contact"]["identities"][0]["channel"] == "livechat"
    assert [one["id"] for one in items(live_app, f"/contacts/{contact}/merges")] == [merged["id"]]
    undone = live_app.api("POST", f"/contact-merges/{merged['id']}/undo")[1]
    assert undone["undone_at"] is not None
    assert live_app.api("GET", f"/contacts/{talker}/duplicates") == (200, [])
    counted = live_app.api("GET", "/usage/monthly-active-contacts")[1]
    assert counted["active"] >= 1
    assert live_app.api("GET", "/usage/monthly-active-contacts?month=2026-1")[1]["code"] == "bad_month"
