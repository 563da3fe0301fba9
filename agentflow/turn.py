"""One inbound message, start to end: the file to read first.

A job runs `answer` once per inbound message, one at a time per conversation. Each step is a short transaction
of its own and none is open while the model or a send runs, so a crash anywhere repeats the step in flight:
the answer is written again under the same message id as a new attempt, or, once it is stored, only sent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from agentflow.agents.replies import CheckedSentence, Outcome, TurnRequest
from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates
from agentflow.kit.telemetry import TURNS, span
from channels.outbox import Sender
from crm.inbox import service as inbox
from crm.inbox.errors import OwnerChanged
from crm.inbox.schemas import Answering, AnswerOutcome
from crm.teams import service as teams
from crm.teams import texts

DAY = 24 * 60 * 60


class Replier(Protocol):
    """Writes one answer; the agent runner is one."""

    async def reply(
        self, request: TurnRequest, on_sentence: Callable[[int, CheckedSentence], Awaitable[None]]
    ) -> Outcome:
        """Hand each checked sentence to `on_sentence` as soon as it stands; return the whole."""
        ...

    async def over_the_cap(self, request: TurnRequest) -> Outcome:
        """What is said when the site has used up its answers of today."""
        ...


@dataclass(frozen=True)
class Desk:
    """What a turn needs."""

    db: Database
    replier: Replier
    sender: Sender
    rates: Rates


async def answer(desk: Desk, conversation_id: str, seq: int) -> None:
    """Answer message `seq` of a conversation, unless that is not, or no longer, ours to do."""
    with span("turn", conversation=conversation_id, seq=seq):
        await desk.sender.send_pending(conversation_id)  # what a crash left between storing and sending
        with span("begin"):
            async with desk.db.transaction() as session:
                answering = await inbox.begin_answer(session, conversation_id, seq)
        if answering is None:
            return
        await desk.sender.typing(
            answering.channel, answering.conversation_id, answering.workspace_id, answering.contact_ref
        )
        try:
            outcome = await _reply(desk, answering)
            with span("store", action=outcome.action):
                async with desk.db.transaction() as session:
                    finished = await inbox.finish_answer(session, answering, _stored(outcome))
        except OwnerChanged:
            return  # a person took over: nothing more is said
        TURNS.labels(action=outcome.action).inc()
        await desk.sender.send(finished.outbox_id)


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


async def _reply(desk: Desk, answering: Answering) -> Outcome:
    async def say(n: int, sentence: CheckedSentence) -> None:
        with span("sentence", n=n):
            async with desk.db.transaction() as session:
                await inbox.add_sentence(session, answering, n, asdict(sentence))

    request = TurnRequest(
        workspace_id=answering.workspace_id,
        agent_id=answering.agent_id,
        conversation_id=answering.conversation_id,
        contact_id=answering.contact_id,
        question=answering.question,
        history=answering.history,
        failed_turns=answering.failed_turns,
        locale=answering.locale,
    )
    try:
        limit = desk.db.settings.livechat.turns_per_day
        await desk.rates.check("turns", answering.account_id, limit=limit, seconds=DAY)
    except TooMany:
        return await desk.replier.over_the_cap(request)
    return await desk.replier.reply(request, say)


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
