"""Every query of a search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.lookup import service as contacts
from crm.inbox.models import Conversation
from crm.inbox.words.models import ConversationWord


@dataclass(frozen=True)
class Sought:
    """One word of a query, and its hashes: one for each key the index may have been made with."""

    word: str
    hashes: tuple[int, ...]


async def search(
    session: AsyncSession,
    workspace_id: str,
    sought: Sequence[Sought],
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Conversation]:
    """Conversations in which every word stands, or their contact has it; newest message first."""
    order = (Conversation.last_message_at, Conversation.id)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    query = select(Conversation).where(
        Conversation.workspace_id == workspace_id,
        *(_holds(workspace_id, one, is_sqlite) for one in sought),
    )
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in order)).limit(limit)
    return list((await session.execute(query)).scalars())


def _holds(workspace_id: str, sought: Sought, is_sqlite: bool) -> ColumnElement[bool]:
    said = select(ConversationWord.conversation_id).where(
        ConversationWord.workspace_id == workspace_id, ConversationWord.word.in_(sought.hashes)
    )
    known = contacts.having_word(workspace_id, sought.word, sqlite=is_sqlite)
    return or_(Conversation.id.in_(said), Conversation.contact_id.in_(known))


async def last_messages(
    session: AsyncSession, workspace_id: str, hashes: Collection[int], conversation_ids: Collection[str]
) -> dict[str, int]:
    """The `seq` of the last message with any of the words, by conversation."""
    query = (
        select(ConversationWord.conversation_id, func.max(ConversationWord.seq))
        .where(
            ConversationWord.workspace_id == workspace_id,
            ConversationWord.word.in_(hashes),
            ConversationWord.conversation_id.in_(conversation_ids),
        )
        .group_by(ConversationWord.conversation_id)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}
