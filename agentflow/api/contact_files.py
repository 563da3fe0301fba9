"""Files of a contact: upload, list by date, download, delete and undo."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Response, UploadFile

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Deleted, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.media import service as media
from crm.contacts.media.schemas import FileRead
from crm.contacts.media.sniffing import ALLOWED

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)

BYTES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The file, as a download",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/contacts/{contact_id}/files")
async def list_files(
    contact_id: str,
    app: App,
    who: ContactsReader,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FileRead]:
    """Files of a contact, newest first."""
    async with app.db.read() as session:
        found = await media.list_files(
            session,
            who.workspace_id,
            contact_id,
            deleted=deleted,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    items = [FileRead.model_validate(one) for one in found]
    return page_of(items, limit=limit, cursor_of=lambda one: one.id)


@router.post("/contacts/{contact_id}/files", status_code=201)
async def add_file(
    contact_id: str,
    app: App,
    who: ContactsWriter,
    file: Annotated[UploadFile, File(description=f"{ALLOWED}; at most 20 MiB")],
) -> FileRead:
    """Keep a file with a contact; its bytes decide of which kind it is."""
    name, content = file.filename or "", await file.read()
    added = await media.add_file(app.db, app.files, who, contact_id, name=name, content=content)
    return FileRead.model_validate(added)


@router.get("/contacts/{contact_id}/files/{file_id}", response_class=Response, responses=BYTES)
async def download_file(contact_id: str, file_id: str, app: App, who: ContactsReader) -> Response:
    """The file itself, always as a download."""
    found = await media.open_file(app.db, app.files, who.workspace_id, contact_id, file_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "private, no-store",
    }
    return Response(found.content, media_type=found.content_type, headers=headers)


@router.delete("/contacts/{contact_id}/files/{file_id}")
async def delete_file(contact_id: str, file_id: str, app: App, who: ContactsWriter) -> FileRead:
    """Put a file into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return FileRead.model_validate(await media.delete_file(session, who, contact_id, file_id))


@router.post("/contacts/{contact_id}/files/{file_id}/restore")
async def restore_file(contact_id: str, file_id: str, app: App, who: ContactsWriter) -> FileRead:
    """Take a file out of the bin."""
    async with app.db.transaction() as session:
        return FileRead.model_validate(await media.restore_file(session, who, contact_id, file_id))
