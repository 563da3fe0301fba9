"""What of a stream reaches the customer: whole, checked sentences, as soon as they stand."""

from __future__ import annotations

import pytest

from agentflow.agents.replies import CheckedSentence, Citation
from agentflow.agents.speech import Interrupted, Speech


def cited(text: str, start: int = 0) -> CheckedSentence:
    quote = Citation("src_1", "a.txt", 1, None, None, None, start, start + 5, quote="the source")
    return CheckedSentence(text, (quote,))


async def check(text: str) -> CheckedSentence | None:
    """Sentences that say "true" are supported."""
    if text.endswith("?"):
        return CheckedSentence(text, kind="question")
    if text.startswith("Hello"):
        return CheckedSentence(text, kind="greeting")
    return cited(text, len(text)) if "true" in text else None


class Listener:
    def __init__(self, *, limit: int = 4) -> None:
        self.heard: list[str] = []
        self.firsts = 0
        self.speech = Speech(self.on_sentence, check=check, on_first=self.on_first, limit=limit)
        self.speech.begin()

    async def on_sentence(self, sentence: CheckedSentence) -> None:
        self.heard.append(sentence.text)

    def on_first(self) -> None:
        self.firsts += 1

    async def listen(self, *pieces: str) -> list[str]:
        for piece in pieces:
            await self.speech.hear(piece)
        await self.speech.finish()
        return self.heard


async def test_that_a_sentence_leaves_when_it_is_complete_and_not_before() -> None:
    listener = Listener()
    await listener.speech.hear("This is tr")
    assert listener.heard == []
    await listener.speech.hear("ue. And th")
    assert listener.heard == ["This is true."]
    await listener.listen("is is true too.")
    assert listener.heard == ["This is true.", "And this is true too."]
    assert listener.firsts == 1


async def test_that_an_unsupported_sentence_is_dropped_and_counted() -> None:
    listener = Listener()
    assert await listener.listen("This is true. This is made up. Also true.") == [
        "This is true.",
        "Also true.",
    ]
    assert listener.speech.dropped == ["This is made up."]


async def test_that_nothing_gets_out_beyond_the_set_length() -> None:
    listener = Listener(limit=2)
    assert await listener.listen("One true. Two true. Three true.") == ["One true.", "Two true."]
    assert listener.speech.full


async def test_that_a_greeting_waits_for_something_to_say() -> None:
    listener = Listener()
    await listener.speech.hear("Hello there! This is made up. ")
    assert listener.heard == []
    await listener.listen("This is true.")
    assert listener.heard == ["Hello there!", "This is true."]


async def test_that_what_a_broken_stream_left_unfinished_is_forgotten() -> None:
    listener = Listener()
    await listener.speech.hear("One true. Half a sen")
    listener.speech.begin()
    assert await listener.listen("The second is true.") == ["One true.", "The second is true."]


async def test_that_a_second_model_does_not_repeat_what_the_first_has_cited() -> None:
    listener = Listener()
    await listener.speech.hear("One true. Half")
    listener.speech.begin()
    assert await listener.listen("1st true. Another true one.") == ["One true.", "Another true one."]


async def test_that_the_same_sentence_is_said_once() -> None:
    listener = Listener()
    assert await listener.listen("One true. One true.") == ["One true."]


async def test_that_the_opener_comes_only_before_something() -> None:
    listener = Listener()
    listener.speech.begin(CheckedSentence("Happy to help!", kind="stock"))
    await listener.listen("This is made up.")
    assert listener.heard == []
    listener.speech.begin(CheckedSentence("Happy to help!", kind="stock"))
    assert await listener.listen("This is true. So is true.") == [
        "Happy to help!",
        "This is true.",
        "So is true.",
    ]


async def test_that_a_refusal_to_listen_ends_the_speech() -> None:
    async def taken_over(_sentence: CheckedSentence) -> None:
        raise PermissionError("a person took over")

    speech = Speech(taken_over, check=check, limit=4)
    speech.begin()
    with pytest.raises(Interrupted) as stopped:
        await speech.hear("This is true. And")
    assert isinstance(stopped.value.cause, PermissionError)
