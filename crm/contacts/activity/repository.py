"""Every query over what happened with contacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.activity.models import ContactActivity


async def list_activities(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    *,
    since: datetime,
    before: str | None,
    limit: int,
) -> list[ContactActivity]:
    """What happened since then, newest first; `before` is the id of the last one seen."""
    query = select(ContactActivity).where(
        ContactActivity.workspace_id == workspace_id,
        ContactActivity.contact_id == contact_id,
        ContactActivity.at >= since,
    )
    if before is not None:
        query = query.where(ContactActivity.id < before)
    query = query.order_by(ContactActivity.id.desc()).limit(limit)
    return list((await session.execute(query)).scalars())


async def delete_before(session: AsyncSession, at: datetime, *, limit: int) -> int:
    """Delete what is older, of all workspaces, at most so many; returns how many."""
    old = select(ContactActivity.id).where(ContactActivity.at < at).order_by(ContactActivity.at).limit(limit)
    gone = await session.execute(
        delete(ContactActivity).where(ContactActivity.id.in_(old)).returning(ContactActivity.id)
    )
    return len(gone.scalars().all())
