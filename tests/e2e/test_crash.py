"""kill -9 anywhere: afterwards each message has exactly one answer, and each source is ready or failed."""

from __future__ import annotations

import random
import sys
import time
import urllib.error
from collections import Counter

import pytest

from tests.e2e.killer import INGEST_PLACES, TURN_PLACES
from tests.e2e.live import LiveApp, Visitor

SERVE = (sys.executable, "-m", "tests.e2e.killer", "serve")
# A dead worker's jobs are adopted once its lease is over.
QUICK = {"AGENTFLOW_JOBS__LEASE_SECONDS": "1", "AGENTFLOW_INGEST__LEASE_SECONDS": "3"}
DRAWS = 4
QUESTIONS = (
    "How long do I have to return something?",
    "What does standard delivery within the Netherlands cost?",
    "When is the shop in Haarlem open?",
    "How long is the warranty on a lamp?",
    "What does the Dune floor lamp cost?",
    "How is a woollen blanket washed?",
)


def died(app: LiveApp) -> bool:
    return app.process is not None and app.process.poll() is not None


def say(visitor: Visitor, text: str, client_id: str) -> bool:
    """False when the server died before it answered; the client tries again with the same id."""
    try:
        return visitor.say(text, client_id)[0] == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def start_doomed(app: LiveApp, place: str) -> None:
    """A server that dies at `place`. A job left over from the last one may reach it at once: then again."""
    for _ in range(4):
        app.stop()
        try:
            app.start(SERVE, TEST_KILL=f"{place}:1")
        except AssertionError:
            if not died(app):
                raise
            app.start(SERVE)
            app.wait_for_knowledge(60)
            time.sleep(3)  # for whatever is adopted only after its lease
        else:
            return
    raise AssertionError("the server died four times before it was asked anything")


def wait_for_death(app: LiveApp, visitor: Visitor | None = None) -> None:
    def dead() -> bool:
        if visitor is not None and not died(app):
            try:
                visitor.poll(0)
            except (urllib.error.URLError, ConnectionError):
                return died(app)
        return died(app)

    app.wait_until(dead, 40)


@pytest.mark.timeout(600)
def test_that_each_message_gets_exactly_one_answer(fresh_app: LiveApp) -> None:
    rng = random.Random()
    places = rng.sample(TURN_PLACES, DRAWS)
    print("killed at", places)
    fresh_app.environment = {**fresh_app.environment, **QUICK}
    fresh_app.start(SERVE)
    fresh_app.wait_for_knowledge()
    visitor = fresh_app.visit()
    for number, (place, question) in enumerate(zip(places, QUESTIONS, strict=False), 1):
        start_doomed(fresh_app, place)
        accepted = say(visitor, question, f"q-{number}")
        wait_for_death(fresh_app, visitor)
        fresh_app.start(SERVE)
        if not accepted:
            assert say(visitor, question, f"q-{number}")
        visitor.wait_for_answer(number)
    status, page = fresh_app.api("GET", f"/conversations/{visitor.conversation_id}/messages?limit=200")
    assert status == 200
    assert [message["seq"] for message in page["items"]] == list(range(1, 2 * DRAWS + 1))
    assert [message["author"] for message in page["items"]] == ["contact", "agent"] * DRAWS
    assert [message["text"] for message in page["items"][::2]] == list(QUESTIONS[:DRAWS])
    shown = Counter(message["message_id"] for message in visitor.messages("agent", "contact"))
    assert shown == Counter(message["id"] for message in page["items"])


@pytest.mark.timeout(600)
def test_that_each_source_is_ready_or_failed(fresh_app: LiveApp) -> None:
    rng = random.Random()
    places = rng.sample(INGEST_PLACES, DRAWS)
    print("killed at", places)
    fresh_app.environment = {**fresh_app.environment, **QUICK}
    fresh_app.start(SERVE)
    fresh_app.wait_for_knowledge()
    base = fresh_app.knowledge_base()
    for number, place in enumerate(places, 1):
        start_doomed(fresh_app, place)
        text = f"The code of locker {number} is {number}{number}07. " + "It is kept at the front desk. " * 40
        try:
            status, _ = fresh_app.upload(base, f"locker {number}.txt", text.encode())
            assert status == 202
        except (urllib.error.URLError, ConnectionError):
            pass  # the job began, and the server died, before the upload was answered
        wait_for_death(fresh_app)
        fresh_app.start(SERVE)
        fresh_app.wait_for_knowledge(60)
    lockers = {source["name"]: source for source in fresh_app.sources() if "locker" in source["name"]}
    assert {source["state"] for source in lockers.values()} == {"ready"}
    assert len(lockers) == DRAWS
    visitor = fresh_app.visit()
    visitor.say(f"What is the code of locker {DRAWS}?", "locker")
    assert f"{DRAWS}{DRAWS}07" in visitor.wait_for_answer()["text"]
