"""kill -9 anywhere in a turn: afterwards each message has exactly one answer."""

from __future__ import annotations

import random
import urllib.error
from collections import Counter

import pytest

from tests.e2e.dying import Dying
from tests.e2e.killer import TURN_PLACES
from tests.e2e.live import LiveApp

QUESTIONS = (
    "How long do I have to return something?",
    "What does standard delivery within the Netherlands cost?",
    "When is the shop in Haarlem open?",
    "How long is the warranty on a lamp?",
)


@pytest.mark.timeout(600)
def test_that_each_message_gets_exactly_one_answer(fresh_app: LiveApp, dice: random.Random) -> None:
    places = dice.sample(TURN_PLACES, len(QUESTIONS))
    dying = Dying(fresh_app)
    fresh_app.start()
    fresh_app.wait_for_knowledge()
    visitor = fresh_app.visit()

    def dead() -> bool:
        try:
            visitor.poll(0)
        except (urllib.error.URLError, ConnectionError):
            return dying.dead
        return dying.dead

    for number, (place, question) in enumerate(zip(places, QUESTIONS, strict=True), 1):
        print("killed at", place)
        dying.doom(place)
        accepted = dying.attempt(lambda: visitor.say(question, f"q-{number}"))  # noqa: B023 - called at once
        fresh_app.wait_until(dead, 40)
        dying.bury()
        fresh_app.start()
        if accepted is None:  # the client tries again with the same id
            accepted = visitor.say(question, f"q-{number}")
        assert accepted[0] == 200
        visitor.wait_for_answer(number)
    status, page = fresh_app.api("GET", f"/conversations/{visitor.conversation_id}/messages?limit=200")
    assert status == 200
    assert [message["seq"] for message in page["items"]] == list(range(1, 2 * len(QUESTIONS) + 1))
    assert [message["author"] for message in page["items"]] == ["contact", "agent"] * len(QUESTIONS)
    assert [message["text"] for message in page["items"][::2]] == list(QUESTIONS)
    shown = Counter(message["message_id"] for message in visitor.messages("agent", "contact"))
    assert shown == Counter(message["id"] for message in page["items"])
