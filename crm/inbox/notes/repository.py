"""Every query on internal notes. All take the workspace, except that of the sweep."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.inbox.notes.models import ConversationNote


async def find_note(
    session: AsyncSession, workspace_id: str, conversation_id: str, note_id: str
) -> ConversationNote | None:
    """A note of a conversation, also one in the bin."""
    query = select(ConversationNote).where(
        ConversationNote.workspace_id == workspace_id,
        ConversationNote.conversation_id == conversation_id,
        ConversationNote.id == note_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_notes(
    session: AsyncSession,
    workspace_id: str,
    conversation_id: str,
    *,
    deleted: bool,
    after: str | None,
    limit: int,
) -> list[ConversationNote]:
    """Notes, oldest first; those in the bin when `deleted`."""
    query = select(ConversationNote).where(
        ConversationNote.workspace_id == workspace_id,
        ConversationNote.conversation_id == conversation_id,
    )
    query = query.where(shown(session, ConversationNote.deleted_at, deleted))
    if after is not None:
        query = query.where(ConversationNote.id > after)
    return list((await session.execute(query.order_by(ConversationNote.id).limit(limit))).scalars())
