"""Two contacts that are one person: suggested, merged, taken apart; and how many were active in a month."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Limit, SettingsReader
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.merging import service as merging
from crm.contacts.merging.schemas import Merge, MergeRead
from crm.contacts.schemas import ContactRead
from crm.contacts.usage import service as usage
from crm.contacts.usage.schemas import MonthlyActiveContacts

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)

Month = Annotated[
    str | None,
    Query(max_length=7, description="as 2026-03, in the workspace's time zone; this month if left out"),
]


@router.get("/contacts/{contact_id}/duplicates")
async def list_duplicates(contact_id: str, app: App, who: ContactsReader) -> list[ContactRead]:
    """Contacts that share an e-mail address or phone number with this one, in whatever spelling."""
    async with app.db.read() as session:
        return await merging.list_duplicates(session, who.workspace_id, contact_id)


@router.post("/contacts/{contact_id}/merge")
async def merge(contact_id: str, data: Merge, app: App, who: ContactsWriter) -> MergeRead:
    """Let another contact go into this one: its values win, and everything else comes along."""
    async with app.db.transaction() as session:
        return await merging.merge(session, who, contact_id, data.other_id)


@router.get("/contacts/{contact_id}/merges")
async def list_merges(
    contact_id: str, app: App, who: ContactsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[MergeRead]:
    """Which contacts went into this one, newest first."""
    async with app.db.read() as session:
        found = await merging.list_merges(
            session, who.workspace_id, contact_id, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/contact-merges/{merge_id}/undo")
async def undo_merge(merge_id: str, app: App, who: ContactsWriter) -> MergeRead:
    """Take two contacts apart again, within 30 days; what came since stays with the surviving one."""
    async with app.db.transaction() as session:
        return await merging.undo(session, who, merge_id)


@router.get("/usage/monthly-active-contacts")
async def monthly_active_contacts(
    app: App, who: SettingsReader, month: Month = None
) -> MonthlyActiveContacts:
    """Contacts with whom there was a talk in a month, each counted once; stored ones count for nothing."""
    async with app.db.read() as session:
        return await usage.monthly_active_contacts(session, who.workspace_id, month)
