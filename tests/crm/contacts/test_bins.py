"""One rule for every bin beside contacts: thirty days, then nothing is restored, shown or kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Base, Database
from agentflow.kit.files import LocalFiles
from crm.contacts import keeping
from crm.contacts import service as contacts
from crm.contacts.labels import service as labels
from crm.contacts.lists import service as lists
from crm.contacts.lists.schemas import ListCreate, MembersChange
from crm.contacts.media import service as media
from crm.contacts.notes import service as notes
from crm.contacts.notes.schemas import ContactNoteWrite
from crm.contacts.objects import definitions
from crm.contacts.objects import service as objects
from crm.contacts.objects.schemas import DefinitionCreate, RecordWrite
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.schemas import ReminderCreate
from crm.contacts.schemas import ContactUpdate, PropertyType
from crm.contacts.views import service as views
from crm.contacts.views.schemas import ViewCreate
from tests.crm.contacts.records import new_contact, staff_of
from tests.crm.contacts.test_objects import ORDER
from tests.talk import Talk

HELD = ("contact_labels", "contact_list_members", "contact_values", "object_values", "object_links")
Verb = Callable[[AsyncSession], Awaitable[Any]]


@dataclass(frozen=True)
class Thing:
    """Something that can be deleted, and how that is undone and its bin listed."""

    table: str
    delete: Verb
    restore: Verb
    binned: Verb


async def things(talk: Talk, session: AsyncSession, file_id: str, contact_id: str) -> list[Thing]:
    """One of each kind, with all that hangs on it."""
    who, at = staff_of(talk), talk.workspace_id
    note = (await notes.add_note(session, who, contact_id, ContactNoteWrite(text="Tall."))).id
    due = ReminderCreate(text="Call", due_at=talk.db.clock.now() + timedelta(days=90))
    reminder = (await reminders.add_reminder(session, who, contact_id, due)).id
    kept = (await definitions.create_definition(session, at, DefinitionCreate.model_validate(ORDER))).id
    other = DefinitionCreate.model_validate({**ORDER, "key": "ticket"})
    kind = (await definitions.create_definition(session, at, other)).id
    order = RecordWrite(values={"number": "7"}, contact_ids=[contact_id])
    record = (await objects.create_record(session, who, kept, order)).id
    await objects.create_record(session, who, kind, order)
    seats = PropertyCreate(key="seats", name="Seats", type=PropertyType.NUMBER)
    prop = (await properties.create_property(session, at, seats)).id
    update = ContactUpdate(labels=["vip"], properties={"seats": 3})
    label = (await contacts.update_contact(session, at, contact_id, update)).labels[0].id
    segment = (await lists.create_list(session, who, ListCreate(name="Fair"))).id
    await lists.change_members(session, who, segment, MembersChange(add=[contact_id]))
    view = (await views.create_view(session, who, ViewCreate(name="Mine"))).id
    page: dict[str, Any] = {"deleted": True, "after": None, "limit": 9}
    return [
        Thing(
            "contact_notes",
            lambda s: notes.delete_note(s, who, contact_id, note),
            lambda s: notes.restore_note(s, who, contact_id, note),
            lambda s: notes.list_notes(s, at, contact_id, **page),
        ),
        Thing(
            "contact_reminders",
            lambda s: reminders.delete_reminder(s, who, contact_id, reminder),
            lambda s: reminders.restore_reminder(s, who, contact_id, reminder),
            lambda s: reminders.list_reminders(s, at, **page),
        ),
        Thing(
            "contact_files",
            lambda s: media.delete_file(s, who, contact_id, file_id),
            lambda s: media.restore_file(s, who, contact_id, file_id),
            lambda s: media.list_files(s, at, contact_id, **page),
        ),
        Thing(
            "object_records",
            lambda s: objects.delete_record(s, at, record),
            lambda s: objects.restore_record(s, at, record),
            lambda s: objects.list_records(s, at, kept, **page),
        ),
        Thing(
            "object_definitions",
            lambda s: definitions.delete_definition(s, at, kind),
            lambda s: definitions.restore_definition(s, at, kind),
            lambda s: definitions.list_definitions(s, at, **page),
        ),
        Thing(
            "contact_properties",
            lambda s: properties.delete_property(s, at, prop),
            lambda s: properties.restore_property(s, at, prop),
            lambda s: properties.list_properties(s, at, **page),
        ),
        Thing(
            "labels",
            lambda s: labels.delete_label(s, at, label),
            lambda s: labels.restore_label(s, at, label),
            lambda s: labels.list_labels(s, at, **page),
        ),
        Thing(
            "contact_lists",
            lambda s: lists.delete_list(s, at, segment),
            lambda s: lists.restore_list(s, at, segment),
            lambda s: lists.list_lists(s, at, **page),
        ),
        Thing(
            "contact_views",
            lambda s: views.delete_view(s, who, view),
            lambda s: views.restore_view(s, who, view),
            lambda s: views.list_views(s, who, **page),
        ),
    ]


async def counts(db: Database, *tables: str) -> dict[str, int]:
    async with db.read() as session:
        found = {}
        for name in tables:
            query = select(func.count()).select_from(Base.metadata.tables[name])
            found[name] = (await session.execute(query)).scalar_one()
        return found


async def test_that_after_thirty_days_nothing_is_restored_shown_or_kept(
    talk: Talk, clock: ManualClock, tmp_path: Path
) -> None:
    db, files = talk.db, LocalFiles(tmp_path / "files")
    maria = await new_contact(talk)
    file = await media.add_file(db, files, staff_of(talk), maria, name="a.txt", content=b"Tall.")
    async with db.transaction() as session:
        kinds = await things(talk, session, file.id, maria)
        for one in kinds:
            await one.delete(session)
            await one.restore(session)
            await one.delete(session)
    tables = [one.table for one in kinds]
    before = await counts(db, *tables, *HELD)
    clock.advance(timedelta(days=30, seconds=-1))
    await keeping.purge(db, files)
    assert await counts(db, *tables, *HELD) == before
    async with db.read() as session:
        assert [len(await one.binned(session)) for one in kinds] == [1] * len(kinds)
    clock.advance(timedelta(seconds=1))
    async with db.transaction() as session:
        for one in kinds:
            assert await one.binned(session) == [], one.table
            with pytest.raises(TooLateToRestore):
                await one.restore(session)
    await keeping.purge(db, files)
    left = {"object_definitions": 1}  # the one whose record was deleted
    assert await counts(db, *tables, *HELD) == dict.fromkeys([*tables, *HELD], 0) | left
    assert await files.keys() == []
    assert (await counts(db, "contacts"))["contacts"] == 1
