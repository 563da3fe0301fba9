"""The inbox as others call it: reading, answering as staff and routes here; the rest is split by verb."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.pagination import BadCursor
from channels import outbox
from channels import service as channels
from channels.messages import TextBody
from crm.inbox import repository
from crm.inbox.answering import add_sentences, begin_answer, finish_answer, outbound_of
from crm.inbox.errors import ConversationNotFound, NotYourConversation
from crm.inbox.models import Conversation, Message, Route
from crm.inbox.ownership import append, hand_back, lock, may_send, note_end, take_over
from crm.inbox.record import mark_up_to, open_conversation, receive, record
from crm.inbox.schemas import MessageRead, MessageStatus, OwnerKind, PastQuestion, StaffLike

__all__ = [
    "add_sentences",
    "begin_answer",
    "cursor_of_conversation",
    "finish_answer",
    "get_conversation",
    "hand_back",
    "list_conversations",
    "list_messages",
    "mark_up_to",
    "may_send",
    "note_end",
    "open_conversation",
    "past_questions",
    "read_message",
    "receive",
    "record",
    "reply_as_staff",
    "set_route",
    "take_over",
]

_READ_FOR_EACH = 4  # answers read for a different question: many ask the same


async def get_conversation(session: AsyncSession, workspace_id: str, conversation_id: str) -> Conversation:
    """Raises ConversationNotFound."""
    conversation = await repository.find_conversation(session, workspace_id, conversation_id)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    return conversation


async def list_conversations(
    session: AsyncSession,
    workspace_id: str,
    *,
    owner: OwnerKind | None = None,
    after: str | None = None,
    limit: int,
) -> list[Conversation]:
    """Conversations, newest message first; `after` is of `cursor_of_conversation`. Raises BadCursor."""
    return await repository.list_conversations(
        session, workspace_id, owner_kind=owner, before=_position(after), limit=limit
    )


def cursor_of_conversation(last_message_at: datetime, conversation_id: str) -> str:
    """Where a conversation stands in the list."""
    return f"{last_message_at.isoformat()}|{conversation_id}"


def _position(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    at, _, conversation_id = after.partition("|")
    try:
        position = datetime.fromisoformat(at)
    except ValueError as wrong:
        raise BadCursor("The cursor is not one of this list.") from wrong
    if position.tzinfo is None:
        raise BadCursor("The cursor is not one of this list.")
    return position, conversation_id


async def list_messages(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, after: str | None = None, limit: int
) -> list[Message]:
    """Messages in order, after the `seq` of the last one seen. Raises ConversationNotFound, BadCursor."""
    await get_conversation(session, workspace_id, conversation_id)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise BadCursor("The cursor is not one of this list.")
    return await repository.list_messages(
        session, workspace_id, conversation_id, after=int(after or 0), limit=limit
    )


async def past_questions(
    session: AsyncSession, workspace_id: str, agent_ids: Sequence[str], *, limit: int
) -> list[PastQuestion]:
    """The last different questions that these agents answered, newest first."""
    found = await repository.questions_answered_by(
        session, workspace_id, agent_ids, limit=_READ_FOR_EACH * limit
    )
    distinct = {
        (agent_id, " ".join(text.split()).casefold()): PastQuestion(agent_id, text, language or "en")
        for agent_id, text, language in reversed(found)
    }
    return list(distinct.values())[::-1][:limit]


def read_message(message: Message) -> MessageRead:
    """A message as staff see it, with what the agent did to write it."""
    return MessageRead.model_validate(
        {
            "id": message.id,
            "seq": message.seq,
            "author": message.author,
            "staff_id": message.staff_id,
            "text": message.text,
            "sentences": json.loads(message.sentences or "[]"),
            "status": message.status,
            "created_at": message.created_at,
            "trace": json.loads(message.trace) if message.trace else None,
        }
    )


async def reply_as_staff(session: AsyncSession, who: StaffLike, conversation_id: str, text: str) -> Message:
    """Answer in a conversation one owns; a job sends it. Raises ConversationNotFound, NotYourConversation."""
    conversation = await lock(session, who.workspace_id, conversation_id)
    if conversation.owner_kind != OwnerKind.STAFF or conversation.staff_id != who.id:
        raise NotYourConversation("Take the conversation over before you answer in it.")
    message = append(session, conversation, author="staff", text=text, status=MessageStatus.QUEUED)
    message.staff_id = who.id
    if conversation.answered_seq < conversation.last_inbound_seq:
        message.answers_seq = conversation.answered_seq = conversation.last_inbound_seq
    outbound = outbound_of(conversation, message, TextBody(text))
    outbox.add(session, outbound, channel=conversation.channel, owner_epoch=conversation.owner_epoch)
    await session.flush()
    await outbox.enqueue(session, outbound)
    return message


async def set_route(session: AsyncSession, workspace_id: str, account_id: str, agent_id: str) -> Route:
    """Let an agent answer the new conversations of a channel account. Raises ChannelAccountNotFound."""
    account = await channels.get_account(session, workspace_id, account_id)
    route = await repository.find_route(session, workspace_id, account.id)
    if route is None:
        route = Route(account_id=account.id, workspace_id=workspace_id, agent_id=agent_id)
        session.add(route)
    route.agent_id = agent_id
    await session.flush()
    return route
