"""Every query over notes."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.contacts.notes.models import ContactNote


async def find_note(
    session: AsyncSession, workspace_id: str, contact_id: str, note_id: str
) -> ContactNote | None:
    """A note of a contact, in the bin or not, locked until the transaction ends."""
    query = select(ContactNote).where(
        ContactNote.workspace_id == workspace_id,
        ContactNote.contact_id == contact_id,
        ContactNote.id == note_id,
    )
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_notes(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    *,
    deleted: bool,
    before: str | None,
    limit: int,
) -> list[ContactNote]:
    """Notes of a contact, newest first; `before` is the id of the last one seen."""
    query = select(ContactNote).where(
        ContactNote.workspace_id == workspace_id,
        ContactNote.contact_id == contact_id,
        shown(session, ContactNote.deleted_at, deleted),
    )
    if before is not None:
        query = query.where(ContactNote.id < before)
    return list((await session.execute(query.order_by(ContactNote.id.desc()).limit(limit))).scalars())
