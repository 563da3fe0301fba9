"""Erasure of a person, and data to take away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from agentflow.api.deps import App, ContactsEraser, ContactsExporter, Cursor, Limit
from agentflow.api.downloads import download
from agentflow.api.idempotency import IdempotentRoute
from agentflow.api.imports import attachment
from agentflow.care import erasing, exporting
from agentflow.care.schemas import ErasureRead, ExportRead
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.audit.note import exported

router = APIRouter(tags=["erasure and portability"], route_class=IdempotentRoute)


@router.post("/contacts/{contact_id}/erase", status_code=202)
async def erase_contact(contact_id: str, app: App, who: ContactsEraser) -> ErasureRead:
    """Erase a contact for good, with everything that was said; there is no undo."""
    async with app.db.transaction() as session:
        return await erasing.request(session, who.workspace_id, contact_id, requested_by=who.id)


@router.get("/erasures")
async def list_erasures(
    app: App, who: ContactsEraser, limit: Limit = 50, cursor: Cursor = None
) -> Page[ErasureRead]:
    """Erasures with their reports, newest first."""
    async with app.db.read() as session:
        found = await erasing.list_erasures(
            session, who.workspace_id, before=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda erasure: erasure.id)


@router.get("/erasures/{erasure_id}")
async def get_erasure(erasure_id: str, app: App, who: ContactsEraser) -> ErasureRead:
    """The report: every place that was searched, what was erased, what is left."""
    async with app.db.read() as session:
        return await erasing.get(session, who.workspace_id, erasure_id)


@router.get("/contacts/{contact_id}/export")
async def export_contact(
    contact_id: str, app: App, who: ContactsExporter, response: Response
) -> dict[str, Any]:
    """One contact's data to hand to them: all that is kept, but what staff wrote for each other.

    Internal notes and reminders are in the export of the workspace.
    """
    async with app.db.read() as session:
        found = await exporting.of_contact(session, who.workspace_id, contact_id)
    exported(1)
    response.headers.update(attachment(f"{contact_id}.json"))  # an id of ours by now: a header holds no other
    return found


@router.post("/workspace/export", status_code=202)
async def export_workspace(app: App, who: ContactsExporter) -> ExportRead:
    """Begin to write everything about contacts and conversations into one zip of JSON lines."""
    async with app.db.transaction() as session:
        return await exporting.request(session, who.workspace_id, requested_by=who.id)


@router.get("/workspace/exports/{export_id}")
async def get_export(export_id: str, app: App, who: ContactsExporter) -> ExportRead:
    """How far it is; it is kept for seven days."""
    async with app.db.read() as session:
        return await exporting.get(session, who.workspace_id, export_id)


@router.get("/workspace/exports/{export_id}/file", response_class=StreamingResponse)
async def download_export(export_id: str, app: App, who: ContactsExporter) -> StreamingResponse:
    """The zip."""
    async with app.db.read() as session:
        key, contacts = await exporting.file_of(session, who.workspace_id, export_id)
    exported(contacts)
    return download(await app.files.read(key), "export.zip", "application/zip")
