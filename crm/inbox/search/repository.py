"""Every query of a search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import finds_one
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
    left = sorted(sought, key=_rarity, reverse=True)
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


def _rarity(sought: Sought) -> tuple[bool, int]:
    """Numbers are rarer than words, and long words than short ones, mostly."""
    return any(letter.isdecimal() for letter in sought.word), len(sought.word)


async def _few(
    session: AsyncSession, workspace_id: str, sought: Sought, is_sqlite: bool
) -> frozenset[str] | None:
    """The conversations with a word; None when there are many."""
    said = select(ConversationWord.conversation_id).where(_is_said(workspace_id, sought)).limit(_FEW + 1)
    known = contacts.having_word(workspace_id, sought.word, sqlite=is_sqlite).limit(_FEW + 1)
    found = frozenset((await session.execute(said)).scalars())
    if len(found) > _FEW:
        return None
    people = frozenset((await session.execute(known)).scalars())
    if len(people) > _FEW:
        return None
    # By the contact alone, which is of this workspace: SQLite would walk all conversations of the workspace.
    theirs = select(Conversation.id).where(Conversation.contact_id.in_(people))
    return found.union((await session.execute(theirs)).scalars())


def _is_said(workspace_id: str, sought: Sought) -> ColumnElement[bool]:
    return and_(ConversationWord.workspace_id == workspace_id, ConversationWord.word.in_(sought.hashes))


def _holds(workspace_id: str, sought: Sought, is_sqlite: bool) -> ColumnElement[bool]:
    said = select(ConversationWord.conversation_id).where(
        _is_said(workspace_id, sought), ConversationWord.conversation_id == Conversation.id
    )
    known = contacts.has_word(Conversation.contact_id, workspace_id, sought.word, sqlite=is_sqlite)
    return or_(finds_one(said), known)


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
