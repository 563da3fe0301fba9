"""Who owns a conversation: the lock everything goes through, takeover, hand-back, and the right to send.

A takeover has three parts. First the conversation is closed to new sentences and claims of the agent, and
what it has not begun to send is withdrawn. Then it waits for what is being sent. Last it commits the new
owner and epoch. A takeover that was cut off between its parts is completed by whoever locks the conversation
next, once its time is over.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import jobs
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from channels import OutboxRow, outbox
from crm.inbox import events, repository
from crm.inbox.errors import ConversationNotFound, NoAgent, TakeoverLost
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import Author, InWorkspace, MessageStatus, OwnerKind, StaffLike, advance
from crm.inbox.words import indexing
from crm.teams import service as teams
from crm.teams import texts
from crm.teams.errors import RecordNotFound

TAKEOVER_SECONDS = 5.0
PREVIEW_CHARS = 160
_GRACE = timedelta(seconds=5)
_NOBODY = "nobody"  # in closing_for, beside ids of staff and of teams
_TEAM = "tea_"
# What the end of a row says of its message; `unknown` says nothing.
_REPORTED = {
    "sent": MessageStatus.SENT,
    "failed": MessageStatus.FAILED,
    "cancelled": MessageStatus.FAILED,
}


async def lock(session: AsyncSession, workspace_id: str, conversation_id: str) -> Conversation:
    """The conversation, locked until the transaction ends. Raises ConversationNotFound."""
    conversation = await repository.lock_conversation(session, workspace_id, conversation_id)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    await settle_takeover(session, conversation)
    return conversation


async def settle_takeover(session: AsyncSession, conversation: Conversation) -> None:
    """Complete a takeover whose process has died; the conversation is locked."""
    if conversation.closing_until is not None and conversation.closing_until < now(session):
        await _complete(session, conversation)


async def take_over(
    db: Database,
    who: StaffLike,
    conversation_id: str,
    *,
    actor_id: str | None = None,
    wait_seconds: float = TAKEOVER_SECONDS,
    poll_seconds: float = 0.02,
) -> Conversation:
    """Give the conversation to a staff member; from the commit on the agent says nothing more.

    `actor_id` is of whoever gives it, if that is somebody else.
    Waits up to `wait_seconds` for a send that has begun; then nobody knows whether it arrived (`unknown`).
    Raises ConversationNotFound, TakeoverLost.
    """
    heir = _Heir(who.id, who.name, given_by=actor_id or who.id)
    return await _close_wait_commit(
        db, who.workspace_id, conversation_id, heir, wait_seconds=wait_seconds, poll_seconds=poll_seconds
    )


async def leave_waiting(
    db: Database,
    who: InWorkspace,
    conversation_id: str,
    *,
    team_id: str | None,
    wait_seconds: float = TAKEOVER_SECONDS,
) -> Conversation:
    """Let the conversation wait for people, of a team if given, as surely as a takeover does.

    Raises ConversationNotFound, RecordNotFound, TakeoverLost.
    """
    heir = _Heir(_NOBODY, "", given_by=who.id)
    if team_id is not None:
        async with db.read() as session:
            team = await teams.get_team(session, who.workspace_id, team_id)
        heir = _Heir(team.id, team.name, given_by=who.id)
    return await _close_wait_commit(
        db, who.workspace_id, conversation_id, heir, wait_seconds=wait_seconds, poll_seconds=0.02
    )


@dataclass(frozen=True)
class _Heir:
    """Who is to own a conversation instead of the agent: `id` is of a staff member, a team, or `nobody`."""

    id: str
    name: str
    given_by: str

    def owns(self, conversation: Conversation) -> bool:
        if self.id == _NOBODY or self.id.startswith(_TEAM):
            team_id = None if self.id == _NOBODY else self.id
            waits = conversation.owner_kind == OwnerKind.NOBODY and conversation.closing_for is None
            return waits and conversation.team_id == team_id
        return conversation.owner_kind == OwnerKind.STAFF and conversation.staff_id == self.id


async def _close_wait_commit(
    db: Database,
    workspace_id: str,
    conversation_id: str,
    heir: _Heir,
    *,
    wait_seconds: float,
    poll_seconds: float,
) -> Conversation:
    async with db.transaction() as session:
        conversation = await lock(session, workspace_id, conversation_id)
        if heir.owns(conversation):
            return conversation
        conversation.closing_for, conversation.closing_name = heir.id, heir.name
        conversation.closing_until = now(session) + timedelta(seconds=wait_seconds) + _GRACE
        await _withdraw_unsent(session, conversation)
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        async with db.read() as session:
            if not await outbox.is_sending(session, conversation_id, actor="bot"):
                break
        await asyncio.sleep(poll_seconds)
    async with db.transaction() as session:
        conversation = await lock(session, workspace_id, conversation_id)
        if heir.owns(conversation):
            return conversation
        if conversation.closing_for != heir.id:
            raise TakeoverLost("Somebody else took or moved the conversation at the same moment.")
        await _complete(session, conversation, actor_id=heir.given_by)
    return conversation


async def _complete(
    session: AsyncSession, conversation: Conversation, *, actor_id: str | None = None
) -> None:
    await _withdraw_unsent(session, conversation)
    await outbox.give_up_sending(session, conversation.id, actor="bot")
    if conversation.answer_id is not None:
        events.publish_status(session, conversation, conversation.answer_id, MessageStatus.FAILED)
    heir, name = conversation.closing_for or _NOBODY, conversation.closing_name or ""
    waits = heir == _NOBODY or heir.startswith(_TEAM)
    if waits:
        change_owner(conversation, OwnerKind.NOBODY, team_id=None if heir == _NOBODY else heir)
        events.publish_handoff(session, conversation, name or None)
    else:
        change_owner(conversation, OwnerKind.STAFF, staff_id=heir)
    events.publish_assignment(session, conversation, actor_id=actor_id)
    await events.prune_passing(session, conversation.workspace_id, conversation.id)
    if not waits:
        await _tell(session, conversation, "staff_took_over", name=name)


def change_owner(
    conversation: Conversation,
    owner: OwnerKind,
    *,
    staff_id: str | None = None,
    team_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Set the owner; whatever was begun for the old one is void from here on."""
    conversation.owner_kind = owner
    conversation.staff_id, conversation.team_id, conversation.handoff_reason = staff_id, team_id, reason
    conversation.owner_epoch += 1
    conversation.closing_for = conversation.closing_name = conversation.closing_until = None
    conversation.answer_id, conversation.attempt = None, 0
    conversation.failed_turns = 0


async def hand_over(
    session: AsyncSession,
    conversation: Conversation,
    *,
    team_id: str | None,
    reason: str | None,
    actor_id: str | None = None,
) -> None:
    """To that team, else to the default one; nobody answers until staff take the conversation over.

    `actor_id` is the agent that asked for it.
    """
    try:
        team = await teams.get_team(session, conversation.workspace_id, team_id)
    except RecordNotFound:
        team = await teams.get_team(session, conversation.workspace_id, None)
    change_owner(conversation, OwnerKind.NOBODY, team_id=team.id, reason=reason)
    events.publish_handoff(session, conversation, team.name)
    events.publish_assignment(session, conversation, actor_id=actor_id)


async def _withdraw_unsent(session: AsyncSession, conversation: Conversation) -> None:
    for message_id in await outbox.cancel_pending(session, conversation.id, actor="bot"):
        await _withdraw(session, conversation, message_id)


async def _withdraw(session: AsyncSession, conversation: Conversation, message_id: str) -> None:
    """The answer never left: what it answered is open again."""
    message = await repository.lock_message(session, conversation.workspace_id, message_id)
    if message is None:
        return
    message.status, message.failure = MessageStatus.FAILED, "withdrawn"
    events.publish_status(session, conversation, message_id, MessageStatus.FAILED)
    await _reopen(session, conversation, message)


async def _reopen(session: AsyncSession, conversation: Conversation, message: Message) -> None:
    message.answers_seq = None
    await session.flush()
    conversation.answered_seq = await repository.highest_answered(
        session, conversation.workspace_id, conversation.id
    )


async def _tell(session: AsyncSession, conversation: Conversation, key: str, **values: str) -> None:
    workspace = await teams.get_workspace(session, conversation.workspace_id)
    language = conversation.language or conversation.locale or workspace.locale
    text = texts.text(key, language, json.loads(workspace.text_overrides), **values)
    message = append(session, conversation, author="system", text=text, status=MessageStatus.SENT)
    events.publish_message(session, message)


def append(
    session: AsyncSession,
    conversation: Conversation,
    *,
    author: Author,
    text: str,
    status: MessageStatus,
    message_id: str | None = None,
) -> Message:
    """Add the next message to a locked conversation."""
    conversation.last_seq += 1
    conversation.last_message_at = now(session)
    if author != "system":
        conversation.preview, conversation.preview_author = " ".join(text.split())[:PREVIEW_CHARS], author
    message = Message(
        id=message_id or new_id("msg"),
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        account_id=conversation.account_id,
        seq=conversation.last_seq,
        author=author,
        text=text,
        status=status,
        created_at=conversation.last_message_at,
    )
    session.add(message)
    indexing.index(session, conversation, message)
    return message


async def hand_back(
    session: AsyncSession, who: InWorkspace, conversation_id: str, *, agent_id: str | None = None
) -> Conversation:
    """Return the conversation to its agent, or to that one, who also answers what is still open.

    Raises ConversationNotFound, NoAgent.
    """
    conversation = await lock(session, who.workspace_id, conversation_id)
    ours = conversation.owner_kind == OwnerKind.AGENT and conversation.closing_for is None
    if ours and agent_id in (None, conversation.agent_id):
        return conversation
    route = await repository.find_route(session, who.workspace_id, conversation.account_id)
    agent_id = agent_id or conversation.agent_id or (route.agent_id if route else None)
    if agent_id is None:
        raise NoAgent("No agent answers this channel account; give it a route first.")
    await _withdraw_unsent(session, conversation)
    conversation.agent_id = agent_id
    change_owner(conversation, OwnerKind.AGENT)
    events.publish_assignment(session, conversation, actor_id=who.id)
    if conversation.answered_seq < conversation.last_inbound_seq:
        await jobs.enqueue(
            session,
            "turn",
            conversation.id,
            conversation.last_inbound_seq,
            job_id=f"turn:{conversation.id}:{conversation.owner_epoch}",
            partition=conversation.id,
        )
    return conversation


async def may_send(session: AsyncSession, row: OutboxRow) -> bool:
    """Whether a row may go out now; the predicate of the outbox. Locks the conversation.

    The agent's rows need the epoch they were written in and no takeover under way; those of staff always go.
    """
    conversation = await repository.lock_conversation_by_job(session, row.conversation_id)
    if conversation is None:
        return False
    await settle_takeover(session, conversation)
    if row.actor != "bot":
        return True
    return conversation.owner_epoch == row.owner_epoch and conversation.closing_for is None


async def note_end(session: AsyncSession, row: OutboxRow) -> None:
    """Carry the end of a row over to its message; an answer that may not have arrived is left to people.

    What was shown while the agent wrote is forgotten now that the whole message was published.
    """
    if row.actor == "bot":
        await events.prune_passing(session, row.workspace_id, row.conversation_id)
    message = await repository.lock_message(session, row.workspace_id, row.message_id)
    if message is None:
        return
    before = MessageStatus(message.status)
    message.status = advance(before, _REPORTED.get(row.state, before))
    if row.state in ("failed", "cancelled"):
        message.failure = row.error or message.failure or row.state
    if message.status == MessageStatus.FAILED != before:
        events.publish_status_of(session, message)
    arrived = message.status in (MessageStatus.DELIVERED, MessageStatus.READ)
    if row.actor == "bot" and row.state in ("failed", "unknown") and not arrived:
        await _leave_to_people(session, row, message)


async def _leave_to_people(session: AsyncSession, row: OutboxRow, message: Message) -> None:
    """Hand the conversation over, unless people have it or are taking it; what failed has not answered."""
    conversation = await lock(session, row.workspace_id, row.conversation_id)
    if (conversation.owner_kind, conversation.owner_epoch) != (OwnerKind.AGENT, row.owner_epoch):
        return
    if message.status == MessageStatus.FAILED:
        await _reopen(session, conversation, message)
    if conversation.closing_for is None:
        await hand_over(session, conversation, team_id=None, reason="send_failed")
