"""Custom objects: defined, created once for each title, found by a field, linked to contacts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from agentflow.kit.events import read_events
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.errors import ContactNotFound
from crm.contacts.objects import definitions
from crm.contacts.objects import service as objects
from crm.contacts.objects.errors import (
    BadValue,
    DefinitionNotFound,
    DefinitionTaken,
    FieldsStay,
    ObjectExists,
    ObjectNotFound,
    UnknownField,
)
from crm.contacts.objects.schemas import (
    DefinitionCreate,
    DefinitionUpdate,
    Operator,
    RecordRead,
    RecordWrite,
    Values,
)
from tests.crm.contacts.records import log_of, new_contact, staff_of
from tests.talk import Talk, make_talk

ORDER: dict[str, Any] = {
    "key": "order",
    "name": "Order",
    "title_field": "number",
    "fields": [
        {"key": "number", "name": "Number", "type": "text", "required": True},
        {"key": "total", "name": "Total", "type": "number"},
        {"key": "placed", "name": "Placed on", "type": "date"},
        {"key": "paid", "name": "Paid", "type": "boolean"},
        {"key": "state", "name": "State", "type": "choice", "choices": ["open", "sent"]},
    ],
}


@pytest.fixture
async def order(talk: Talk) -> str:
    """The id of the definition of orders."""
    async with talk.db.transaction() as session:
        data = DefinitionCreate.model_validate(ORDER)
        return (await definitions.create_definition(session, talk.workspace_id, data)).id


async def create(talk: Talk, order: str, values: Values, *contact_ids: str) -> RecordRead:
    async with talk.db.transaction() as session:
        data = RecordWrite(values=values, contact_ids=list(contact_ids))
        return await objects.create_record(session, staff_of(talk), order, data)


async def upsert(talk: Talk, order: str, values: Values, *contact_ids: str) -> RecordRead:
    async with talk.db.transaction() as session:
        data = RecordWrite(values=values, contact_ids=list(contact_ids))
        return await objects.upsert_record(session, staff_of(talk), order, data)


async def found(talk: Talk, order: str, field: str, operator: str, value: str | None = None) -> list[str]:
    async with talk.db.read() as session:
        records = await objects.list_records(
            session,
            talk.workspace_id,
            order,
            field=field,
            operator=Operator(operator),
            value=value,
            limit=50,
        )
    return [record.title for record in records]


async def test_that_objects_are_found_by_every_type_of_field(talk: Talk, order: str) -> None:
    await create(talk, order, {"number": "A-1", "total": 10, "placed": "2026-01-31", "paid": True})
    await create(talk, order, {"number": "a-2 50%", "total": 9.5, "placed": "2026-02-01", "state": "open"})
    await create(talk, order, {"number": "B_3", "total": -1, "paid": False, "state": "sent"})
    for field, operator, value, titles in (
        ("number", "eq", "A-1", ["A-1"]),
        ("number", "contains", "a-", ["A-1", "a-2 50%"]),
        ("number", "contains", "%", ["a-2 50%"]),
        ("number", "contains", "_", ["B_3"]),
        ("number", "contains", "' OR 1=1 --", []),
        ("total", "gte", "9.5", ["A-1", "a-2 50%"]),
        ("total", "lt", "9.5", ["B_3"]),
        ("placed", "gt", "2026-01-31", ["a-2 50%"]),
        ("placed", "lte", "2026-01-31", ["A-1"]),
        ("placed", "empty", None, ["B_3"]),
        ("paid", "eq", "true", ["A-1"]),
        ("paid", "ne", "true", ["a-2 50%", "B_3"]),
        ("state", "eq", "sent", ["B_3"]),
        ("state", "eq", None, ["A-1"]),
    ):
        assert await found(talk, order, field, operator, value) == titles, (field, operator, value)


async def test_that_a_wrong_value_is_refused_with_what_is_allowed(talk: Talk, order: str) -> None:
    for values, refusal, allowed in (
        ({"number": "1", "total": "ten"}, BadValue, "a number of at most 15 digits"),
        ({"number": "1", "total": True}, BadValue, "a number of at most 15 digits"),
        ({"number": "1", "total": 10**400}, BadValue, "a number of at most 15 digits"),
        ({"number": "1", "placed": "31-01-2026"}, BadValue, "a date as YYYY-MM-DD"),
        ({"number": "1", "paid": "yes"}, BadValue, "true or false"),
        ({"number": "1", "state": "lost"}, BadValue, "one of: open, sent"),
        ({"number": "x" * 2001}, BadValue, "text of at most 2000 characters"),
        ({"number": "x" * 501}, BadValue, None),
        ({"total": 1}, BadValue, None),
        ({"number": "1", "colour": "red"}, UnknownField, ["number", "total", "placed", "paid", "state"]),
    ):
        with pytest.raises(refusal) as refused:
            await create(talk, order, values)  # type: ignore[arg-type]
        assert refused.value.members.get("allowed") == allowed
        assert refused.value.members["field"]


async def test_that_a_title_is_there_once_and_an_upsert_changes_it(talk: Talk, order: str) -> None:
    made = await create(talk, order, {"number": "7", "total": 1, "state": "open"})
    with pytest.raises(ObjectExists):
        await create(talk, order, {"number": "7"})
    changed = await upsert(talk, order, {"number": "7", "total": 2, "state": None})
    assert (changed.id, changed.values) == (made.id, {"number": "7", "total": 2})
    assert await found(talk, order, "total", "eq", "1") == []
    assert await found(talk, order, "total", "eq", "2") == ["7"]
    told = await asyncio.gather(*(upsert(talk, order, {"number": "8", "total": n}) for n in range(6)))
    assert len({record.id for record in told}) == 1
    async with talk.db.read() as session:
        events = await read_events(session, talk.workspace_id, after=0, stream=told[0].id)
    assert [event.kind for event in events] == [objects.CREATED] + [objects.UPDATED] * 5
    assert events[0].payload["key"] == "order"


async def test_that_objects_belong_to_contacts(talk: Talk, order: str) -> None:
    maria, pedro = await new_contact(talk), await new_contact(talk, "Pedro")
    record = await create(talk, order, {"number": "7"}, maria)
    async with talk.db.transaction() as session:
        linked = await objects.link(session, staff_of(talk), pedro, record.id)
        await objects.link(session, staff_of(talk), pedro, record.id)
    assert sorted(linked.contact_ids) == sorted([maria, pedro])
    async with talk.db.transaction() as session:
        await objects.unlink(session, staff_of(talk), maria, record.id)
        assert await objects.list_of_contact(session, talk.workspace_id, maria, limit=9) == []
        of_pedro = await objects.list_of_contact(session, talk.workspace_id, pedro, limit=9)
    assert [one.title for one in of_pedro] == ["7"]
    assert [line.kind for line in await log_of(talk, maria)] == [
        ActivityKind.OBJECT_UNLINKED,
        ActivityKind.OBJECT_LINKED,
    ]
    assert [line.detail["title"] for line in await log_of(talk, pedro)] == ["7"]


async def test_that_deleted_objects_and_kinds_come_back(talk: Talk, order: str) -> None:
    maria = await new_contact(talk)
    record = await create(talk, order, {"number": "7"}, maria)
    async with talk.db.transaction() as session:
        await objects.delete_record(session, talk.workspace_id, record.id)
        with pytest.raises(ObjectNotFound):
            await objects.get_record(session, talk.workspace_id, record.id)
    assert await found(talk, order, "number", "eq", "7") == []
    other = await create(talk, order, {"number": "7"})
    async with talk.db.transaction() as session:
        with pytest.raises(ObjectExists):
            await objects.restore_record(session, talk.workspace_id, record.id)
        await objects.delete_record(session, talk.workspace_id, other.id)
        await objects.restore_record(session, talk.workspace_id, record.id)
        await definitions.delete_definition(session, talk.workspace_id, order)
        assert await objects.list_of_contact(session, talk.workspace_id, maria, limit=9) == []
        with pytest.raises(ObjectNotFound):
            await objects.get_record(session, talk.workspace_id, record.id)
        await definitions.restore_definition(session, talk.workspace_id, order)
        back = await objects.list_of_contact(session, talk.workspace_id, maria, limit=9)
    assert [one.id for one in back] == [record.id]


async def test_that_fields_can_be_added_and_not_taken_away(talk: Talk, order: str) -> None:
    more = [*ORDER["fields"], {"key": "note", "name": "Note", "type": "text"}]
    async with talk.db.transaction() as session:
        data = DefinitionUpdate.model_validate({"fields": more})
        changed = await definitions.update_definition(session, talk.workspace_id, order, data)
        assert changed.fields[-1].key == "note"
        fewer = DefinitionUpdate.model_validate({"fields": ORDER["fields"]})
        with pytest.raises(FieldsStay):
            await definitions.update_definition(session, talk.workspace_id, order, fewer)
        again = DefinitionCreate.model_validate(ORDER)
        with pytest.raises(DefinitionTaken):
            await definitions.create_definition(session, talk.workspace_id, again)


async def test_that_two_of_one_key_at_once_are_one(db: Database) -> None:
    talk = await make_talk(db)
    data = DefinitionCreate.model_validate(ORDER)

    async def define() -> bool:
        try:
            async with db.transaction() as session:
                await definitions.create_definition(session, talk.workspace_id, data)
        except DefinitionTaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(define() for _ in range(4)))) == [False, False, False, True]


async def test_that_another_workspace_reaches_no_object(talk: Talk, order: str) -> None:
    record = await create(talk, order, {"number": "7"})
    stranger = await make_talk(talk.db)
    theirs = await new_contact(stranger)
    refused = 0
    who = staff_of(stranger)
    async with talk.db.transaction() as session:
        data = RecordWrite(values={"number": "1"})
        for trial, kind in (
            (objects.get_record(session, who.workspace_id, record.id), ObjectNotFound),
            (objects.update_record(session, who, record.id, data), ObjectNotFound),
            (objects.link(session, who, theirs, record.id), ObjectNotFound),
            (objects.link(session, staff_of(talk), theirs, record.id), ContactNotFound),
            (objects.upsert_record(session, who, order, data), DefinitionNotFound),
            (objects.list_records(session, who.workspace_id, order, limit=9), DefinitionNotFound),
        ):
            with pytest.raises(AppError) as refusal:
                await trial
            assert isinstance(refusal.value, kind)
            refused += 1
    assert refused == 6
