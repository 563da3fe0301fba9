"""The log of a contact: what changes who it belongs to, how it is sorted and what is known leaves a line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event

from agentflow.kit.db import Database
from agentflow.kit.settings import IngestSettings
from crm.contacts import service as contacts
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind, ActivityRead
from crm.contacts.lists import service as lists
from crm.contacts.lists.schemas import LabelsChange, ListCreate, MembersChange
from crm.contacts.schemas import ContactCreate, ContactSource, ContactUpdate, PropertyType
from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role
from crm.teams.service import Principal
from knowledge.reading import ReaderPool
from tests.crm.contacts.importing import make_desk
from tests.crm.contacts.people import Book, make_book
from tests.talk import make_talk

Told = list[tuple[ActivityKind, str | None, dict[str, object]]]


@pytest.fixture
async def book(db: Database) -> Book:
    return await make_book(db)


@pytest.fixture
def pool() -> Iterator[ReaderPool]:
    made = ReaderPool(IngestSettings(max_rows=1000))
    yield made
    asyncio.run(made.close())


def person(book: Book) -> Principal:
    return Principal(
        book.staff_id, book.workspace_id, SCOPES[Role.STAFF], staff_id=book.staff_id, role=Role.STAFF
    )


async def lines_of(db: Database, workspace_id: str, contact_id: str) -> list[ActivityRead]:
    async with db.read() as session:
        return await activity.list_activities(session, workspace_id, contact_id, limit=100)


async def told(book: Book, contact_id: str, by: str | None) -> Told:
    """The lines since it was made by hand, oldest first; all of them by this one."""
    lines = await lines_of(book.db, book.workspace_id, contact_id)
    assert lines[-1].kind in (ActivityKind.CREATED, ActivityKind.IMPORTED)
    since = [line for line in lines if line.kind is not ActivityKind.CREATED]
    assert {line.actor_id for line in since} <= {by}
    return [(line.kind, line.subject_id, dict(line.detail)) for line in reversed(since)]


async def change(book: Book, contact_id: str, **fields: object) -> None:
    async with book.db.transaction() as session:
        data = ContactUpdate.model_validate(fields)
        cause = contacts.Cause(book.staff_id)
        await contacts.update_contact(session, book.workspace_id, contact_id, data, cause=cause)


async def test_that_a_change_by_hand_says_what_became_different_and_nothing_else(book: Book) -> None:
    plan = await book.define("plan", PropertyType.TEXT)
    await book.define("seats", PropertyType.NUMBER)
    given: dict[str, Any] = {"labels": ["cold", "lead"], "properties": {"plan": "free", "seats": 3}}
    made = await book.add(first_name="Ada", **given)
    assert await told(book, made.id, None) == []
    await change(book, made.id, **given, owner_id=None)  # all as it was
    assert await told(book, made.id, None) == []
    await change(
        book,
        made.id,
        owner_id=book.staff_id,
        labels=["lead", "Hot"],
        properties={"plan": "Secret", "seats": 3},
    )
    ids = {label.name: label.id for label in made.labels + (await book.get(made.id)).labels}
    assert await told(book, made.id, book.staff_id) == [
        (ActivityKind.OWNER_CHANGED, book.staff_id, {"before": None}),
        (ActivityKind.PROPERTY_CHANGED, plan, {"property": "plan"}),
        (ActivityKind.LABEL_ADDED, ids["Hot"], {"label": "Hot"}),
        (ActivityKind.LABEL_REMOVED, ids["cold"], {"label": "cold"}),
    ]
    await change(book, made.id, owner_id=None, properties={"plan": None})
    assert (await told(book, made.id, book.staff_id))[4:] == [
        (ActivityKind.OWNER_CHANGED, None, {"before": book.staff_id}),
        (ActivityKind.PROPERTY_CHANGED, plan, {"property": "plan"}),
    ]


async def test_that_the_log_begins_with_how_a_contact_came_and_names_the_fields_that_changed(
    book: Book, db: Database
) -> None:
    made = await book.add(first_name="Ada", emails=["ada@example.com"], phones=["+31612345678"])
    given = {"first_name": "Ada", "emails": ["ada@example.com"], "country": None}
    await change(book, made.id, **given)  # all as it was
    await change(book, made.id, first_name="Grace", language="nl", emails=["x@example.com"], phones=[])
    (updated, created) = await lines_of(db, book.workspace_id, made.id)
    assert (created.kind, created.detail) == (ActivityKind.CREATED, {"source": "manual"})
    assert (updated.kind, updated.actor_id) == (ActivityKind.UPDATED, book.staff_id)
    assert updated.detail == {"fields": "emails, first_name, language, phones"}
    talk = await make_talk(db)
    said = await talk.say()
    visitor = (await talk.conversation(said.conversation_id)).contact_id
    first = (await lines_of(db, talk.workspace_id, visitor))[-1]
    assert (first.kind, first.actor_id, first.detail) == (ActivityKind.CREATED, None, {"source": "channel"})


async def test_that_labels_put_on_many_are_told_to_those_they_are_new_to(book: Book) -> None:
    had = await book.add(labels=["vip"])
    new = await book.add(labels=["cold"])
    data = LabelsChange(contact_ids=[had.id, new.id], add=["VIP"], remove=["cold", "nothing"])
    async with book.db.transaction() as session:
        await lists.change_labels(session, person(book), data)
    assert await told(book, had.id, book.staff_id) == []
    assert await told(book, new.id, book.staff_id) == [
        (ActivityKind.LABEL_ADDED, had.labels[0].id, {"label": "vip"}),
        (ActivityKind.LABEL_REMOVED, new.labels[0].id, {"label": "cold"}),
    ]


async def test_that_who_comes_into_a_list_or_goes_is_told_so_once(book: Book) -> None:
    one = (await book.add(first_name="Ada")).id
    async with book.db.transaction() as session:
        made = await lists.create_list(session, person(book), ListCreate(name="Fair"))
        for change in (MembersChange(add=[one]), MembersChange(add=[one]), MembersChange(remove=[one])):
            await lists.change_members(session, person(book), made.id, change)
    assert await told(book, one, book.staff_id) == [
        (ActivityKind.LIST_ADDED, made.id, {"list": "Fair"}),
        (ActivityKind.LIST_REMOVED, made.id, {"list": "Fair"}),
    ]


async def test_that_an_import_is_told_to_everybody_it_wrote(db: Database, pool: ReaderPool) -> None:
    desk = await make_desk(db, pool)
    same = ContactCreate(first_name="Cy", emails=["cy@example.com"])
    known = ContactCreate(first_name="Ada", emails=["ada@example.com"], labels=["vip"])
    async with db.transaction() as session:
        for row in (known, same):
            await contacts.create_contact(session, desk.workspace_id, row, source=ContactSource.MANUAL)
    rows = "Ada,ada@example.com,beurs\nBo,bo@example.com,beurs\nCy,cy@example.com,\n"
    done = await desk.whole("a.csv", f"First name,Email,Labels\n{rows}".encode())
    async with db.read() as session:
        found = await contacts.list_contacts(session, desk.workspace_id, deleted=False, before=None, limit=9)
    lines = {one.first_name: await lines_of(db, desk.workspace_id, one.id) for one in found}
    said = {name: [(line.kind, line.actor_id) for line in reversed(of)] for name, of in lines.items()}
    by = desk.who.id
    assert said == {
        "Ada": [(ActivityKind.CREATED, None), (ActivityKind.IMPORTED, by), (ActivityKind.LABEL_ADDED, by)],
        "Bo": [(ActivityKind.IMPORTED, by)],
        "Cy": [(ActivityKind.CREATED, None)],
    }
    assert {line.subject_id for of in lines.values() for line in of if line.kind == "imported"} == {done.id}


async def test_that_the_lines_of_many_contacts_are_a_handful_of_statements(book: Book) -> None:
    rows = [ContactCreate(first_name=f"Ada {number}") for number in range(300)]
    seen: list[str] = []

    def look(_: Connection, __: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(book.db.engine.sync_engine, "before_cursor_execute", look)
    cause = contacts.Cause(book.staff_id, import_id="imp_1")
    async with book.db.transaction() as session:
        made = await contacts.create_many(
            session, book.workspace_id, rows, source=ContactSource.IMPORT, cause=cause
        )
    assert sum("INSERT INTO contact_activities" in statement for statement in seen) == 1
    said = await told(book, made[-1].contact_id or "", book.staff_id)
    assert said == [(ActivityKind.IMPORTED, "imp_1", {})]
