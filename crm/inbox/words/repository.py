"""Every query that writes the index of words. All take the workspace, except that of the sweep."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import Table, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import upsert
from crm.inbox.models import Conversation, Message
from crm.inbox.words.models import ConversationWord


async def add_words(
    session: AsyncSession, workspace_id: str, conversation_id: str, seq: int, hashes: Sequence[int]
) -> None:
    """These words stand in message `seq`."""
    if not hashes:
        return
    rows = [
        {"workspace_id": workspace_id, "word": word, "conversation_id": conversation_id, "seq": seq}
        for word in hashes
    ]
    statement = upsert(session, cast(Table, ConversationWord.__table__))
    statement = statement.on_conflict_do_update(
        index_elements=["workspace_id", "word", "conversation_id"], set_={"seq": statement.excluded.seq}
    )
    await (await session.connection()).execute(statement, rows)  # past the ORM, which would take it apart


async def forget_words(session: AsyncSession, workspace_id: str, conversation_ids: Collection[str]) -> None:
    """Nothing of these conversations is found any more."""
    await session.execute(
        delete(ConversationWord).where(
            ConversationWord.workspace_id == workspace_id,
            ConversationWord.conversation_id.in_(conversation_ids),
        )
    )


async def unindexed(session: AsyncSession, key: str, *, limit: int) -> list[tuple[str, str]]:
    """(workspace, conversation) of those whose words are not all there under this key."""
    column = Conversation.search_key
    query = select(Conversation.workspace_id, Conversation.id).where(
        or_(column.is_(None), column < key, column > key)
    )
    return [(row[0], row[1]) for row in (await session.execute(query.limit(limit))).all()]


async def texts_of(
    session: AsyncSession, workspace_id: str, conversation_id: str, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """(seq, text) of what the contact, agents and staff said after message `after`, in order."""
    query = (
        select(Message.seq, Message.text)
        .where(
            Message.workspace_id == workspace_id,
            Message.conversation_id == conversation_id,
            Message.author != "system",
            Message.seq > after,
        )
        .order_by(Message.seq)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]
