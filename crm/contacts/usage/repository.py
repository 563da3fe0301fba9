"""Every query over active contacts."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import upsert
from crm.contacts.merging.models import ContactMerge
from crm.contacts.usage.models import ActiveContact, ErasedActiveContacts


async def add(session: AsyncSession, workspace_id: str, month: str, contact_id: str) -> None:
    """Write a contact down for a month, unless it stands there already."""
    values = {"workspace_id": workspace_id, "month": month, "contact_id": contact_id}
    await session.execute(upsert(session, ActiveContact).values(values).on_conflict_do_nothing())


async def count(session: AsyncSession, workspace_id: str, month: str) -> int:
    """Contacts of a month, erased ones too; of two that were merged since and were both active, one."""
    present = select(func.count()).where(*_counted(workspace_id), ActiveContact.month == month)
    erased = select(ErasedActiveContacts.contacts).where(
        ErasedActiveContacts.workspace_id == workspace_id, ErasedActiveContacts.month == month
    )
    return (await session.execute(present)).scalar_one() + ((await session.execute(erased)).scalar() or 0)


async def keep_count(session: AsyncSession, workspace_id: str, contact_ids: Collection[str]) -> None:
    """Add contacts that are about to be erased to the number of erased ones, month by month."""
    months = (
        select(ActiveContact.workspace_id, ActiveContact.month, func.count())
        .where(*_counted(workspace_id), ActiveContact.contact_id.in_(contact_ids))
        .group_by(ActiveContact.workspace_id, ActiveContact.month)
    )
    statement = upsert(session, ErasedActiveContacts).from_select(
        ["workspace_id", "month", "contacts"], months
    )
    more = ErasedActiveContacts.contacts + statement.excluded.contacts
    await session.execute(
        statement.on_conflict_do_update(index_elements=["workspace_id", "month"], set_={"contacts": more})
    )


def _counted(workspace_id: str) -> tuple[ColumnElement[bool], ...]:
    merged = select(ContactMerge.merged_id).where(
        ContactMerge.workspace_id == workspace_id, ContactMerge.undone_at.is_(None)
    )
    return ActiveContact.workspace_id == workspace_id, ActiveContact.contact_id.not_in(merged)
