"""One inbound message, start to end: the file to read first.

A job runs `answer` once per inbound message, one at a time per conversation. Each step is a short transaction
of its own and none is open while the model or a send runs, so a crash anywhere repeats the step in flight:
the answer is written again under the same message id as a new attempt, or, once it is stored, only sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol

from agentflow.agents.replies import CheckedSentence, Outcome, TurnRequest
from agentflow.kit.db import Database
from agentflow.kit.rates import seconds_to_wait
from agentflow.kit.telemetry import TURNS, span
from channels.outbox import Sender
from crm.inbox import service as inbox
from crm.inbox.errors import OwnerChanged
from crm.inbox.schemas import Answering, AnswerOutcome
from crm.teams import service as teams
from crm.teams import texts
from knowledge.gaps import service as gaps

DAY = 24 * 60 * 60
TYPING_AFTER_SECONDS = 0.3
GATHER_SECONDS = (
    0.01  # an offline answer is ready all at once, and is shown by the transaction that stores it
)


class Replier(Protocol):
    """Writes one answer; the agent runner is one."""

    async def reply(
        self, request: TurnRequest, on_sentence: Callable[[CheckedSentence], Awaitable[None]]
    ) -> Outcome:
        """Hand each checked sentence to `on_sentence` as soon as it stands; return the whole."""
        ...

    async def over_the_cap(
        self, request: TurnRequest, on_sentence: Callable[[CheckedSentence], Awaitable[None]]
    ) -> Outcome:
        """What is said when the site has used up its answers of today."""
        ...


@dataclass(frozen=True)
class Desk:
    """What a turn needs."""

    db: Database
    replier: Replier
    sender: Sender


async def answer(desk: Desk, conversation_id: str, seq: int) -> None:
    """Answer message `seq` of a conversation, unless that is not, or no longer, ours to do."""
    with span("turn", conversation=conversation_id, seq=seq):
        with span("begin"):
            answering, within_cap = await _begin(desk, conversation_id, seq)
        if answering is None:
            # What an earlier run of this job stored and did not live to send.
            await desk.sender.send_pending(conversation_id)
            return
        telling = Telling(desk, answering)
        try:
            write = desk.replier.reply if within_cap else desk.replier.over_the_cap
            outcome = await write(_request(answering), telling.say)
            await telling.end()
            with span("store", action=outcome.action):
                async with desk.db.transaction() as session:
                    finished = await inbox.finish_answer(session, answering, _stored(outcome))
                    if outcome.gap is not None:
                        gaps.note(
                            session, answering.workspace_id, answering.agent_id, conversation_id, outcome.gap
                        )
        except OwnerChanged:
            return  # a person took over: nothing more is said
        finally:
            await telling.stop()
        TURNS.labels(action=outcome.action).inc()
        await desk.sender.send(finished.outbox_id)


async def _begin(desk: Desk, conversation_id: str, seq: int) -> tuple[Answering | None, bool]:
    """The right to answer, and whether the account still has answers left today."""
    limit = desk.db.settings.livechat.turns_per_day
    history = desk.db.settings.turn.history_messages
    async with desk.db.transaction() as session:
        answering = await inbox.begin_answer(session, conversation_id, seq, history_messages=history)
        if answering is None:
            return None, False
        account = answering.account_id
        return answering, not await seconds_to_wait(session, "turns", account, limit=limit, seconds=DAY)


class Telling:
    """Shows the visitor checked sentences at once; those that are ready while one is written go together.

    Until the first one, a visitor who waits longer than a moment sees that somebody types.
    """

    def __init__(self, desk: Desk, answering: Answering) -> None:
        self._desk = desk
        self._answering = answering
        self._waiting: list[CheckedSentence] = []
        self._gathered = asyncio.Event()
        self._ended = False
        self._writing: asyncio.Task[None] | None = None
        self._typing = asyncio.create_task(self._show_typing())

    async def say(self, sentence: CheckedSentence) -> None:
        """Show the next sentence. Raises OwnerChanged as soon as that is known."""
        self._typing.cancel()
        self._waiting.append(sentence)
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def end(self) -> None:
        """Wait until what was begun is shown; storing the answer shows the rest. Raises OwnerChanged."""
        self._ended = True
        self._gathered.set()
        if self._writing is not None:
            await self._writing

    async def stop(self) -> None:
        """Leave nothing running, however the answer ended."""
        tasks = [task for task in (self._typing, self._writing) if task is not None]
        self._typing.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gathered.wait(), GATHER_SECONDS)
        while self._waiting and not self._ended:
            batch, self._waiting = self._waiting, []
            with span("sentence", sentences=len(batch)):
                async with self._desk.db.transaction() as session:
                    await inbox.add_sentences(session, self._answering, [asdict(one) for one in batch])

    async def _show_typing(self) -> None:
        await asyncio.sleep(TYPING_AFTER_SECONDS)
        mine = self._answering
        await self._desk.sender.typing(
            mine.channel, mine.conversation_id, mine.workspace_id, mine.contact_ref
        )


async def give_up(desk: Desk, conversation_id: str, seq: int) -> None:
    """The answer failed again and again: say so, and let people take over."""
    async with desk.db.transaction() as session:
        answering = await inbox.begin_answer(session, conversation_id, seq)
        if answering is None:
            return
        workspace = await teams.get_workspace(session, answering.workspace_id)
        overrides = json.loads(workspace.text_overrides)
        said = texts.text("model_trouble", answering.locale, overrides)
        outcome = AnswerOutcome(
            action="handoff",
            text=said,
            sentences=[{"text": said, "citations": (), "kind": "stock"}],
            language=answering.locale[:2],
            reason="model_unavailable",
        )
        finished = await inbox.finish_answer(session, answering, outcome)
    await desk.sender.send(finished.outbox_id)


def _request(answering: Answering) -> TurnRequest:
    return TurnRequest(
        workspace_id=answering.workspace_id,
        agent_id=answering.agent_id,
        conversation_id=answering.conversation_id,
        contact_id=answering.contact_id,
        question=answering.question,
        history=answering.history,
        failed_turns=answering.failed_turns,
        locale=answering.locale,
    )


def _stored(outcome: Outcome) -> AnswerOutcome:
    """The outcome as the inbox keeps it; the trace lets staff replay what the agent saw and did."""
    return AnswerOutcome(
        action=outcome.action,
        text=outcome.text,
        sentences=[asdict(sentence) for sentence in outcome.sentences],
        language=outcome.language,
        team_id=outcome.handoff.team_id if outcome.handoff else None,
        reason=outcome.handoff.reason if outcome.handoff else None,
        failed=outcome.failed,
        trace={
            "model": outcome.model,
            "guardrail": outcome.guardrail,
            "tool_calls": [asdict(call) for call in outcome.tool_calls],
            "passages": [{"chunk_id": one.chunk_id, "score": one.score} for one in outcome.passages],
            "timings_ms": outcome.timings_ms,
            **outcome.trace,
        },
    )
