"""Every query over conversations, messages and routes.

The two `*_by_job` queries take an id from one of our own jobs or rows; all others take the workspace.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, and_, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agentflow.kit.db import upsert
from crm.contacts.lookup import service as contacts
from crm.inbox.models import Conversation, Message, ReadPosition, Route
from crm.inbox.schemas import ConversationFilter

T = TypeVar("T")


async def find_conversation(
    session: AsyncSession, workspace_id: str, conversation_id: str
) -> Conversation | None:
    """A conversation of this workspace."""
    return (await session.execute(_of_id(workspace_id, conversation_id))).scalar_one_or_none()


async def lock_conversation(
    session: AsyncSession, workspace_id: str, conversation_id: str
) -> Conversation | None:
    """A conversation of this workspace, locked until the transaction ends."""
    return (await session.execute(_locked(_of_id(workspace_id, conversation_id)))).scalar_one_or_none()


def _of_id(workspace_id: str, conversation_id: str) -> Select[Conversation]:
    return select(Conversation).where(
        Conversation.workspace_id == workspace_id, Conversation.id == conversation_id
    )


def _locked(query: Select[T]) -> Select[T]:
    return query.with_for_update().execution_options(populate_existing=True)


async def lock_conversation_by_job(session: AsyncSession, conversation_id: str) -> Conversation | None:
    """The conversation that one of our own jobs or outbox rows names, locked."""
    query = select(Conversation).where(Conversation.id == conversation_id)
    return (await session.execute(_locked(query))).scalar_one_or_none()


async def lock_conversation_of_ref(
    session: AsyncSession, workspace_id: str, *, account_id: str, contact_ref: str
) -> Conversation | None:
    """The conversation with the contact that an account calls `contact_ref`, locked."""
    query = _locked(_of_ref(workspace_id, account_id, contact_ref))
    return (await session.execute(query)).scalar_one_or_none()


async def find_conversation_of_ref(
    session: AsyncSession, workspace_id: str, *, account_id: str, contact_ref: str
) -> Conversation | None:
    """The conversation with the contact that an account calls `contact_ref`."""
    return (await session.execute(_of_ref(workspace_id, account_id, contact_ref))).scalar_one_or_none()


def _of_ref(workspace_id: str, account_id: str, contact_ref: str) -> Select[Conversation]:
    return select(Conversation).where(
        Conversation.workspace_id == workspace_id,
        Conversation.account_id == account_id,
        Conversation.contact_ref == contact_ref,
    )


async def add_conversation(session: AsyncSession, values: Mapping[str, object]) -> None:
    """Insert it unless the account has one with this name; waits for whoever is inserting it just now."""
    statement = upsert(session, Conversation).values(dict(values))
    await session.execute(statement.on_conflict_do_nothing(index_elements=["account_id", "contact_ref"]))


async def list_conversations(
    session: AsyncSession,
    workspace_id: str,
    wanted: ConversationFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Conversation]:
    """Conversations, the one with the newest message first."""
    order = (Conversation.last_message_at, Conversation.id)
    query = _wanted(workspace_id, wanted)
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in order)).limit(limit)
    return list((await session.execute(query)).scalars())


def _wanted(workspace_id: str, wanted: ConversationFilter) -> Select[Conversation]:
    query = select(Conversation).where(Conversation.workspace_id == workspace_id)
    exact = {
        Conversation.owner_kind: wanted.owner,
        Conversation.agent_id: wanted.agent_id,
        Conversation.staff_id: wanted.staff_id,
        Conversation.team_id: wanted.team_id,
        Conversation.channel: wanted.channel,
        Conversation.language: wanted.language,
    }
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.status:
        query = query.where(Conversation.status.in_(wanted.status))
    if wanted.label_id is not None:
        query = query.where(Conversation.contact_id.in_(contacts.having_label(workspace_id, wanted.label_id)))
    if wanted.unread_by is not None:
        read = exists().where(
            ReadPosition.staff_id == wanted.unread_by,
            ReadPosition.conversation_id == Conversation.id,
            ReadPosition.seq >= Conversation.last_inbound_seq,
        )
        query = query.where(Conversation.last_inbound_seq > 0, ~read)
    return query


async def due_conversations(session: AsyncSession, *, at: datetime, limit: int) -> list[tuple[str, str]]:
    """(workspace, conversation) of those that were set aside until now, in all workspaces."""
    query = (
        select(Conversation.workspace_id, Conversation.id)
        .where(Conversation.snoozed_until <= at)
        .order_by(Conversation.snoozed_until)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def count_unread(
    session: AsyncSession, workspace_id: str, staff_id: str, conversation_ids: Collection[str]
) -> dict[str, int]:
    """How many messages of the contact this staff member has not read, by conversation; 0 is left out."""
    position = and_(
        ReadPosition.conversation_id == Message.conversation_id, ReadPosition.staff_id == staff_id
    )
    query = (
        select(Message.conversation_id, func.count())
        .outerjoin(ReadPosition, position)
        .where(
            Message.workspace_id == workspace_id,
            Message.conversation_id.in_(conversation_ids),
            Message.author == "contact",
            Message.seq > func.coalesce(ReadPosition.seq, 0),
        )
        .group_by(Message.conversation_id)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def read_up_to(session: AsyncSession, conversation: Conversation, staff_id: str, seq: int) -> None:
    """Move a read position forward; it never goes back."""
    statement = upsert(session, ReadPosition).values(
        staff_id=staff_id, conversation_id=conversation.id, workspace_id=conversation.workspace_id, seq=seq
    )
    statement = statement.on_conflict_do_update(
        index_elements=["staff_id", "conversation_id"],
        set_={"seq": statement.excluded.seq},
        where=ReadPosition.seq < statement.excluded.seq,
    )
    await session.execute(statement)


async def list_messages(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, after: int, limit: int
) -> list[Message]:
    """Messages with a higher `seq` than `after`, in order."""
    query = (
        select(Message)
        .where(
            Message.workspace_id == workspace_id,
            Message.conversation_id == conversation_id,
            Message.seq > after,
        )
        .order_by(Message.seq)
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())


async def list_messages_before(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, up_to: int, limit: int
) -> list[Message]:
    """The last `limit` messages with a `seq` of at most `up_to`, in order."""
    query = (
        select(Message)
        .where(
            Message.workspace_id == workspace_id,
            Message.conversation_id == conversation_id,
            Message.seq <= up_to,
        )
        .order_by(Message.seq.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())[::-1]


async def find_message_by_dedupe_key(
    session: AsyncSession, workspace_id: str, account_id: str, dedupe_key: str
) -> Message | None:
    """The message that a provider told us about before."""
    query = select(Message).where(
        Message.workspace_id == workspace_id,
        Message.account_id == account_id,
        Message.dedupe_key == dedupe_key,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_message(
    session: AsyncSession, workspace_id: str, conversation_id: str, message_id: str
) -> Message | None:
    """A message of a conversation."""
    query = select(Message).where(
        Message.workspace_id == workspace_id,
        Message.conversation_id == conversation_id,
        Message.id == message_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def lock_message(session: AsyncSession, workspace_id: str, message_id: str) -> Message | None:
    """A message, locked until the transaction ends."""
    query = select(Message).where(Message.workspace_id == workspace_id, Message.id == message_id)
    return (await session.execute(_locked(query))).scalar_one_or_none()


async def lock_messages_out(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, up_to: int, statuses: tuple[str, ...]
) -> list[Message]:
    """Our own messages with a `seq` of at most `up_to` in one of `statuses`, locked, in order."""
    query = select(Message).where(
        Message.workspace_id == workspace_id,
        Message.conversation_id == conversation_id,
        Message.author.in_(("agent", "staff")),
        Message.seq <= up_to,
        Message.status.in_(statuses),
    )
    return list((await session.execute(_locked(query.order_by(Message.seq)))).scalars())


async def questions_answered_by(
    session: AsyncSession, workspace_id: str, agent_ids: Collection[str], *, limit: int
) -> list[tuple[str, str, str | None]]:
    """(agent, question, language) of the newest answers of these agents, newest first."""
    answer, question = aliased(Message), aliased(Message)
    asked = and_(question.conversation_id == answer.conversation_id, question.seq == answer.answers_seq)
    query = (
        select(answer.agent_id, question.text, answer.language)
        .join(question, asked)
        .where(
            answer.workspace_id == workspace_id,
            answer.author == "agent",
            answer.agent_id.in_(agent_ids),
        )
        .order_by(answer.id.desc())
        .limit(limit)
    )
    return [(row[0] or "", row[1], row[2]) for row in (await session.execute(query)).all()]


async def highest_answered(session: AsyncSession, workspace_id: str, conversation_id: str) -> int:
    """The `seq` of the last inbound message that has an answer; 0 for none."""
    query = select(func.max(Message.answers_seq)).where(
        Message.workspace_id == workspace_id, Message.conversation_id == conversation_id
    )
    return (await session.execute(query)).scalar_one() or 0


async def find_route(session: AsyncSession, workspace_id: str, account_id: str) -> Route | None:
    """Which agent answers an account."""
    query = select(Route).where(Route.workspace_id == workspace_id, Route.account_id == account_id)
    return (await session.execute(query)).scalar_one_or_none()
