"""The rules of internal notes: staff write and read them, authors change them, nobody else ever sees them.

Their news names them without their text, so that nothing but the note itself holds it.
"""

from __future__ import annotations

import json

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable, erase_expired
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from crm.inbox import events
from crm.inbox.models import Conversation
from crm.inbox.notes import repository
from crm.inbox.notes.errors import NoteNotFound, NotYourNote
from crm.inbox.notes.models import ConversationNote
from crm.inbox.notes.schemas import NoteRead, NoteWrite
from crm.inbox.service import get_conversation
from crm.teams import directory
from crm.teams import service as teams
from crm.teams.errors import RecordNotFound
from crm.teams.schemas import Role
from crm.teams.service import Principal


async def add_note(
    session: AsyncSession, who: Principal, conversation_id: str, data: NoteWrite
) -> ConversationNote:
    """A new note. Raises ConversationNotFound, RecordNotFound."""
    conversation = await get_conversation(session, who.workspace_id, conversation_id)
    staff = await teams.get_staff(session, who)
    note = ConversationNote(
        id=new_id("nte"),
        workspace_id=who.workspace_id,
        conversation_id=conversation.id,
        staff_id=staff.id,
        text=data.text,
        mentions=await _mentions(session, who, data),
        created_at=now(session),
    )
    session.add(note)
    _tell(session, conversation, note, "added")
    await session.flush()
    return note


async def edit_note(
    session: AsyncSession, who: Principal, conversation_id: str, note_id: str, data: NoteWrite
) -> ConversationNote:
    """Change one's own note. Raises ConversationNotFound, NoteNotFound, NotYourNote, RecordNotFound."""
    conversation, note = await _get(session, who, conversation_id, note_id)
    if note.staff_id != who.staff_id:
        raise NotYourNote("Only its author can change a note.")
    note.text, note.mentions, note.edited_at = data.text, await _mentions(session, who, data), now(session)
    _tell(session, conversation, note, "edited")
    await session.flush()
    return note


async def delete_note(session: AsyncSession, who: Principal, conversation_id: str, note_id: str) -> None:
    """Put a note into the bin. Raises ConversationNotFound, NoteNotFound, NotYourNote."""
    conversation, note = await _get(session, who, conversation_id, note_id)
    _check_may_delete(who, note)
    note.deleted_at = now(session)
    _tell(session, conversation, note, "deleted")
    await session.flush()


async def restore_note(
    session: AsyncSession, who: Principal, conversation_id: str, note_id: str
) -> ConversationNote:
    """Take a note out of the bin. Raises ConversationNotFound, NoteNotFound, NotYourNote."""
    conversation, note = await _get(session, who, conversation_id, note_id, deleted=True)
    _check_may_delete(who, note)
    note.deleted_at = None
    _tell(session, conversation, note, "added")
    await session.flush()
    return note


async def list_notes(
    session: AsyncSession,
    workspace_id: str,
    conversation_id: str,
    *,
    deleted: bool = False,
    after: str | None = None,
    limit: int,
) -> list[ConversationNote]:
    """Notes, oldest first, or those in the bin. Raises ConversationNotFound."""
    await get_conversation(session, workspace_id, conversation_id)
    return await repository.list_notes(
        session, workspace_id, conversation_id, deleted=deleted, after=after, limit=limit
    )


async def purge(db: Database) -> None:
    """Delete for good what was in the bin for its time."""
    await erase_expired(db, ConversationNote)


def read_note(note: ConversationNote) -> NoteRead:
    """A note as staff see it."""
    return NoteRead(
        id=note.id,
        conversation_id=note.conversation_id,
        staff_id=note.staff_id,
        text=note.text,
        mentions=json.loads(note.mentions),
        created_at=note.created_at,
        edited_at=note.edited_at,
        deleted_at=note.deleted_at,
    )


async def _get(
    session: AsyncSession, who: Principal, conversation_id: str, note_id: str, *, deleted: bool = False
) -> tuple[Conversation, ConversationNote]:
    conversation = await get_conversation(session, who.workspace_id, conversation_id)
    note = await repository.find_note(session, who.workspace_id, conversation.id, note_id)
    if note is None or (note.deleted_at is not None) != deleted:
        raise NoteNotFound("There is no such note in the bin." if deleted else "There is no such note here.")
    check_restorable(session, note.deleted_at)
    return conversation, note


def _check_may_delete(who: Principal, note: ConversationNote) -> None:
    if note.staff_id != who.staff_id and who.role not in (Role.ADMIN, Role.TEAM_ADMIN):
        raise NotYourNote("Only its author or an admin can delete a note, or take it out of the bin.")


async def _mentions(session: AsyncSession, who: Principal, data: NoteWrite) -> str:
    if set(data.mentions) - await directory.staff_among(session, who.workspace_id, data.mentions):
        raise RecordNotFound("There is no staff member with one of these ids.")
    return json.dumps(list(dict.fromkeys(data.mentions)))


def _tell(session: AsyncSession, conversation: Conversation, note: ConversationNote, change: str) -> None:
    payload = {
        "note_id": note.id,
        "change": change,
        "staff_id": note.staff_id,
        "mentions": json.loads(note.mentions),
    }
    events.publish_to_staff(session, conversation, "note", payload)
