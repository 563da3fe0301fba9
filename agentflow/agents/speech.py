"""What reaches the customer: a model's stream cut into sentences, each checked before it leaves.

A greeting waits for something to say: alone, in front of a refusal, it would only be noise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentflow.agents.replies import CheckedSentence, Citation
from agentflow.agents.sentences import SentenceSplitter, plain
from agentflow.kit.telemetry import SENTENCES

OnSentence = Callable[[CheckedSentence], Awaitable[None]]
Check = Callable[[str], Awaitable[CheckedSentence | None]]


class Interrupted(Exception):
    """`on_sentence` refused to go on (a person took over); `cause` is what it raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _unchecked(_sentence: str) -> CheckedSentence | None:
    return None


@dataclass
class Speech:
    """One answer while it is being spoken. `limit` counts sentences that state facts.

    `check` says what a sentence is; until it is set, nothing a model says gets out.
    """

    on_sentence: OnSentence
    check: Check = _unchecked
    on_first: Callable[[], None] = lambda: None
    limit: int = 1
    said: list[CheckedSentence] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    held: list[CheckedSentence] = field(default_factory=list)
    leads: list[CheckedSentence] = field(default_factory=list)
    _splitter: SentenceSplitter = field(default_factory=SentenceSplitter)
    _earlier: frozenset[Citation] = frozenset()

    @property
    def asked(self) -> bool:
        """Whether the customer was asked something."""
        return any(sentence.kind == "question" for sentence in self.said)

    @property
    def facts(self) -> int:
        """How many sentences that state facts were said."""
        return sum(1 for sentence in self.said if sentence.kind == "fact")

    @property
    def full(self) -> bool:
        """Whether the set answer length is reached."""
        return self.facts >= self.limit

    def begin(self, *leads: CheckedSentence) -> None:
        """A model starts to speak; `leads` come before its first sentence, if it has one.

        What a model before it left unfinished is forgotten.
        """
        self.leads = list(leads)
        self._splitter = SentenceSplitter()
        self.held.clear()
        self._earlier = frozenset(citation for sentence in self.said for citation in sentence.citations)

    async def hear(self, piece: str) -> None:
        """Take a piece of the stream and say what is complete. Raises Interrupted."""
        for sentence in self._splitter.feed(piece):
            await self._consider(sentence)

    async def finish(self) -> None:
        """The stream has ended. Raises Interrupted."""
        for sentence in self._splitter.flush():
            await self._consider(sentence)

    async def greet(self) -> None:
        """Say the greetings that were held back: nothing else will come. Raises Interrupted."""
        while self.held:
            await self.say(self.held.pop(0))

    async def say(self, sentence: CheckedSentence) -> None:
        """Hand a sentence over. Raises Interrupted."""
        if not self.said:
            self.on_first()
        self.said.append(sentence)
        try:
            await self.on_sentence(sentence)
        except Exception as cause:
            raise Interrupted(cause) from cause

    async def _consider(self, raw: str) -> None:
        text = plain(raw)
        if not text or self.full:
            return
        checked = await self.check(text)
        if checked is None:
            self.dropped.append(text)
            SENTENCES.labels(outcome="dropped").inc()
        elif self._is_repetition(checked):
            SENTENCES.labels(outcome="repeated").inc()
        elif checked.kind in ("greeting", "stock") and not self.said:
            self.held.append(checked)
        else:
            SENTENCES.labels(outcome="said").inc()
            await self._say_with_greeting(checked)

    async def _say_with_greeting(self, sentence: CheckedSentence) -> None:
        if not self.said:
            for lead in self.leads:
                await self.say(lead)
        await self.greet()
        await self.say(sentence)

    def _is_repetition(self, sentence: CheckedSentence) -> bool:
        """Said before word for word, or a second model's wording of what the first one had cited."""
        if any(sentence.text == earlier.text for earlier in self.said):
            return True
        return bool(sentence.citations) and self._earlier.issuperset(sentence.citations)
