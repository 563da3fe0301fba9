"""A reminder's time comes: one event, one mail.

Firing is one transaction: the row is marked, the event published and the mail's job added, or none of it.
The mail is marked before it is handed over: a worker that dies in between sends none rather than two.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import jobs
from agentflow.kit.db import Database, now
from agentflow.kit.events import publish
from agentflow.kit.mail import Mail, MailDeps, MailFailed
from crm.contacts import service as contacts
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.reminders import repository
from crm.contacts.reminders.models import ContactReminder
from crm.teams import service as teams
from crm.teams.errors import RecordNotFound

EVENT = "reminder_due"
JOB = "reminder_mail"
_AT_ONCE = 100


async def fire_due(db: Database) -> None:
    """Tell every reminder whose time has come, once; safe beside itself."""
    while True:
        async with db.transaction() as session:
            due = await repository.claim_due(session, now(session), limit=_AT_ONCE)
            for reminder in due:
                await _fire(session, reminder)
        if len(due) < _AT_ONCE:
            return


async def _fire(session: AsyncSession, reminder: ContactReminder) -> None:
    workspace_id, contact_id = reminder.workspace_id, reminder.contact_id
    reminder.fired_at = now(session)
    reminder.firings += 1
    reminder.told_id = reminder.staff_id or await _owner(session, workspace_id, contact_id)
    payload = {
        "reminder_id": reminder.id,
        "contact_id": contact_id,
        "staff_id": reminder.told_id,
        "due_at": reminder.due_at.isoformat(),
        "text": reminder.text,
    }
    publish(session, workspace_id, stream=contact_id, kind=EVENT, payload=payload)
    activity.note(session, workspace_id, contact_id, ActivityKind.REMINDER_DUE, subject_id=reminder.id)
    await jobs.enqueue(
        session,
        JOB,
        reminder.id,
        reminder.firings,
        job_id=f"reminder:{reminder.id}:{reminder.firings}",
    )


async def _owner(session: AsyncSession, workspace_id: str, contact_id: str) -> str | None:
    contact = await contacts.find_contact(session, workspace_id, contact_id)
    return contact.owner_id if contact else None


async def send_mail(deps: MailDeps, reminder_id: str, firing: int) -> None:
    """Write to whom the reminder was told, unless that was done. Raises MailFailed, and is tried again."""
    mail = await _claim_mail(deps, reminder_id, firing)
    if mail is None:
        return
    try:
        await deps.mailer.send(mail)
    except MailFailed:
        async with deps.db.transaction() as session:
            reminder = await repository.lock_reminder_by_job(session, reminder_id)
            if reminder is not None and reminder.firings == firing:
                reminder.mailed_at = None
        raise


async def _claim_mail(deps: MailDeps, reminder_id: str, firing: int) -> Mail | None:
    async with deps.db.transaction() as session:
        reminder = await repository.lock_reminder_by_job(session, reminder_id)
        if reminder is None or reminder.firings != firing or reminder.mailed_at or not reminder.told_id:
            return None
        try:
            staff = await teams.get_colleague(session, reminder.workspace_id, reminder.told_id)
        except RecordNotFound:
            return None
        contact = await contacts.find_contact(session, reminder.workspace_id, reminder.contact_id)
        reminder.mailed_at = now(session)
    name = " ".join(((contact.name if contact else None) or "a contact").split())
    where = f"{deps.db.settings.public_url}/admin#contacts/{reminder.contact_id}"
    text = f"{reminder.text}\n\nDue: {reminder.due_at:%Y-%m-%d %H:%M} UTC\n{where}\n"
    return Mail((staff.email,), f"Reminder: {name[:150]}", text)
