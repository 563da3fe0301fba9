"""The log of a contact: `note` and `note_many` write in the transaction in which the thing happens."""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from crm.contacts import repository as contacts
from crm.contacts.activity import repository
from crm.contacts.activity.models import ContactActivity
from crm.contacts.activity.schemas import ActivityKind, ActivityRead, Detail

MONTHS = 6
_SWEPT_AT_ONCE = 1000  # a sweep holds no long lock


@dataclass(frozen=True)
class Line:
    """What `note` takes, for one of many contacts."""

    contact_id: str
    kind: ActivityKind
    subject_id: str | None = None
    detail: Detail | None = None


def note(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    kind: ActivityKind,
    *,
    subject_id: str | None = None,
    actor_id: str | None = None,
    detail: Detail | None = None,
) -> None:
    """Write a line into a contact's log; it is there exactly when the caller's transaction commits.

    `detail` holds short words and ids, such as a label's name; never what somebody wrote.
    """
    line = Line(contact_id, kind, subject_id, detail)
    session.add(ContactActivity(**_columns(line, workspace_id, actor_id, now(session))))


async def note_many(
    session: AsyncSession, workspace_id: str, lines: Iterable[Line], *, actor_id: str | None
) -> None:
    """Write what one actor did into the logs of many contacts, in a handful of statements."""
    at = now(session)
    rows = [_columns(line, workspace_id, actor_id, at) for line in lines]
    await contacts.add_rows(session, ContactActivity, rows)


def _columns(line: Line, workspace_id: str, actor_id: str | None, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id("act"),
        "workspace_id": workspace_id,
        "contact_id": line.contact_id,
        "kind": line.kind,
        "subject_id": line.subject_id,
        "actor_id": actor_id,
        "detail": json.dumps(line.detail, ensure_ascii=False) if line.detail else None,
        "at": at,
    }


async def list_activities(
    session: AsyncSession, workspace_id: str, contact_id: str, *, after: str | None = None, limit: int
) -> list[ActivityRead]:
    """What happened in the last six months, newest first."""
    found = await repository.list_activities(
        session,
        workspace_id,
        contact_id,
        since=months_before(now(session), MONTHS),
        before=after,
        limit=limit,
    )
    return [_read(one) for one in found]


def months_before(at: datetime, months: int) -> datetime:
    """The same day so many months ago, or the last day of that month if it has no such day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


async def sweep(db: Database) -> None:
    """Delete what is older than the log shows."""
    while True:
        async with db.transaction() as session:
            before = months_before(now(session), MONTHS)
            gone = await repository.delete_before(session, before, limit=_SWEPT_AT_ONCE)
        if gone < _SWEPT_AT_ONCE:
            return


def _read(one: ContactActivity) -> ActivityRead:
    return ActivityRead(
        id=one.id,
        kind=ActivityKind(one.kind),
        subject_id=one.subject_id,
        actor_id=one.actor_id,
        detail=json.loads(one.detail) if one.detail else {},
        at=one.at,
    )
