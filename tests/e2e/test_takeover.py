"""A person takes a conversation over and gives it back, all of it over HTTP as the console does it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.live import LiveApp, Visitor
from tests.people import add_person, browser_of, log_in

QUESTION = "How many days do I have to return an item?"
SHOP = "When is the shop in Haarlem open?"


@pytest.fixture
def console(live_app: LiveApp) -> Iterator[httpx.Client]:
    """A logged-in staff member of the demo workspace, first password changed."""
    workspace = live_app.api("GET", "/workspace")[1]["id"]
    with browser_of(live_app) as browser:
        log_in(browser, add_person(live_app, workspace))
        yield browser


def wait_for(visitor: Visitor, role: str, number: int = 1) -> dict[str, object]:
    end = time.monotonic() + 20
    while len(visitor.messages(role)) < number:
        assert time.monotonic() < end, visitor.events
        visitor.poll()
    return dict(visitor.messages(role)[number - 1])


def silence(visitor: Visitor) -> list[str]:
    """The kinds of event that still come within two seconds."""
    before = len(visitor.events)
    visitor.poll(1)
    visitor.poll(1)
    return [event["kind"] for event in visitor.events[before:]]


def test_that_staff_take_over_answer_and_hand_back(live_app: LiveApp, console: httpx.Client) -> None:
    visitor = live_app.visit()
    visitor.say(QUESTION, "first")
    assert "30 days" in visitor.wait_for_answer()["text"]
    path = f"/conversations/{visitor.conversation_id}"
    taken = console.post(f"{path}/take-over")
    assert (taken.status_code, taken.json()["owner_kind"]) == (200, "staff")
    assert wait_for(visitor, "system")["text"]

    sent = console.post(f"{path}/messages", json={"text": "Ada here, how can I help?"})
    assert (sent.status_code, sent.json()["author"]) == (201, "staff")
    assert wait_for(visitor, "staff")["text"] == "Ada here, how can I help?"

    visitor.say(SHOP, "second")
    assert set(silence(visitor)) <= {"message", "status"}
    assert len(visitor.messages("agent")) == 1
    assert visitor.messages("contact")[-1]["text"] == SHOP

    back = console.post(f"{path}/hand-back")
    assert (back.status_code, back.json()["owner_kind"]) == (200, "agent")
    answer = visitor.wait_for_answer(2)
    assert "10:00" in answer["text"]
    assert answer["sentences"][0]["citations"] or answer["sentences"][1]["citations"]
    read = console.get(f"{path}/messages").json()["items"]
    assert [one["author"] for one in read] == ["contact", "agent", "system", "staff", "contact", "agent"]


def test_that_nothing_is_answered_again_when_staff_have_answered(
    live_app: LiveApp, console: httpx.Client
) -> None:
    visitor = live_app.visit()
    path = f"/conversations/{visitor.conversation_id}"
    assert console.post(f"{path}/take-over").status_code == 200
    visitor.say(SHOP, "asked")
    assert console.post(f"{path}/messages", json={"text": "Tuesday to Saturday."}).status_code == 201
    wait_for(visitor, "staff")
    assert console.post(f"{path}/hand-back").status_code == 200
    silence(visitor)
    assert visitor.messages("agent") == []


def test_that_only_the_owner_answers(live_app: LiveApp, console: httpx.Client) -> None:
    visitor = live_app.visit()
    visitor.say("Hello", "hello")
    path = f"/conversations/{visitor.conversation_id}"
    early = console.post(f"{path}/messages", json={"text": "Hi"})
    assert (early.status_code, early.json()["code"]) == (409, "not_your_conversation")
    workspace = live_app.api("GET", "/workspace")[1]["id"]
    with browser_of(live_app) as colleague:
        log_in(colleague, add_person(live_app, workspace))
        assert colleague.post(f"{path}/take-over").status_code == 200
        assert console.post(f"{path}/messages", json={"text": "Hi"}).status_code == 409
        assert console.post(f"{path}/take-over").status_code == 200  # a colleague may take it from her
        assert colleague.post(f"{path}/messages", json={"text": "Hi"}).status_code == 409
    with browser_of(live_app) as stranger:
        log_in(stranger, add_person(live_app))
        for verb, body in (("take-over", None), ("hand-back", None), ("messages", {"text": "Hi"})):
            assert stranger.post(f"{path}/{verb}", json=body).status_code == 404
    status, problem = live_app.api("POST", f"{path}/take-over")
    assert (status, problem["code"]) == (403, "staff_only")


def test_that_a_customer_who_asks_for_a_human_waits_for_one(live_app: LiveApp, console: httpx.Client) -> None:
    visitor = live_app.visit()
    visitor.say("I want to speak to a human", "human")
    assert visitor.wait_for_answer()["text"] == "I am passing you to Support."
    visitor.poll(0)
    handoff = next(event["payload"] for event in visitor.events if event["kind"] == "handoff")
    assert handoff == {"team": "Support"}
    waiting = console.get("/conversations?owner=nobody&limit=200").json()["items"]
    found = next(one for one in waiting if one["id"] == visitor.conversation_id)
    assert (found["owner_kind"], found["handoff_reason"]) == ("nobody", "customer_asks")
    visitor.say(QUESTION, "after")
    silence(visitor)
    assert len(visitor.messages("agent")) == 1
