"""Every query of a search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.lookup import service as contacts
from crm.inbox.models import Conversation
from crm.inbox.words.models import ConversationWord

_FEW = 1000  # conversations with a word; among more than these a page is soon full


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
    """Conversations in which every word stands, or their contact has it; newest message first.

    Those with the first rare word are looked up, and the other words asked of them alone. Where every word is
    common, conversations are walked from the newest until the page is full.
    """
    order = (Conversation.last_message_at, Conversation.id)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    query = select(Conversation).where(Conversation.workspace_id == workspace_id)
    left = sorted(sought, key=lambda one: len(one.word), reverse=True)  # long words are the rarer ones
    for one in left:
        few = await _few(session, workspace_id, one, is_sqlite)
        if few is not None:
            query = query.where(Conversation.id.in_(few))
            left.remove(one)
            break
    query = query.where(*(_holds(workspace_id, one, is_sqlite) for one in left))
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in order)).limit(limit)
    return list((await session.execute(query)).scalars())


async def _few(
    session: AsyncSession, workspace_id: str, sought: Sought, is_sqlite: bool
) -> frozenset[str] | None:
    """The conversations with a word; None when there are many."""
    said = select(ConversationWord.conversation_id).where(_is_said(workspace_id, sought))
    known = contacts.having_word(workspace_id, sought.word, sqlite=is_sqlite).subquery()
    theirs = (
        select(Conversation.id)
        .join(known, Conversation.contact_id == known.c[0])
        .where(Conversation.workspace_id == workspace_id)
    )
    found: frozenset[str] = frozenset()
    for query in (said, theirs):
        found = found.union((await session.execute(query.limit(_FEW + 1))).scalars())
        if len(found) > _FEW:
            return None
    return found


def _is_said(workspace_id: str, sought: Sought) -> ColumnElement[bool]:
    return and_(ConversationWord.workspace_id == workspace_id, ConversationWord.word.in_(sought.hashes))


def _holds(workspace_id: str, sought: Sought, is_sqlite: bool) -> ColumnElement[bool]:
    said = exists().where(_is_said(workspace_id, sought), ConversationWord.conversation_id == Conversation.id)
    known = contacts.having_word(workspace_id, sought.word, sqlite=is_sqlite).subquery()
    return or_(said, exists().where(known.c[0] == Conversation.contact_id))


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
