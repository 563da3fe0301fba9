"""Reminders: set, changed, completed, put into the bin; `firing.py` tells them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from agentflow.kit.pagination import position_in_time, read_position_in_time
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.present import get_present
from crm.contacts.reminders import repository
from crm.contacts.reminders.errors import NobodyToRemind, ReminderNotFound
from crm.contacts.reminders.models import ContactReminder
from crm.contacts.reminders.schemas import ReminderCreate, ReminderRead, ReminderState, ReminderUpdate
from crm.teams import service as teams
from crm.teams.errors import RecordNotFound
from crm.teams.service import Principal


async def add_reminder(
    session: AsyncSession, who: Principal, contact_id: str, data: ReminderCreate
) -> ContactReminder:
    """Set a reminder. Without a staff member it is for the contact's owner, else for whoever sets it.

    Raises ContactNotFound, NobodyToRemind.
    """
    contact = await get_present(session, who.workspace_id, contact_id)
    staff_id = data.staff_id or (None if contact.owner_id else who.staff_id)
    if staff_id is None and contact.owner_id is None:
        raise NobodyToRemind("The contact has no owner: name a staff member in staff_id.", field="staff_id")
    await _check_staff(session, who.workspace_id, staff_id)
    reminder = ContactReminder(
        id=new_id("rem"),
        workspace_id=who.workspace_id,
        contact_id=contact_id,
        staff_id=staff_id,
        text=data.text,
        due_at=data.due_at,
        created_by=who.id,
        created_at=now(session),
    )
    session.add(reminder)
    activity.note(
        session,
        who.workspace_id,
        contact_id,
        ActivityKind.REMINDER_SET,
        subject_id=reminder.id,
        actor_id=who.id,
    )
    await session.flush()
    return reminder


async def _check_staff(session: AsyncSession, workspace_id: str, staff_id: str | None) -> None:
    if staff_id is None:
        return
    try:
        await teams.get_colleague(session, workspace_id, staff_id)
    except RecordNotFound as absent:
        raise NobodyToRemind(absent.detail, field="staff_id") from absent


async def list_reminders(
    session: AsyncSession,
    workspace_id: str,
    *,
    contact_id: str | None = None,
    staff_id: str | None = None,
    state: ReminderState | None = None,
    deleted: bool = False,
    after: str | None = None,
    limit: int,
) -> list[ContactReminder]:
    """Reminders of a contact, or of the workspace, by their time. Raises ContactNotFound, BadCursor."""
    if contact_id is not None:
        await get_present(session, workspace_id, contact_id)
    return await repository.list_reminders(
        session,
        workspace_id,
        contact_id=contact_id,
        staff_id=staff_id,
        state=state,
        deleted=deleted,
        after=read_position_in_time(after),
        limit=limit,
    )


def cursor_of(reminder: ReminderRead) -> str:
    """Where a reminder stands in the list."""
    return position_in_time(reminder.due_at, reminder.id)


async def update_reminder(
    session: AsyncSession, who: Principal, contact_id: str, reminder_id: str, data: ReminderUpdate
) -> ContactReminder:
    """Change what is given. Raises ReminderNotFound, NobodyToRemind."""
    reminder = await _get(session, who, contact_id, reminder_id)
    if reminder.deleted_at is not None:
        raise ReminderNotFound("The reminder is in the bin; restore it first.")
    if data.text is not None:
        reminder.text = data.text
    if data.due_at is not None and data.due_at != reminder.due_at:
        reminder.due_at = data.due_at
        reminder.fired_at = reminder.mailed_at = reminder.told_id = None
    if "staff_id" in data.model_fields_set:
        await _check_staff(session, who.workspace_id, data.staff_id)
        reminder.staff_id = data.staff_id
    if data.completed is not None:
        reminder.completed_at = (reminder.completed_at or now(session)) if data.completed else None
    await session.flush()
    return reminder


async def delete_reminder(
    session: AsyncSession, who: Principal, contact_id: str, reminder_id: str
) -> ContactReminder:
    """Put a reminder into the bin for 30 days; it is told no more. Raises ReminderNotFound."""
    reminder = await _get(session, who, contact_id, reminder_id)
    reminder.deleted_at = reminder.deleted_at or now(session)
    await session.flush()
    return reminder


async def restore_reminder(
    session: AsyncSession, who: Principal, contact_id: str, reminder_id: str
) -> ContactReminder:
    """Take a reminder out of the bin; one whose time has come meanwhile is told.

    Raises ReminderNotFound, TooLateToRestore.
    """
    reminder = await _get(session, who, contact_id, reminder_id)
    check_restorable(session, reminder.deleted_at)
    reminder.deleted_at = None
    await session.flush()
    return reminder


async def _get(session: AsyncSession, who: Principal, contact_id: str, reminder_id: str) -> ContactReminder:
    reminder = await repository.find_reminder(session, who.workspace_id, contact_id, reminder_id)
    if reminder is None:
        raise ReminderNotFound("There is no such reminder on this contact.")
    return reminder
