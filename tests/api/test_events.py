"""The live stream of staff, over HTTP: everything once, in order, from wherever a client goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in

QUESTION = "How many days do I have to return an item?"


@pytest.fixture
def console(live_app: LiveApp) -> Iterator[httpx.Client]:
    """A logged-in staff member of the demo workspace."""
    workspace = live_app.api("GET", "/workspace")[1]["id"]
    with browser_of(live_app) as browser:
        log_in(browser, add_person(live_app, workspace))
        yield browser


def page(console: httpx.Client, cursor: int | None = None) -> dict[str, Any]:
    at = {} if cursor is None else {"cursor": cursor}
    answer = console.get("/events", params=at)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read_stream(console: httpx.Client, last: int, until: str) -> list[tuple[int, str, dict[str, Any]]]:
    """What comes after `last`, up to the first event of the kind `until`."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    seen: list[tuple[int, str, dict[str, Any]]] = []
    with console.stream("GET", "/events", headers=headers, timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "id" in fields:
                seen.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
                if seen[-1][1] == until:
                    return seen
    raise AssertionError(seen)


def test_that_staff_see_a_conversation_live_and_go_on_where_they_were(
    live_app: LiveApp, console: httpx.Client
) -> None:
    start = page(console)["cursor"]
    visitor = live_app.visit()
    visitor.say(QUESTION, "first")
    visitor.wait_for_answer()
    path = f"/conversations/{visitor.conversation_id}"
    assert console.post(f"{path}/assign", json={"nobody": True}).json()["owner_kind"] == "nobody"
    note = console.post(f"{path}/notes", json={"text": "She is a regular"})
    assert note.status_code == 201, note.text

    seen = read_stream(console, start, "note")
    mine = [
        (kind, payload) for _, kind, payload in seen if payload["conversation_id"] == visitor.conversation_id
    ]
    kinds = [kind for kind, _ in mine]
    assert kinds[0] == "conversation"
    assert {"message", "assignment", "handoff", "note"} <= set(kinds)
    assert [payload["role"] for kind, payload in mine if kind == "message"] == ["contact", "agent"]
    assert mine[-1][1]["note_id"] == note.json()["id"]
    cursors = [cursor for cursor, _, _ in seen]
    assert cursors == sorted(set(cursors))
    middle = cursors[len(cursors) // 2]
    again = read_stream(console, middle, "note")
    assert [one[0] for one in again] == [cursor for cursor in cursors if cursor > middle]
    assert [one["cursor"] for one in page(console, middle)["events"]][: len(again)] == [
        one[0] for one in again
    ]

    visitor.poll(0)
    assert not {"conversation", "assignment", "note"} & {event["kind"] for event in visitor.events}
    assert "regular" not in json.dumps(visitor.events)


def test_that_the_stream_is_of_the_callers_workspace_and_needs_its_scope(
    live_app: LiveApp, other_workspace_key: str
) -> None:
    visitor = live_app.visit()
    visitor.say("Hello", "hello")
    status, answer = live_app.call("GET", "/api/v1/events?cursor=0", token=other_workspace_key)
    assert status == 200
    assert visitor.conversation_id not in json.dumps(answer)
    made = live_app.api("POST", "/api-keys", {"name": "k", "scopes": ["knowledge:read"]})[1]
    assert live_app.call("GET", "/api/v1/events", token=made["key"])[0] == 403
    assert live_app.call("GET", "/api/v1/events")[0] == 401


def test_that_news_comes_at_once(live_app: LiveApp, console: httpx.Client) -> None:
    visitor = live_app.visit()
    start = page(console)["cursor"]
    began = time.monotonic()
    visitor.say("Hello", "hello")
    read_stream(console, start, "message")
    assert time.monotonic() - began < 5


def test_that_a_cursor_that_was_not_given_yet_is_refused(console: httpx.Client) -> None:
    newest = page(console)["cursor"]
    assert page(console, newest)["cursor"] >= newest
    for ahead in ({"params": {"cursor": 2**40}}, {"headers": {"Last-Event-ID": str(2**40)}}):
        answer = console.get("/events", **ahead)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), answer.text


def test_that_lists_statuses_and_reading_work_over_http(live_app: LiveApp, console: httpx.Client) -> None:
    visitor = live_app.visit()
    visitor.say("Hello", "hello")
    path = f"/conversations/{visitor.conversation_id}"

    def ids(query: str) -> list[str]:
        found = console.get(f"/conversations?limit=200&{query}")
        assert found.status_code == 200, found.text
        return [one["id"] for one in found.json()["items"]]

    assert visitor.conversation_id in ids("view=unread&status=open")
    assert console.post(f"{path}/read").status_code == 204
    assert visitor.conversation_id not in ids("view=unread")
    assert console.post(f"{path}/status", json={"status": "pending"}).status_code == 422
    assert console.post(f"{path}/status", json={"status": "closed"}).json()["status"] == "closed"
    assert visitor.conversation_id in ids("status=closed&status=pending")
    assert console.post(f"{path}/take-over").status_code == 200
    assert visitor.conversation_id in ids("view=mine")
    assert console.post(f"{path}/assign", json={"staff_id": "stf_none"}).status_code == 404
    assert console.post(f"{path}/assign", json={}).status_code == 422
    assert console.post(f"{path}/notes", json={"text": "x" * 1_000_000}).status_code == 422
    status, problem = live_app.api("GET", "/conversations?view=mine")
    assert (status, problem["code"]) == (403, "staff_only")
