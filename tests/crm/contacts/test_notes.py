"""Notes are for staff, and a deletion can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.errors import ContactNotFound
from crm.contacts.notes import service as notes
from crm.contacts.notes.errors import NoteNotFound
from crm.contacts.notes.models import ContactNote
from crm.contacts.notes.schemas import ContactNoteWrite
from tests.crm.contacts.records import key_of, log_of, new_contact, staff_of
from tests.talk import Talk, make_talk


async def add(talk: Talk, contact_id: str, words: str) -> str:
    async with talk.db.transaction() as session:
        return (await notes.add_note(session, staff_of(talk), contact_id, ContactNoteWrite(text=words))).id


async def listed(talk: Talk, contact_id: str, *, deleted: bool = False) -> list[str]:
    async with talk.db.read() as session:
        found = await notes.list_notes(session, talk.workspace_id, contact_id, deleted=deleted, limit=9)
    return [note.text for note in found]


async def test_that_a_note_is_written_edited_deleted_and_restored(talk: Talk, clock: ManualClock) -> None:
    contact_id, other = await new_contact(talk), await new_contact(talk, "Pedro")
    note_id = await add(talk, contact_id, "Wants a blue one.")
    await add(talk, contact_id, "Called twice.")
    assert await listed(talk, contact_id) == ["Called twice.", "Wants a blue one."]
    clock.advance(timedelta(hours=1))
    async with talk.db.transaction() as session:
        changed = ContactNoteWrite(text="Wants a red one.")
        edited = await notes.edit_note(session, key_of(talk), contact_id, note_id, changed)
        assert (edited.author_id, edited.edited_by) == (talk.staff.id, "key_1")
        assert edited.edited_at == clock.now()
        with pytest.raises(NoteNotFound):
            await notes.edit_note(session, key_of(talk), other, note_id, changed)
        await notes.delete_note(session, staff_of(talk), contact_id, note_id)
    assert await listed(talk, contact_id) == ["Called twice."]
    assert await listed(talk, contact_id, deleted=True) == ["Wants a red one."]
    async with talk.db.transaction() as session:
        await notes.restore_note(session, staff_of(talk), contact_id, note_id)
    assert await listed(talk, contact_id) == ["Called twice.", "Wants a red one."]
    kinds = [line.kind for line in await log_of(talk, contact_id)]
    assert kinds == [ActivityKind.NOTE_DELETED, ActivityKind.NOTE_ADDED, ActivityKind.NOTE_ADDED]


async def test_that_another_workspace_reaches_no_note(talk: Talk) -> None:
    contact_id = await new_contact(talk)
    note_id = await add(talk, contact_id, "Ours.")
    stranger = await make_talk(talk.db)
    async with talk.db.transaction() as session:
        who = staff_of(stranger)
        with pytest.raises(ContactNotFound):
            await notes.list_notes(session, who.workspace_id, contact_id, limit=9)
        with pytest.raises(ContactNotFound):
            await notes.add_note(session, who, contact_id, ContactNoteWrite(text="Theirs."))
        for verb in (notes.delete_note, notes.restore_note):
            with pytest.raises(NoteNotFound):
                await verb(session, who, contact_id, note_id)


async def test_that_a_note_leaves_by_no_event_or_outbox_row_and_is_unreadable_at_rest(talk: Talk) -> None:
    said = await talk.say()
    conversation = await talk.conversation(said.conversation_id)
    before = len(await talk.events(conversation.id))
    await add(talk, conversation.contact_id, "Pays late.")
    assert len(await talk.events(conversation.id)) == before
    assert await talk.rows(conversation.id) == []
    async with talk.db.read() as session:
        stored = (await session.execute(text("SELECT text FROM contact_notes"))).scalar_one()
    assert "late" not in stored


async def test_that_the_log_shows_six_months_and_older_lines_are_swept(
    talk: Talk, db: Database, clock: ManualClock
) -> None:
    contact_id = await new_contact(talk)
    start = clock.now()
    assert start.isoformat() == "2026-03-02T09:30:00+00:00"
    await add(talk, contact_id, "First.")
    clock.time = start.replace(month=9)
    await add(talk, contact_id, "On the last day.")
    assert len(await log_of(talk, contact_id)) == 2
    await activity.sweep(db)
    clock.advance(timedelta(seconds=1))
    (line,) = await log_of(talk, contact_id)
    assert line.at == start.replace(month=9)
    await activity.sweep(db)
    async with db.read() as session:
        table = ContactNote.metadata.tables["contact_activities"]
        assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 1


def test_that_six_months_before_the_end_of_august_is_the_end_of_february(clock: ManualClock) -> None:
    august = clock.now().replace(month=8, day=31)
    assert activity.months_before(august, 6).isoformat() == "2026-02-28T09:30:00+00:00"
    assert activity.months_before(clock.now(), 6).isoformat() == "2025-09-02T09:30:00+00:00"


async def test_that_the_log_has_pages(talk: Talk) -> None:
    contact_id = await new_contact(talk)
    for number in range(5):
        await add(talk, contact_id, f"Note {number}")
    seen: list[str] = []
    after: str | None = None
    async with talk.db.read() as session:
        while found := await activity.list_activities(
            session, talk.workspace_id, contact_id, after=after, limit=2
        ):
            seen += [one.id for one in found]
            after = found[-1].id
    assert len(set(seen)) == len(seen) == 6, "and the one that it was made"
