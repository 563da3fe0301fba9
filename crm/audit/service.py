"""The audit log: who did what, when and from where. Entries never change; only the operator lets old ones go.

A change is written down in its own transaction. Where that is not possible (nothing went through the session,
or it was refused) it is written before the answer leaves. Reads are gathered for less than a second.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from crm.audit import repository
from crm.audit.models import AuditEntry, SecurityAlert
from crm.audit.note import Note, current
from crm.audit.schemas import AlertKind, AlertRead, AuditFilter, AuditRead

BATCH_SECONDS = 0.5
AT_ONCE = 500  # old entries deleted in one transaction
MAX_WAITING = 1000  # then a request waits until they are written: none is dropped
log = logging.getLogger(__name__)
Row = dict[str, Any]


def row_of(note: Note, at: datetime, *, status: int | None, amount: int | None = None) -> Row:
    """An entry as it is stored."""
    return {
        "id": new_id("aud"),
        "workspace_id": note.workspace_id,
        "at": at,
        "who_id": note.who_id,
        "who_kind": note.who_kind,
        "role": note.role,
        "action": note.action[:100],
        "method": note.method[:10],
        "record_type": note.record_type[:60],
        "record_ids": json.dumps(list(note.record_ids)),
        "status": status,
        "amount": amount,
        "ip": note.ip[:64],
        "user_agent": note.user_agent.replace("\x00", "")[:300],
    }


class AuditLog:
    """Writes entries; one for each process. Close it last of what serves, so that nothing waits in it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[Row] = []
        self._writing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None
        db.before_commit.append(_write_along)
        db.after_commit.append(_written)

    async def answered(self, note: Note, status: int) -> None:
        """Keep what a request did, just before its answer leaves. Raises what the database raises."""
        if note.written or note.who_id is None:
            return
        row = row_of(note, self._db.clock.now(), status=status)
        if note.armed:
            await self._write([row])
            return
        self._waiting.append(row)
        if len(self._waiting) >= MAX_WAITING:
            await self.flush()
        elif self._timer is None or self._timer.done():
            # In a context of its own: it works for many requests.
            self._timer = asyncio.create_task(self._flush_soon(), context=contextvars.Context())

    async def _flush_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(BATCH_SECONDS)
            try:
                await self.flush()
            except repository.DOWN:
                log.exception("%d entries of the audit log wait for the database", len(self._waiting))

    async def flush(self) -> None:
        """Write what waits. What cannot be written goes on waiting."""
        async with self._writing:
            batch = self._waiting[:]
            if batch:
                await self._write(batch)
                del self._waiting[: len(batch)]

    async def _write(self, rows: list[Row]) -> None:
        token = current.set(None)
        try:
            async with self._db.transaction() as session:
                await repository.add(session, rows)
        finally:
            current.reset(token)

    async def close(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        await self.flush()


async def _write_along(session: AsyncSession) -> None:
    """Just before a change commits."""
    note = current.get()
    if note is None or not note.armed or note.written:
        return
    await session.flush()
    if session.info.get("changed"):
        await repository.add(session, [row_of(note, now(session), status=None)])
        session.info["audited"] = note


def _written(session: AsyncSession) -> None:
    note = session.info.get("audited")
    if isinstance(note, Note):
        note.written = True


async def forget_old(db: Database) -> None:
    """Delete entries older than AGENTFLOW_AUDIT__KEEP_DAYS, where the operator has set it."""
    days = db.settings.audit.keep_days
    if days is None:
        return
    before, forgotten = db.clock.now() - timedelta(days=days), AT_ONCE
    while forgotten == AT_ONCE:
        async with db.transaction() as session:
            forgotten = await repository.forget(session, before=before, limit=AT_ONCE)


async def list_entries(
    session: AsyncSession, workspace_id: str, wanted: AuditFilter, *, after: str | None, limit: int
) -> list[AuditRead]:
    """Entries, newest first."""
    found = await repository.list_entries(session, workspace_id, wanted, after=after, limit=limit)
    return [_read(entry) for entry in found]


def _read(entry: AuditEntry) -> AuditRead:
    shown = {name: getattr(entry, name) for name in AuditRead.model_fields if name not in {"record_ids"}}
    return AuditRead(**shown, record_ids=json.loads(entry.record_ids))


async def list_alerts(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[AlertRead]:
    """Alerts, newest first."""
    return [
        read_alert(alert)
        for alert in await repository.list_alerts(session, workspace_id, after=after, limit=limit)
    ]


def read_alert(alert: SecurityAlert) -> AlertRead:
    """An alert as the API shows it."""
    return AlertRead(
        id=alert.id,
        kind=AlertKind(alert.kind),
        subject=alert.subject,
        count=alert.count,
        created_at=alert.created_at,
    )
