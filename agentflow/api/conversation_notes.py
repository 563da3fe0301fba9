"""Internal notes in a conversation: for staff alone, whatever way it takes to the customer."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.auth import require_staff
from agentflow.api.deps import App, Cursor, Deleted, InboxReader, InboxWriter, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.inbox.notes import service as notes
from crm.inbox.notes.schemas import NoteRead, NoteWrite

router = APIRouter(
    prefix="/conversations/{conversation_id}/notes", tags=["inbox"], route_class=IdempotentRoute
)


@router.get("")
async def list_notes(
    conversation_id: str,
    app: App,
    who: InboxReader,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[NoteRead]:
    """Notes, oldest first."""
    async with app.db.read() as session:
        found = await notes.list_notes(
            session,
            who.workspace_id,
            conversation_id,
            deleted=deleted,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    return page_of([notes.read_note(one) for one in found], limit=limit, cursor_of=lambda one: one.id)


@router.post("", status_code=201)
async def add_note(conversation_id: str, data: NoteWrite, app: App, who: InboxWriter) -> NoteRead:
    """Write a note; those mentioned are named in its event."""
    require_staff(who)
    async with app.db.transaction() as session:
        return notes.read_note(await notes.add_note(session, who, conversation_id, data))


@router.patch("/{note_id}")
async def edit_note(
    conversation_id: str, note_id: str, data: NoteWrite, app: App, who: InboxWriter
) -> NoteRead:
    """Change a note of your own."""
    async with app.db.transaction() as session:
        return notes.read_note(await notes.edit_note(session, who, conversation_id, note_id, data))


@router.delete("/{note_id}", status_code=204)
async def delete_note(conversation_id: str, note_id: str, app: App, who: InboxWriter) -> None:
    """Put a note into the bin, from which it can be restored for 30 days."""
    async with app.db.transaction() as session:
        await notes.delete_note(session, who, conversation_id, note_id)


@router.post("/{note_id}/restore")
async def restore_note(conversation_id: str, note_id: str, app: App, who: InboxWriter) -> NoteRead:
    """Take a note out of the bin."""
    async with app.db.transaction() as session:
        return notes.read_note(await notes.restore_note(session, who, conversation_id, note_id))
