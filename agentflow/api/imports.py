"""Imports of contacts: upload a table, map its columns, try it out, commit, get back what was refused."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import StreamingResponse

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.imports import service as imports
from crm.contacts.imports.schemas import ImportDetail, ImportRead, ImportUndone, Mapping, RowOutcome

router = APIRouter(prefix="/contact-imports", tags=["contacts"], route_class=IdempotentRoute)
CSV = "text/csv; charset=utf-8"
AS_CSV: dict[int | str, dict[str, object]] = {200: {"description": "The file", "content": {"text/csv": {}}}}


def attachment(name: str) -> dict[str, str]:
    """Headers that make a browser store the answer under this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}


@router.post("", status_code=201)
async def upload_contacts(
    app: App,
    who: ContactsWriter,
    file: Annotated[UploadFile, File(description=", ".join(imports.TYPES))],
    sheet: Annotated[str | None, Form(max_length=200, description="left out, the first with rows")] = None,
) -> ImportDetail:
    """Upload a table; the answer shows its columns and suggests where they go. Nothing is imported yet."""
    return await imports.upload(
        app.db,
        app.table_reader,
        who,
        filename=file.filename or "",
        content=await file.read(),
        sheet=sheet,
    )


@router.get("")
async def list_contact_imports(
    app: App, who: ContactsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ImportRead]:
    """Imports with their summaries, newest first."""
    async with app.db.read() as session:
        found = await imports.list_imports(
            session, who.workspace_id, before=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.get("/sample.csv", response_class=StreamingResponse, responses=AS_CSV)
async def get_sample(who: ContactsReader) -> StreamingResponse:
    """A file to start from."""
    return StreamingResponse(
        iter([imports.SAMPLE.encode()]), media_type=CSV, headers=attachment("contacts-sample.csv")
    )


@router.get("/{import_id}")
async def get_contact_import(import_id: str, app: App, who: ContactsReader) -> ImportDetail:
    """One import: its columns, the mapping, how far it is, and what became of the rows."""
    async with app.db.read() as session:
        return await imports.get(session, who.workspace_id, import_id)


@router.put("/{import_id}/mapping")
async def put_mapping(import_id: str, data: Mapping, app: App, who: ContactsWriter) -> ImportDetail:
    """Say where the columns go; a dry run that was made is void then."""
    async with app.db.transaction() as session:
        return await imports.set_mapping(session, who, import_id, data)


@router.post("/{import_id}/dry-run", status_code=202)
async def dry_run(import_id: str, app: App, who: ContactsWriter) -> ImportDetail:
    """Find out what a commit would do, row by row; nothing is changed. Watch `state` and `progress`."""
    async with app.db.transaction() as session:
        return await imports.start_dry_run(session, who.workspace_id, import_id)


@router.post("/{import_id}/commit", status_code=202)
async def commit_import(import_id: str, app: App, who: ContactsWriter) -> ImportDetail:
    """Take the rows over after a dry run. Watch `state` and `progress`; the summary grows with them."""
    async with app.db.transaction() as session:
        return await imports.commit(session, who, import_id)


@router.post("/{import_id}/undo")
async def undo_import(import_id: str, app: App, who: ContactsWriter) -> ImportUndone:
    """Put the contacts that it made into the bin, within 30 days, unless they were changed or talked with."""
    async with app.db.transaction() as session:
        return await imports.undo(session, who.workspace_id, import_id)


@router.get("/{import_id}/refused.csv", response_class=StreamingResponse, responses=AS_CSV)
async def get_refused_rows(
    import_id: str,
    app: App,
    who: ContactsReader,
    outcome: Literal[RowOutcome.FAILED, RowOutcome.SKIPPED] = RowOutcome.FAILED,
) -> StreamingResponse:
    """The rows that were refused, cells as they were, each with its reason; mend and import them again."""
    lines = await imports.refused_rows(app.db, who.workspace_id, import_id, outcome)
    return StreamingResponse(lines, media_type=CSV, headers=attachment("refused-rows.csv"))


@router.delete("/{import_id}", status_code=204)
async def discard_import(import_id: str, app: App, who: ContactsWriter) -> None:
    """Forget an import and what is kept of its rows. Contacts that it made stay."""
    async with app.db.transaction() as session:
        await imports.discard(session, who.workspace_id, import_id)
