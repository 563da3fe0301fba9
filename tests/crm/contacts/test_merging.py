"""Two contacts become one and, taken apart again, are exactly what they were."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Base, Database, now
from agentflow.kit.ids import new_id
from crm.contacts import service as contacts
from crm.contacts.errors import ContactNotFound
from crm.contacts.media.models import ContactFile
from crm.contacts.merging import service as merging
from crm.contacts.merging.errors import CannotUndo, MergeNotFound, SameContact
from crm.contacts.notes import service as notes
from crm.contacts.notes.schemas import ContactNoteWrite
from crm.contacts.objects import definitions
from crm.contacts.objects import service as objects
from crm.contacts.objects.schemas import DefinitionCreate, RecordWrite
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.schemas import ReminderCreate
from crm.contacts.schemas import ContactRead, ContactUpdate
from crm.inbox import ownership
from crm.inbox import service as inbox
from tests.crm.contacts.records import new_contact, staff_of
from tests.crm.contacts.test_objects import ORDER
from tests.talk import Talk, make_talk

BORN_OF_MERGING = {"contact_merges", "contact_activities"}
TOUCHED = {"updated_at"}


async def everything(db: Database, *contact_ids: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that names one of these contacts, as it stands in the database."""
    rows: dict[str, list[dict[str, Any]]] = {}
    async with db.read() as session:
        for table in Base.metadata.sorted_tables:
            column = table.c.id if table.name == "contacts" else table.c.get("contact_id")
            if column is None or table.name in BORN_OF_MERGING:
                continue
            query = select(table).where(column.in_(contact_ids))
            found = [dict(row) for row in (await session.execute(query)).mappings()]
            kept = [{k: v for k, v in row.items() if k not in TOUCHED} for row in found]
            rows[table.name] = sorted(kept, key=str)
    return rows


async def merge(talk: Talk, survivor: str, other: str) -> str:
    async with talk.db.transaction() as session:
        return (await merging.merge(session, staff_of(talk), survivor, other)).id


async def undo(talk: Talk, merge_id: str) -> None:
    async with talk.db.transaction() as session:
        await merging.undo(session, staff_of(talk), merge_id)


async def read(talk: Talk, contact_id: str) -> ContactRead:
    async with talk.db.read() as session:
        return await contacts.get_contact(session, talk.workspace_id, contact_id)


async def furnish(talk: Talk, contact_id: str, name: str, order: str) -> None:
    """One of everything that is kept with a contact."""
    who = staff_of(talk)
    async with talk.db.transaction() as session:
        await notes.add_note(session, who, contact_id, ContactNoteWrite(text=f"About {name}"))
        await reminders.add_reminder(
            session, who, contact_id, ReminderCreate(text=f"Call {name}", due_at=now(session))
        )
        record = RecordWrite(values={"number": name}, contact_ids=[contact_id])
        await objects.create_record(session, who, order, record)
        session.add(
            ContactFile(
                id=new_id("fil"),
                workspace_id=who.workspace_id,
                contact_id=contact_id,
                name=f"{name}.pdf",
                content_type="application/pdf",
                size=1,
                sha256="0" * 64,
                file_key="none",
                added_by=who.id,
                created_at=now(session),
            )
        )


async def two(talk: Talk) -> tuple[str, str]:
    """Maria as two browsers know her, each with all that is kept."""
    async with talk.db.transaction() as session:
        order = await definitions.create_definition(
            session, talk.workspace_id, DefinitionCreate.model_validate(ORDER)
        )
        for key in ("size", "colour"):
            field = PropertyCreate.model_validate({"key": key, "name": key, "type": "text"})
            await properties.create_property(session, talk.workspace_id, field)
    ids = []
    for visitor, data in (
        (
            "vis_1",
            {
                "first_name": "Maria",
                "emails": ["maria@example.com"],
                "labels": ["vip", "both"],
                "properties": {"size": "M"},
            },
        ),
        (
            "vis_2",
            {
                "first_name": "M.",
                "last_name": "Silva",
                "company": "Harbour",
                "emails": ["m.silva@example.com", "silva@example.com"],
                "phones": ["+55 11 98765-4321"],
                "labels": ["lead", "both"],
                "properties": {"size": "L", "colour": "blue"},
            },
        ),
    ):
        said = await talk.say("Hello", visitor=visitor)
        contact_id = (await talk.conversation(said.conversation_id)).contact_id
        async with talk.db.transaction() as session:
            update = ContactUpdate.model_validate(data)
            await contacts.update_contact(session, talk.workspace_id, contact_id, update)
        await furnish(talk, contact_id, visitor, order.id)
        ids.append(contact_id)
    return ids[0], ids[1]


async def test_that_everything_moves_and_an_undo_restores_both_exactly(talk: Talk) -> None:
    maria, other = await two(talk)
    before = await everything(talk.db, maria, other)
    merge_id = await merge(talk, maria, other)

    one = await read(talk, maria)
    assert (one.name, one.company, one.last_name) == ("Maria Silva", "Harbour", "Silva")
    assert one.emails == ["maria@example.com", "m.silva@example.com", "silva@example.com"]
    assert one.phone_numbers == ["+5511987654321"]
    assert sorted(label.name for label in one.labels) == ["both", "lead", "vip"]
    assert one.properties == {"size": "M", "colour": "blue"}
    assert [identity.ref for identity in one.identities] == ["vis_1", "vis_2"]
    left = await everything(talk.db, other)
    assert {name for name, rows in left.items() if rows} == {
        "contacts",
        "contact_labels",
        "contact_values",
        "active_contacts",
    }
    async with talk.db.read() as session:
        assert await contacts.find_contact(session, talk.workspace_id, other) is None
        listed = await objects.list_of_contact(session, talk.workspace_id, maria, limit=9)
        assert sorted(record.title for record in listed) == ["vis_1", "vis_2"]

    await undo(talk, merge_id)
    assert await everything(talk.db, maria, other) == before
    with pytest.raises(CannotUndo):
        await undo(talk, merge_id)


async def test_that_both_browsers_go_on_each_in_its_own_talk(talk: Talk) -> None:
    maria, other = await two(talk)
    merge_id = await merge(talk, maria, other)
    first, second = await talk.say("Again", visitor="vis_1"), await talk.say("Again", visitor="vis_2")
    assert first.conversation_id != second.conversation_id
    for said, visitor in ((first, "vis_1"), (second, "vis_2")):
        conversation = await talk.conversation(said.conversation_id)
        assert (conversation.contact_id, conversation.contact_ref) == (maria, visitor)
        assert said.seq == 2
    await undo(talk, merge_id)
    said = await talk.say("Still me", visitor="vis_2")
    assert (await talk.conversation(said.conversation_id)).contact_id == other
    assert said.seq == 3


async def test_that_what_staff_changed_after_a_merge_stays(talk: Talk) -> None:
    maria, other = await two(talk)
    merge_id = await merge(talk, maria, other)
    async with talk.db.transaction() as session:
        update = ContactUpdate(company="Pier")
        await contacts.update_contact(session, talk.workspace_id, maria, update)
        added = await notes.add_note(session, staff_of(talk), maria, ContactNoteWrite(text="New"))
    await undo(talk, merge_id)
    assert (await read(talk, maria)).company == "Pier"
    assert (await read(talk, maria)).last_name is None
    assert (await read(talk, other)).company == "Harbour"
    async with talk.db.read() as session:
        found = await notes.list_notes(session, talk.workspace_id, maria, limit=9)
    assert added.id in [note.id for note in found]


async def test_that_merges_are_undone_in_order_and_not_after_thirty_days(
    talk: Talk, clock: ManualClock
) -> None:
    a, b, c = [await new_contact(talk, name) for name in ("A", "B", "C")]
    first, second = await merge(talk, b, c), await merge(talk, a, b)
    with pytest.raises(CannotUndo):
        await undo(talk, first)
    await undo(talk, second)
    clock.advance(timedelta(days=30))
    await merging.purge(talk.db)
    await undo(talk, first)
    third = await merge(talk, a, b)
    clock.advance(timedelta(days=30, seconds=1))
    await merging.purge(talk.db)
    with pytest.raises(CannotUndo):
        await undo(talk, third)


async def test_that_only_two_present_contacts_of_one_workspace_are_merged(talk: Talk) -> None:
    maria, gone = await new_contact(talk), await new_contact(talk, "Gone")
    stranger = await make_talk(talk.db)
    theirs = await new_contact(stranger, "Theirs")
    async with talk.db.transaction() as session:
        await contacts.delete_contact(session, talk.workspace_id, gone)
    with pytest.raises(SameContact):
        await merge(talk, maria, maria)
    for survivor, other in ((maria, theirs), (theirs, maria), (maria, gone), (maria, "con_none")):
        with pytest.raises(ContactNotFound):
            await merge(talk, survivor, other)
    merge_id = await merge(talk, maria, await new_contact(talk, "Maria"))
    with pytest.raises(MergeNotFound):
        await undo(stranger, merge_id)


async def test_that_contacts_sharing_a_number_are_suggested(talk: Talk) -> None:
    maria = await new_contact(talk, phones=["+55 11 98765-4321"])
    await new_contact(talk, "Pedro", phones=["+55 11 91111-1111"])
    data = ContactUpdate.model_validate({"phones": ["+55 11 8765-4321"]})
    twin = await new_contact(talk, "Twin")
    async with talk.db.transaction() as session:
        await contacts.update_contact(session, talk.workspace_id, twin, data, allow_duplicate=True)
    async with talk.db.read() as session:
        found = await merging.list_duplicates(session, talk.workspace_id, maria)
    assert [one.id for one in found] == [twin]
    await merge(talk, maria, twin)
    async with talk.db.read() as session:
        assert await merging.list_duplicates(session, talk.workspace_id, maria) == []
        assert await inbox.list_conversations(session, talk.workspace_id, limit=9) == []


async def test_that_a_message_that_is_just_stored_and_a_merge_wait_for_each_other(
    talk: Talk, clock: ManualClock
) -> None:
    said = await talk.say()
    clock.advance(timedelta(minutes=1))
    maria, visitor = await new_contact(talk), (await talk.conversation(said.conversation_id)).contact_id
    begun = asyncio.Event()

    async def store() -> None:
        async with talk.db.transaction() as session:
            await ownership.lock(session, talk.workspace_id, said.conversation_id)
            begun.set()
            await asyncio.sleep(0.3)
            await contacts.note_message(session, talk.workspace_id, visitor)

    async def merge_meanwhile() -> None:
        await begun.wait()
        await merge(talk, maria, visitor)

    await asyncio.gather(store(), merge_meanwhile())
    assert (await talk.conversation(said.conversation_id)).contact_id == maria
