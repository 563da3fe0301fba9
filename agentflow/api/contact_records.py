"""What is kept with a contact: notes, reminders and the log of what happened."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Deleted, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityRead
from crm.contacts.notes import service as notes
from crm.contacts.notes.schemas import ContactNoteRead, ContactNoteWrite
from crm.contacts.present import get_present
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.schemas import ReminderCreate, ReminderRead, ReminderState, ReminderUpdate

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)

State = Annotated[ReminderState | None, Query(description="only those in this state")]


@router.get("/contacts/{contact_id}/activity")
async def list_activity(
    contact_id: str, app: App, who: ContactsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ActivityRead]:
    """What happened with a contact in the last six months, newest first."""
    async with app.db.read() as session:
        await get_present(session, who.workspace_id, contact_id)
        found = await activity.list_activities(
            session, who.workspace_id, contact_id, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.get("/contacts/{contact_id}/notes")
async def list_notes(
    contact_id: str,
    app: App,
    who: ContactsReader,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ContactNoteRead]:
    """Notes about a contact, newest first; customers never see them."""
    async with app.db.read() as session:
        found = await notes.list_notes(
            session,
            who.workspace_id,
            contact_id,
            deleted=deleted,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    items = [ContactNoteRead.model_validate(note) for note in found]
    return page_of(items, limit=limit, cursor_of=lambda note: note.id)


@router.post("/contacts/{contact_id}/notes", status_code=201)
async def add_note(contact_id: str, data: ContactNoteWrite, app: App, who: ContactsWriter) -> ContactNoteRead:
    """Write a note."""
    async with app.db.transaction() as session:
        return ContactNoteRead.model_validate(await notes.add_note(session, who, contact_id, data))


@router.patch("/contacts/{contact_id}/notes/{note_id}")
async def edit_note(
    contact_id: str, note_id: str, data: ContactNoteWrite, app: App, who: ContactsWriter
) -> ContactNoteRead:
    """Replace a note's text."""
    async with app.db.transaction() as session:
        return ContactNoteRead.model_validate(await notes.edit_note(session, who, contact_id, note_id, data))


@router.delete("/contacts/{contact_id}/notes/{note_id}")
async def delete_note(contact_id: str, note_id: str, app: App, who: ContactsWriter) -> ContactNoteRead:
    """Put a note into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return ContactNoteRead.model_validate(await notes.delete_note(session, who, contact_id, note_id))


@router.post("/contacts/{contact_id}/notes/{note_id}/restore")
async def restore_note(contact_id: str, note_id: str, app: App, who: ContactsWriter) -> ContactNoteRead:
    """Take a note out of the bin."""
    async with app.db.transaction() as session:
        return ContactNoteRead.model_validate(await notes.restore_note(session, who, contact_id, note_id))


@router.get("/reminders")
async def list_all_reminders(
    app: App,
    who: ContactsReader,
    state: State = None,
    staff_id: Annotated[str | None, Query(max_length=40, description="only those for this person")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReminderRead]:
    """Reminders on all contacts, by their time."""
    async with app.db.read() as session:
        found = await reminders.list_reminders(
            session,
            who.workspace_id,
            staff_id=staff_id,
            state=state,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    items = [ReminderRead.model_validate(one) for one in found]
    return page_of(items, limit=limit, cursor_of=reminders.cursor_of)


@router.get("/contacts/{contact_id}/reminders")
async def list_reminders(
    contact_id: str,
    app: App,
    who: ContactsReader,
    state: State = None,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReminderRead]:
    """Reminders on a contact, by their time."""
    async with app.db.read() as session:
        found = await reminders.list_reminders(
            session,
            who.workspace_id,
            contact_id=contact_id,
            state=state,
            deleted=deleted,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    items = [ReminderRead.model_validate(one) for one in found]
    return page_of(items, limit=limit, cursor_of=reminders.cursor_of)


@router.post("/contacts/{contact_id}/reminders", status_code=201)
async def add_reminder(contact_id: str, data: ReminderCreate, app: App, who: ContactsWriter) -> ReminderRead:
    """Have somebody told about a contact at a time: once, by an event and a mail."""
    async with app.db.transaction() as session:
        return ReminderRead.model_validate(await reminders.add_reminder(session, who, contact_id, data))


@router.patch("/contacts/{contact_id}/reminders/{reminder_id}")
async def update_reminder(
    contact_id: str, reminder_id: str, data: ReminderUpdate, app: App, who: ContactsWriter
) -> ReminderRead:
    """Change a reminder, or say that it is completed."""
    async with app.db.transaction() as session:
        changed = await reminders.update_reminder(session, who, contact_id, reminder_id, data)
        return ReminderRead.model_validate(changed)


@router.delete("/contacts/{contact_id}/reminders/{reminder_id}")
async def delete_reminder(contact_id: str, reminder_id: str, app: App, who: ContactsWriter) -> ReminderRead:
    """Put a reminder into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return ReminderRead.model_validate(
            await reminders.delete_reminder(session, who, contact_id, reminder_id)
        )


@router.post("/contacts/{contact_id}/reminders/{reminder_id}/restore")
async def restore_reminder(contact_id: str, reminder_id: str, app: App, who: ContactsWriter) -> ReminderRead:
    """Take a reminder out of the bin."""
    async with app.db.transaction() as session:
        return ReminderRead.model_validate(
            await reminders.restore_reminder(session, who, contact_id, reminder_id)
        )
