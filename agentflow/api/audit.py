"""Who did what, and what looked unusual. There is no way to change or delete an entry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from agentflow.api.deps import App, AuditReader, Cursor, Limit
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.audit import service as audit
from crm.audit.schemas import AlertRead, AuditFilter, AuditRead

router = APIRouter(tags=["audit"])

Id = Annotated[str | None, Query(max_length=60, pattern=r"^[A-Za-z0-9_.:-]+$")]


def wanted(
    who: Id = None,
    action: Id = None,
    record_type: Id = None,
    record_id: Id = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="entries from then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="entries before then")] = None,
) -> AuditFilter:
    """The filter of the query string."""
    return AuditFilter(
        who=who, action=action, record_type=record_type, record_id=record_id, since=since, until=until
    )


@router.get("/audit")
async def list_audit(
    app: App,
    who: AuditReader,
    filtered: Annotated[AuditFilter, Depends(wanted)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditRead]:
    """Reads, changes and refusals, newest first: who, what (ids, never content), when and from where."""
    after = decode_cursor(cursor)
    async with app.db.read() as session:
        found = await audit.list_entries(session, who.workspace_id, filtered, after=after, limit=limit + 1)
    return page_of(found, limit=limit, cursor_of=lambda entry: entry.id)


@router.get("/alerts")
async def list_alerts(
    app: App, who: AuditReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[AlertRead]:
    """Repeated failed log-ins and mass exports, newest first; admins also got a mail about each."""
    after = decode_cursor(cursor)
    async with app.db.read() as session:
        found = await audit.list_alerts(session, who.workspace_id, after=after, limit=limit + 1)
    return page_of(found, limit=limit, cursor_of=lambda alert: alert.id)
