"""Over HTTP: a question without an answer becomes a gap, gets an answer in the FAQ, and is known."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.test_knowledge import NO_ANSWER, Shelf, locker
from tests.e2e.live import LiveApp

PIANO = "Is there a piano in the waiting room?"
ANSWER = "A piano stands in the waiting room. Everybody may play the piano until six in the evening."


@pytest.fixture
def shelf(live_app: LiveApp) -> Shelf:
    status, made = live_app.api("POST", "/knowledge-bases", {"name": "Shelf"})
    assert status == 201
    shelf = Shelf(live_app, made["id"])
    shelf.add("lockers.txt", locker(4711))
    return shelf


def listed(shelf: Shelf, query: str = "") -> list[dict[str, Any]]:
    status, page = shelf.app.api("GET", f"/knowledge-bases/{shelf.id}/gaps?{query}")
    assert status == 200, page
    items: list[dict[str, Any]] = page["items"]
    return items


def test_that_a_question_without_an_answer_is_listed_answered_and_closed(shelf: Shelf) -> None:
    desk = shelf.desk()
    assert desk.ask(PIANO)["text"].startswith(NO_ANSWER)
    assert "4711" in desk.ask("What is the code of the red locker?")["text"]
    (gap,) = listed(shelf)
    assert (gap["question"], gap["count"], gap["state"], gap["examples"]) == (PIANO, 1, "open", [PIANO])
    status, drafted = shelf.app.api("POST", f"/gaps/{gap['id']}/draft")
    assert status == 200
    assert drafted["gap"]["draft"] == {"question": PIANO, "answer": ""}
    assert [one["source"] for one in drafted["suggestions"]] == ["lockers.txt"]
    status, problem = shelf.app.api("POST", f"/gaps/{gap['id']}/publish", {"answer": "  "})
    assert (status, problem["code"]) == (422, "draft_without_answer")
    status, published = shelf.app.api("POST", f"/gaps/{gap['id']}/publish", {"answer": ANSWER})
    assert status == 200, published
    assert published["published_at"] is not None
    shelf.app.wait_until(lambda: listed(shelf) == [], 40)
    assert [one["id"] for one in listed(shelf, "state=closed")] == [gap["id"]]
    answer = desk.ask(PIANO)
    assert "A piano stands in the waiting room." in answer["text"]
    assert answer["sentences"][0]["citations"][0]["title"] == "FAQ.txt"


def test_that_a_dismissal_can_be_undone(shelf: Shelf) -> None:
    shelf.desk().ask(PIANO)
    (gap,) = listed(shelf)
    assert shelf.app.api("POST", f"/gaps/{gap['id']}/dismiss")[1]["state"] == "dismissed"
    assert listed(shelf) == []
    assert [one["id"] for one in listed(shelf, "state=dismissed&state=closed")] == [gap["id"]]
    assert shelf.app.api("POST", f"/gaps/{gap['id']}/reopen")[1]["state"] == "open"
    assert [one["id"] for one in listed(shelf)] == [gap["id"]]


def test_that_another_workspace_and_a_lesser_key_see_no_gaps(shelf: Shelf, other_workspace_key: str) -> None:
    shelf.desk().ask(PIANO)
    (gap,) = listed(shelf)
    body = {"name": "files only", "scopes": ["knowledge:read", "knowledge:write"]}
    lesser = shelf.app.api("POST", "/api-keys", body)[1]["key"]
    for key, refused in ((other_workspace_key, 404), (lesser, 403)):
        path = f"/api/v1/knowledge-bases/{shelf.id}/gaps"
        assert shelf.app.call("GET", path, token=key)[0] == refused
        for verb in ("draft", "dismiss", "reopen"):
            assert shelf.app.call("POST", f"/api/v1/gaps/{gap['id']}/{verb}", token=key)[0] == refused
        answer = {"answer": ANSWER}
        assert shelf.app.call("POST", f"/api/v1/gaps/{gap['id']}/publish", answer, token=key)[0] == refused
    assert [one["state"] for one in listed(shelf)] == ["open"]
    assert shelf.names() == ["lockers.txt"]


def test_that_odd_requests_are_refused(shelf: Shelf) -> None:
    for query in ("state=lost", "limit=0", "cursor=nonsense", f"cursor={quote('x')}"):
        assert shelf.app.api("GET", f"/knowledge-bases/{shelf.id}/gaps?{query}")[0] in (400, 422), query
    assert shelf.app.api("POST", "/gaps/gap_none/draft")[0] == 404
    assert shelf.app.api("POST", "/gaps/gap_none/publish", {"answer": "x", "more": 1})[0] == 422
