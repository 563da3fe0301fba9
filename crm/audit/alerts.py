"""What looks unusual: many failed log-ins, and much that leaves. Told once, to the admins."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import events
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from agentflow.kit.mail import Mail, MailDeps
from crm.audit import repository
from crm.audit.note import Note, current
from crm.audit.schemas import AlertKind
from crm.audit.service import row_of
from crm.teams import service as teams

FAILED, FAILED_TIME = 10, timedelta(minutes=15)  # log-ins at one address, or from one place
LINES, EXPORTS, EXPORT_TIME = 1000, 3, timedelta(hours=1)  # by one person
LOG_IN_FAILED = "auth.log_in_failed"
EXPORTED = "contacts.exported"
STREAM = "alerts"
EVENT = "security_alert"


async def log_in_failed(db: Database, *, email: str = "", staff_id: str = "") -> None:
    """Write down that a log-in failed, and tell the admins when there were many."""
    note = current.get()
    if note is None:
        return
    async with db.transaction() as session:
        staff = await teams.find_person(session, email=email, staff_id=staff_id)
        if staff is not None:
            note.who_id, note.workspace_id = staff.id, staff.workspace_id
        note.action, note.record_type = LOG_IN_FAILED, "auth"
        await repository.add(session, [row_of(note, now(session), status=401)])
        note.written = True
        since = now(session) - FAILED_TIME
        # Counted for an unknown address too, so that the answer takes as long as for a known one.
        count = await repository.count_by_person(session, note.who_id or "", LOG_IN_FAILED, since=since)
        if staff is not None and count >= FAILED:
            kind = AlertKind.FAILED_LOG_INS
            await _raise(session, staff.workspace_id, kind, staff.id, count, FAILED_TIME)
        await _look_at_place(session, note.ip)


async def _look_at_place(session: AsyncSession, ip: str) -> None:
    """Each workspace that was tried from there is told, with all attempts from there."""
    since = now(session) - FAILED_TIME
    tried = Counter(await repository.failed_from(session, ip, LOG_IN_FAILED, since=since))
    if tried.total() >= FAILED:
        for workspace_id in sorted(known for known in tried if known is not None):
            kind = AlertKind.FAILED_LOG_INS
            await _raise(session, workspace_id, kind, ip, tried.total(), FAILED_TIME)


async def contacts_exported(db: Database, note: Note, lines: int) -> None:
    """Write down that contacts left, and tell the admins when it was much."""
    if note.workspace_id is None or note.who_id is None:
        return
    note.action = EXPORTED
    async with db.transaction() as session:
        await repository.add(session, [row_of(note, now(session), status=200, amount=lines)])
        since = now(session) - EXPORT_TIME
        times, total = await repository.exported(
            session, note.workspace_id, note.who_id, EXPORTED, since=since
        )
        if times >= EXPORTS or total >= LINES:
            kind = AlertKind.MASS_EXPORT
            await _raise(session, note.workspace_id, kind, note.who_id, total, EXPORT_TIME)


async def _raise(
    session: AsyncSession, workspace_id: str, kind: AlertKind, subject: str, count: int, once_in: timedelta
) -> None:
    at = now(session)
    if await repository.last_alert(session, workspace_id, kind, subject, since=at - once_in) is not None:
        return
    alert_id = new_id("alr")
    raised = await repository.add_alert(
        session,
        {
            "id": alert_id,
            "workspace_id": workspace_id,
            "kind": kind,
            "subject": subject[:64],
            "period": int(at.timestamp() // once_in.total_seconds()),
            "count": count,
            "created_at": at,
        },
    )
    if raised:
        payload = {"alert_id": alert_id, "kind": kind, "subject": subject, "count": count}
        events.publish(session, workspace_id, stream=STREAM, kind=EVENT, payload=payload)
        await enqueue(session, "security_alert", alert_id, job_id=f"security_alert-{alert_id}")


async def mail(deps: MailDeps, alert_id: str) -> None:
    """Mail an alert to the admins of its workspace. Raises MailFailed."""
    async with deps.db.read() as session:
        alert = await repository.find_alert(session, alert_id)
        if alert is None:
            return
        to = await teams.staff_addresses(session, alert.workspace_id)
        name = (await teams.get_workspace(session, alert.workspace_id)).name
        who = await teams.describe(session, alert.workspace_id, alert.subject)
    text = _TEXTS[AlertKind(alert.kind)].format(who=who, count=alert.count, workspace=name)
    if to:
        text += "\nThe audit log says more: GET /api/v1/audit. This mail comes once for a stretch of time.\n"
        await deps.mailer.send(Mail(tuple(to), f"Unusual: {_SUBJECTS[AlertKind(alert.kind)]}", text))


_SUBJECTS = {
    AlertKind.FAILED_LOG_INS: "many log-ins failed",
    AlertKind.MASS_EXPORT: "many contacts were exported",
}
_TEXTS = {
    AlertKind.FAILED_LOG_INS: (
        "In “{workspace}” {count} log-ins failed within 15 minutes ({who}).\n"
        "If it was not one of you, make sure that everybody has a second factor.\n"
    ),
    AlertKind.MASS_EXPORT: (
        "In “{workspace}” {count} contacts were exported within an hour ({who}).\n"
        "If that was not meant to happen, delete the staff member or revoke the API key.\n"
    ),
}
