"""Every query over active contacts."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import upsert
from crm.contacts.merging.models import ContactMerge
from crm.contacts.usage.models import ActiveContact


async def add(session: AsyncSession, workspace_id: str, month: str, contact_id: str) -> None:
    """Write a contact down for a month, unless it stands there already."""
    values = {"workspace_id": workspace_id, "month": month, "contact_id": contact_id}
    await session.execute(upsert(session, ActiveContact).values(values).on_conflict_do_nothing())


async def count(session: AsyncSession, workspace_id: str, month: str) -> int:
    """Contacts of a month; of two that were merged since and were both active, one."""
    merged = select(ContactMerge.merged_id).where(
        ContactMerge.workspace_id == workspace_id, ContactMerge.undone_at.is_(None)
    )
    query = select(func.count()).where(
        ActiveContact.workspace_id == workspace_id,
        ActiveContact.month == month,
        ActiveContact.contact_id.not_in(merged),
    )
    return (await session.execute(query)).scalar_one()
