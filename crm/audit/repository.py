"""Every query of the audit log and its alerts. Nothing here changes an entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, event, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from agentflow.kit.db import upsert
from crm.audit.models import AuditEntry, AuditRecord, SecurityAlert
from crm.audit.note import MAX_IDS, current
from crm.audit.schemas import AuditFilter

Row = Mapping[str, Any]
DOWN = (SQLAlchemyError, OSError)  # what writing raises while the database does not answer


@event.listens_for(Session, "after_flush")
def _remember_changed(session: Session, _context: object) -> None:
    """The ids of what a request changes, as they come by."""
    note = current.get()
    if note is None or not note.armed or note.written or len(note.record_ids) >= MAX_IDS:
        return
    for record in (*session.new, *session.dirty, *session.deleted):
        note.add_ids(inspect(record).mapper.primary_key_from_instance(record))
        session.info["changed"] = True


async def add(session: AsyncSession, rows: Sequence[Row]) -> None:
    """Add entries."""
    await session.execute(insert(AuditEntry), list(rows))
    about = [
        {"entry_id": row["id"], "record_id": found} for row in rows for found in json.loads(row["record_ids"])
    ]
    if about:
        await session.execute(insert(AuditRecord), about)


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete the oldest entries, as far as they are from before then; gives how many. Ids sort by time."""
    oldest = await session.execute(select(AuditEntry.id, AuditEntry.at).order_by(AuditEntry.id).limit(limit))
    ids = [row.id for row in oldest if row.at < before]
    await session.execute(delete(AuditRecord).where(AuditRecord.entry_id.in_(ids)))
    await session.execute(delete(AuditEntry).where(AuditEntry.id.in_(ids)))
    return len(ids)


async def list_entries(
    session: AsyncSession, workspace_id: str, wanted: AuditFilter, *, after: str | None, limit: int
) -> list[AuditEntry]:
    """Entries of this workspace, newest first."""
    query = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
    for column, value in (
        (AuditEntry.who_id, wanted.who),
        (AuditEntry.action, wanted.action),
        (AuditEntry.record_type, wanted.record_type),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.record_id is not None:
        about = select(AuditRecord.entry_id).where(AuditRecord.record_id == wanted.record_id)
        query = query.where(AuditEntry.id.in_(about))
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    if after is not None:
        query = query.where(AuditEntry.id < after)
    return list((await session.execute(query.order_by(AuditEntry.id.desc()).limit(limit))).scalars())


async def count_by_person(session: AsyncSession, who_id: str, action: str, *, since: datetime) -> int:
    """How often somebody did something since then."""
    query = select(func.count()).where(
        AuditEntry.who_id == who_id, AuditEntry.action == action, AuditEntry.at > since
    )
    return (await session.execute(query)).scalar_one()


async def failed_from(session: AsyncSession, ip: str, action: str, *, since: datetime) -> list[str | None]:
    """The workspaces that attempts from a network address since then were at, one for each attempt."""
    query = select(AuditEntry.workspace_id).where(
        AuditEntry.ip == ip, AuditEntry.action == action, AuditEntry.at > since
    )
    return list((await session.execute(query.limit(1000))).scalars())


async def exported(
    session: AsyncSession, workspace_id: str, who_id: str, action: str, *, since: datetime
) -> tuple[int, int]:
    """How often somebody exported since then, and how many lines in all."""
    query = select(func.count(), func.coalesce(func.sum(AuditEntry.amount), 0)).where(
        and_(
            AuditEntry.workspace_id == workspace_id,
            AuditEntry.who_id == who_id,
            AuditEntry.action == action,
            AuditEntry.at > since,
        )
    )
    times, lines = (await session.execute(query)).one()
    return times, int(lines or 0)


async def last_alert(
    session: AsyncSession, workspace_id: str, kind: str, subject: str, *, since: datetime
) -> SecurityAlert | None:
    """An alert that was raised about this already."""
    query = select(SecurityAlert).where(
        SecurityAlert.workspace_id == workspace_id,
        SecurityAlert.kind == kind,
        SecurityAlert.subject == subject,
        SecurityAlert.created_at > since,
    )
    return (await session.execute(query.limit(1))).scalar_one_or_none()


async def add_alert(session: AsyncSession, values: Row) -> bool:
    """False when somebody else raised it in the same moment."""
    statement = (
        upsert(session, SecurityAlert).values(**values).on_conflict_do_nothing().returning(SecurityAlert.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def find_alert(session: AsyncSession, alert_id: str) -> SecurityAlert | None:
    """For the job that mails it."""
    return await session.get(SecurityAlert, alert_id)


async def list_alerts(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[SecurityAlert]:
    """Alerts of this workspace, newest first."""
    query = select(SecurityAlert).where(SecurityAlert.workspace_id == workspace_id)
    if after is not None:
        query = query.where(SecurityAlert.id < after)
    return list((await session.execute(query.order_by(SecurityAlert.id.desc()).limit(limit))).scalars())
