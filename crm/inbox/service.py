"""The inbox as others call it: reading, answering as staff and routes here; the rest is split by verb."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.pagination import BadCursor, read_position_in_time
from channels import outbox
from channels import service as channels
from channels.messages import TextBody
from crm.contacts.lookup import service as lookup
from crm.inbox import repository, trail
from crm.inbox.answering import add_sentences, begin_answer, finish_answer, outbound_of
from crm.inbox.assignment import assign, change_status, route_again, wake
from crm.inbox.errors import ConversationNotFound, NotYourConversation
from crm.inbox.models import Conversation, Message, Route
from crm.inbox.ownership import append, hand_back, lock, may_send, note_end, take_over
from crm.inbox.record import mark_up_to, open_conversation, receive, record
from crm.inbox.schemas import (
    ConversationFilter,
    ConversationRead,
    MessageRead,
    MessageStatus,
    OwnerKind,
    PastQuestion,
    StaffLike,
)

__all__ = [
    "add_sentences",
    "assign",
    "begin_answer",
    "change_status",
    "finish_answer",
    "get_conversation",
    "hand_back",
    "list_conversations",
    "list_messages",
    "mark_read",
    "mark_up_to",
    "may_send",
    "note_end",
    "open_conversation",
    "past_questions",
    "read_conversation",
    "read_conversations",
    "read_message",
    "receive",
    "record",
    "reply_as_staff",
    "route_again",
    "set_route",
    "take_over",
    "wake",
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
    wanted: ConversationFilter | None = None,
    *,
    after: str | None = None,
    limit: int,
) -> list[Conversation]:
    """Conversations, newest message first; `after` is of `position_in_time`. Raises BadCursor."""
    wanted = wanted or ConversationFilter()
    return await repository.list_conversations(
        session, workspace_id, wanted, before=read_position_in_time(after), limit=limit
    )


async def read_conversations(
    session: AsyncSession, workspace_id: str, found: Sequence[Conversation], *, staff_id: str | None
) -> list[ConversationRead]:
    """Conversations as staff see them, with the contact's name and what this staff member has not read."""
    names = await lookup.names_of(session, workspace_id, {one.contact_id for one in found})
    unread: dict[str, int] = {}
    if staff_id is not None:
        unread = await repository.count_unread(session, workspace_id, staff_id, [one.id for one in found])
    return [
        ConversationRead.model_validate(one).model_copy(
            update={
                "contact_name": names.get(one.contact_id),
                "unread": None if staff_id is None else unread.get(one.id, 0),
            }
        )
        for one in found
    ]


async def read_conversation(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, staff_id: str | None
) -> ConversationRead:
    """One as staff see it. Raises ConversationNotFound."""
    found = await get_conversation(session, workspace_id, conversation_id)
    return (await read_conversations(session, workspace_id, [found], staff_id=staff_id))[0]


async def mark_read(
    session: AsyncSession, workspace_id: str, conversation_id: str, staff_id: str, *, seq: int | None = None
) -> None:
    """A staff member has read up to message `seq`, else all of it. Raises ConversationNotFound."""
    conversation = await get_conversation(session, workspace_id, conversation_id)
    read = conversation.last_seq if seq is None else min(seq, conversation.last_seq)
    await repository.read_up_to(session, conversation, staff_id, read)


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
            "failure": message.failure if message.status == MessageStatus.FAILED else None,
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
    await trail.note_message(session, conversation, message)
    if conversation.answered_seq < conversation.last_inbound_seq:
        message.answers_seq = conversation.answered_seq = conversation.last_inbound_seq
    outbound = outbound_of(conversation, message, TextBody(text))
    outbox.add(session, outbound, channel=conversation.channel, owner_epoch=conversation.owner_epoch)
    await session.flush()
    await outbox.enqueue(session, outbound)
    await repository.read_up_to(session, conversation, who.id, message.seq)
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
