"""Notes: written, edited, put into the bin and taken out again; staff see them, customers never."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.notes import repository
from crm.contacts.notes.errors import NoteNotFound
from crm.contacts.notes.models import ContactNote
from crm.contacts.notes.schemas import ContactNoteWrite
from crm.contacts.present import get_present
from crm.teams.service import Principal


async def add_note(
    session: AsyncSession, who: Principal, contact_id: str, data: ContactNoteWrite
) -> ContactNote:
    """Write a note. Raises ContactNotFound."""
    await get_present(session, who.workspace_id, contact_id)
    note = ContactNote(
        id=new_id("not"),
        workspace_id=who.workspace_id,
        contact_id=contact_id,
        author_id=who.id,
        text=data.text,
        created_at=now(session),
    )
    session.add(note)
    _log(session, who, note, ActivityKind.NOTE_ADDED)
    await session.flush()
    return note


async def list_notes(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    *,
    deleted: bool = False,
    after: str | None = None,
    limit: int,
) -> list[ContactNote]:
    """Notes, newest first. Raises ContactNotFound."""
    await get_present(session, workspace_id, contact_id)
    return await repository.list_notes(
        session,
        workspace_id,
        contact_id,
        deleted=deleted,
        before=after,
        limit=limit,
    )


async def edit_note(
    session: AsyncSession, who: Principal, contact_id: str, note_id: str, data: ContactNoteWrite
) -> ContactNote:
    """Replace a note's text; who did so and when stands beside it. Raises NoteNotFound."""
    note = await _get(session, who, contact_id, note_id)
    if note.deleted_at is not None:
        raise NoteNotFound("The note is in the bin; restore it first.")
    note.text, note.edited_at, note.edited_by = data.text, now(session), who.id
    await session.flush()
    return note


async def delete_note(session: AsyncSession, who: Principal, contact_id: str, note_id: str) -> ContactNote:
    """Put a note into the bin for 30 days. Raises NoteNotFound."""
    note = await _get(session, who, contact_id, note_id)
    if note.deleted_at is None:
        note.deleted_at = now(session)
        _log(session, who, note, ActivityKind.NOTE_DELETED)
    await session.flush()
    return note


async def restore_note(session: AsyncSession, who: Principal, contact_id: str, note_id: str) -> ContactNote:
    """Take a note out of the bin. Raises NoteNotFound, TooLateToRestore."""
    note = await _get(session, who, contact_id, note_id)
    check_restorable(session, note.deleted_at)
    note.deleted_at = None
    await session.flush()
    return note


async def _get(session: AsyncSession, who: Principal, contact_id: str, note_id: str) -> ContactNote:
    note = await repository.find_note(session, who.workspace_id, contact_id, note_id)
    if note is None:
        raise NoteNotFound("There is no such note on this contact.")
    return note


def _log(session: AsyncSession, who: Principal, note: ContactNote, kind: ActivityKind) -> None:
    activity.note(session, who.workspace_id, note.contact_id, kind, subject_id=note.id, actor_id=who.id)
