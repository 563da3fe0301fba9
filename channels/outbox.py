"""Durable sending. A row is written with the message it carries; a sender claims it, makes exactly one
request, and writes the receipt.

The claim is a transaction of its own in which a predicate from above (`may_send`) locks the conversation and
judges owner and epoch. A claim is good for `claim_seconds`: a sender that was held up longer gives the row
back instead of sending. A takeover waits longer than that for rows in `sending`, so whatever it did not see
cannot begin after it. A row found in `sending` was left by a process that died or lost its lease: it is sent
again only where the channel recognises the repeat, else it becomes `unknown`, for a human to judge.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import jobs
from agentflow.kit.db import Database, now, refuse_inside_transaction
from agentflow.kit.ids import new_id
from agentflow.kit.telemetry import SENDS, span
from channels import repository
from channels.base import Channel
from channels.messages import (
    Actor,
    ErrorClass,
    ErrorInfo,
    OutboundMessage,
    Receipt,
    Signal,
    TextBody,
    VisitorCitation,
    VisitorSentence,
)
from channels.models import OutboxRow

MaySend = Callable[[AsyncSession, OutboxRow], Awaitable[bool]]
OnEnd = Callable[[AsyncSession, OutboxRow], Awaitable[None]]

CLAIM_SECONDS = 4.0
RETRY_SECONDS = (1, 4, 15, 60, 240)
_CLAIMS_PER_JOB = 3
_RETRYABLE = {ErrorClass.TRANSIENT, ErrorClass.THROTTLED_ACCOUNT, ErrorClass.THROTTLED_CONTACT}

log = logging.getLogger(__name__)


def add(session: AsyncSession, msg: OutboundMessage, *, channel: str, owner_epoch: int) -> None:
    """Write a row for `msg` in this transaction; its id is `msg.id`."""
    session.add(
        OutboxRow(
            id=msg.id,
            workspace_id=msg.workspace_id,
            account_id=msg.account_id,
            channel=channel,
            contact_ref=msg.contact_ref,
            conversation_id=msg.conversation_id,
            message_id=msg.message_id,
            seq=msg.seq,
            actor=msg.actor,
            owner_epoch=owner_epoch,
            body=json.dumps(asdict(msg.body), ensure_ascii=False),
            created_at=msg.created_at,
        )
    )


async def cancel_pending(session: AsyncSession, conversation_id: str, *, actor: Actor) -> list[str]:
    """Withdraw what has not been claimed; the ids of the messages that will not be sent."""
    rows = await repository.lock_rows_of_conversation(
        session, conversation_id, actor=actor, states=["pending"]
    )
    for row in rows:
        row.state = "cancelled"
    return [row.message_id for row in rows]


async def is_sending(session: AsyncSession, conversation_id: str, *, actor: Actor) -> bool:
    """Whether somebody holds a claim on a row of this conversation."""
    return await repository.count_rows(session, conversation_id, actor=actor, state="sending") > 0


async def give_up_sending(session: AsyncSession, conversation_id: str, *, actor: Actor) -> None:
    """Rows still claimed become `unknown`: they may or may not have gone out."""
    rows = await repository.lock_rows_of_conversation(
        session, conversation_id, actor=actor, states=["sending"]
    )
    for row in rows:
        row.state = "unknown"


async def enqueue(session: AsyncSession, msg: OutboundMessage) -> None:
    """Have a row of this transaction sent by a job of its own, in order with the others of its actor."""
    await jobs.enqueue(
        session, "send", msg.id, job_id=f"send:{msg.id}", partition=f"{msg.actor}:{msg.conversation_id}"
    )


@dataclass(frozen=True)
class Claim:
    """The right to make one request. `began` is this process's monotonic clock before the claim was asked."""

    id: str
    began: float
    channel: Channel
    message: OutboundMessage


class Sender:
    """Sends outbox rows. `may_send` judges a row under the conversation's lock; `on_end` hears its end."""

    def __init__(
        self,
        db: Database,
        channels: Mapping[str, Channel],
        may_send: MaySend,
        on_end: OnEnd,
        *,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._db = db
        self._channels = channels
        self._may_send = may_send
        self._on_end = on_end
        self._claim_seconds = claim_seconds

    async def send(self, outbox_id: str) -> None:
        """Send one row if it is still to be sent. Safe to repeat after any crash."""
        for _ in range(_CLAIMS_PER_JOB):
            claim = await self._claim(outbox_id)
            if claim is None:
                return
            refuse_inside_transaction("a send")
            if time.monotonic() - claim.began < self._claim_seconds:
                # Nothing is awaited between this check and the request.
                await self._settle(claim, await self._request(claim))
                return
            await self._give_back(claim)
        await self._try_later(outbox_id)

    async def send_pending(self, conversation_id: str) -> None:
        """Send what a crash left between storing an answer and sending it."""
        async with self._db.read() as session:
            left = await repository.list_open_rows(session, conversation_id, actor="bot")
        for outbox_id in left:
            await self.send(outbox_id)

    async def typing(
        self, channel: str, conversation_id: str, workspace_id: str, contact_ref: str = ""
    ) -> None:
        """Show the contact that an answer is being written; never fails."""
        try:
            await self._channels[channel].signal(contact_ref, Signal("typing", workspace_id, conversation_id))
        except Exception:
            # A sign that nobody sees must not cost the answer.
            log.exception("channel %s could not show typing", channel)

    async def _claim(self, outbox_id: str) -> Claim | None:
        began = time.monotonic()
        async with self._db.transaction() as session:
            row = await repository.read_row(session, outbox_id)
            if row is None or row.state not in ("pending", "sending"):
                return None
            allowed = await self._may_send(session, row)
            # The conversation is locked now; whoever changed the row before that has committed.
            row = await repository.lock_row(session, outbox_id)
            if row is None or row.state not in ("pending", "sending"):
                return None
            channel = self._channels[row.channel]
            if row.state == "sending" and not (allowed and channel.caps.idempotent_send):
                if allowed:
                    row.state = "unknown"
                    await self._end(session, row)
                return None
            if not allowed:
                row.state = "cancelled"
                await self._end(session, row)
                return None
            row.state, row.claim, row.attempts = "sending", new_id("clm"), row.attempts + 1
            return Claim(row.claim, began, channel, _message_of(row))

    async def _request(self, claim: Claim) -> Receipt:
        try:
            with span("send", channel=claim.channel.name):
                return await claim.channel.send(claim.message)
        except Exception:
            # Whatever broke in a channel, the row must say how far it came.
            log.exception("channel %s failed while sending %s", claim.channel.name, claim.message.id)
            return Receipt("unknown", error=ErrorInfo(ErrorClass.TRANSIENT, "channel_broke"))

    async def _settle(self, claim: Claim, receipt: Receipt) -> None:
        async with self._db.transaction() as session:
            if _end_state(receipt) != "sent":
                unsent = await repository.read_row(session, claim.message.id)
                if unsent is not None:  # its end changes the conversation, which is locked before its rows
                    await self._may_send(session, unsent)
            row = await repository.lock_row(session, claim.message.id)
            if row is None or row.claim != claim.id or row.state not in ("sending", "unknown"):
                return  # another claim has taken over
            row.provider_ids = json.dumps(receipt.provider_ids)
            row.error = receipt.error.code if receipt.error else None
            delay = _retry_delay(row, receipt, claim.channel)
            if delay is not None:
                row.state = "pending"
                await _enqueue_retry(session, row, delay)
            else:
                row.state = _end_state(receipt)
                row.sent_at = now(session) if row.state == "sent" else None
                await self._end(session, row)

    async def _end(self, session: AsyncSession, row: OutboxRow) -> None:
        SENDS.labels(channel=row.channel, state=row.state).inc()
        await self._on_end(session, row)

    async def _give_back(self, claim: Claim) -> None:
        async with self._db.transaction() as session:
            row = await repository.lock_row(session, claim.message.id)
            if row is not None and row.claim == claim.id and row.state == "sending":
                row.state = "pending"

    async def _try_later(self, outbox_id: str) -> None:
        async with self._db.transaction() as session:
            row = await repository.lock_row(session, outbox_id)
            if row is not None and row.state == "pending":
                await _enqueue_retry(session, row, RETRY_SECONDS[0])


def _end_state(receipt: Receipt) -> str:
    if receipt.outcome in ("accepted", "duplicate"):
        return "sent"
    return "failed" if receipt.outcome == "rejected" else "unknown"


def _retry_delay(row: OutboxRow, receipt: Receipt, channel: Channel) -> int | None:
    """Seconds until the next try; None when this was the last one or a repeat could arrive twice."""
    if row.state != "sending" or row.attempts > len(RETRY_SECONDS):
        return None
    rejected = receipt.outcome == "rejected" and receipt.error is not None
    may_pass = rejected and receipt.error is not None and receipt.error.cls in _RETRYABLE
    may_repeat = receipt.outcome == "unknown" and channel.caps.idempotent_send
    if not (may_pass or may_repeat):
        return None
    if receipt.error is not None and receipt.error.retry_after is not None:
        return max(1, round(receipt.error.retry_after))
    return max(1, round(RETRY_SECONDS[row.attempts - 1] * random.uniform(0.8, 1.2)))


async def _enqueue_retry(session: AsyncSession, row: OutboxRow, delay_seconds: int) -> None:
    await jobs.enqueue(
        session,
        "send",
        row.id,
        job_id=f"send:{row.id}:{row.attempts}",
        partition=f"{row.actor}:{row.conversation_id}",
        delay_seconds=delay_seconds,
    )


def _message_of(row: OutboxRow) -> OutboundMessage:
    body = json.loads(row.body)
    sentences = tuple(
        VisitorSentence(item["text"], tuple(VisitorCitation(**cited) for cited in item["citations"]))
        for item in body["sentences"]
    )
    actor: Actor = "human" if row.actor == "human" else "bot"
    return OutboundMessage(
        id=row.id,
        workspace_id=row.workspace_id,
        account_id=row.account_id,
        contact_ref=row.contact_ref,
        body=TextBody(body["text"], sentences),
        actor=actor,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        seq=row.seq,
        created_at=row.created_at,
    )
