"""Every query over reminders. Those named `*_by_job` and those of sweeps take no workspace."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.contacts.models import Contact
from crm.contacts.reminders.models import ContactReminder
from crm.contacts.reminders.schemas import ReminderState


async def find_reminder(
    session: AsyncSession, workspace_id: str, contact_id: str, reminder_id: str
) -> ContactReminder | None:
    """A reminder of a contact, in the bin or not, locked until the transaction ends."""
    query = select(ContactReminder).where(
        ContactReminder.workspace_id == workspace_id,
        ContactReminder.contact_id == contact_id,
        ContactReminder.id == reminder_id,
    )
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def lock_reminder_by_job(session: AsyncSession, reminder_id: str) -> ContactReminder | None:
    """The reminder that one of our own jobs names, locked."""
    query = select(ContactReminder).where(ContactReminder.id == reminder_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_reminders(
    session: AsyncSession,
    workspace_id: str,
    *,
    contact_id: str | None = None,
    staff_id: str | None = None,
    state: ReminderState | None = None,
    deleted: bool = False,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[ContactReminder]:
    """Reminders by their time; `after` is the place of the last one seen."""
    query = select(ContactReminder).where(
        ContactReminder.workspace_id == workspace_id,
        shown(session, ContactReminder.deleted_at, deleted),
    )
    if contact_id is not None:
        query = query.where(ContactReminder.contact_id == contact_id)
    if staff_id is not None:
        query = query.where(ContactReminder.staff_id == staff_id)
    if state is ReminderState.COMPLETED:
        query = query.where(ContactReminder.completed_at.is_not(None))
    elif state is not None:
        fired = ContactReminder.fired_at
        query = query.where(
            ContactReminder.completed_at.is_(None),
            fired.is_(None) if state is ReminderState.WAITING else fired.is_not(None),
        )
    order = (ContactReminder.due_at, ContactReminder.id)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return list((await session.execute(query.order_by(*order).limit(limit))).scalars())


async def claim_due(session: AsyncSession, at: datetime, *, limit: int) -> list[ContactReminder]:
    """Reminders of all workspaces whose time has come, locked; those another worker has are left to it.

    Those on a contact in the bin wait until it is restored.
    """
    query = (
        select(ContactReminder)
        .join(Contact, Contact.id == ContactReminder.contact_id)
        .where(
            Contact.deleted_at.is_(None),
            ContactReminder.fired_at.is_(None),
            ContactReminder.due_at <= at,
            ContactReminder.completed_at.is_(None),
            ContactReminder.deleted_at.is_(None),
        )
        .order_by(ContactReminder.due_at)
        .limit(limit)
        .with_for_update(of=ContactReminder, skip_locked=True)
    )
    return list((await session.execute(query)).scalars())
