"""Filters: the SQL of both stores finds what plain Python finds; pages, orders, bounds and refusals."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from agentflow.kit.pagination import BadCursor, Page
from crm.contacts import service as contacts
from crm.contacts.filters import service as filters
from crm.contacts.filters.errors import FilterTooDeep, FilterTooLarge
from crm.contacts.filters.schemas import ContactSearch
from crm.contacts.models import Contact, ContactList, ContactListMember
from crm.contacts.schemas import ContactCreate, ContactRead, ContactSource, PropertyType
from crm.teams.service import Principal
from tests.crm.contacts import trees
from tests.crm.contacts.people import Book, make_book

PROPERTIES = {
    "seats": PropertyType.NUMBER,
    "since": PropertyType.DATE,
    "vip": PropertyType.BOOLEAN,
    "note": PropertyType.TEXT,
}
CONTACTS = 120
TREES = 150


@pytest.fixture
async def book(db: Database) -> Book:
    book = await make_book(db)
    await book.define("plan", PropertyType.CHOICE, *trees.PLANS)
    for key, kind in PROPERTIES.items():
        await book.define(key, kind)
    return book


async def fill(book: Book, chance: random.Random) -> list[ContactRead]:
    rows = [
        ContactCreate(**trees.fields_of_a_contact(chance, number, [book.staff_id]))
        for number in range(CONTACTS)
    ]
    async with book.db.transaction() as session:
        made = await contacts.create_many(session, book.workspace_id, rows, source=ContactSource.MANUAL)
        for one in made:
            if chance.random() < 0.7:
                ago = timedelta(hours=chance.randint(0, 300))
                await session.execute(
                    update(Contact).where(Contact.id == one.contact_id).values(contacted_at=trees.NOW - ago)
                )
    async with book.db.read() as session:
        return await contacts.list_contacts(
            session, book.workspace_id, deleted=False, before=None, limit=CONTACTS
        )


async def two_lists(book: Book, everybody: Sequence[ContactRead]) -> dict[str, set[str]]:
    """A static and a dynamic one, with who is in them."""
    condition = one_of("properties.seats", "greater_than", 0)
    static = {one.id for one in everybody[::3]}
    dynamic = {one.id for one in everybody if trees.holds(condition, one, "", {})}
    values = {"workspace_id": book.workspace_id, "created_at": trees.NOW, "updated_at": trees.NOW}
    async with book.db.transaction() as session:
        session.add(ContactList(id="lst_static", name="Static", filter=None, **values))
        session.add(ContactList(id="lst_dynamic", name="Dynamic", filter=json.dumps(condition), **values))
        await session.flush()
        session.add_all(ContactListMember(list_id="lst_static", contact_id=one) for one in static)
    return {"lst_static": static, "lst_dynamic": dynamic}


async def search(book: Book, **fields: Any) -> Page[ContactRead]:  # noqa: ANN401
    async with book.db.read() as session:
        return await filters.search(session, who(book), ContactSearch(**fields))


def who(book: Book) -> Principal:
    return Principal(book.staff_id, book.workspace_id, frozenset(), staff_id=book.staff_id)


def one_of(name: str, operator: str, value: object = None) -> trees.Tree:
    return {"property": name, "operator": operator, "value": value}


async def test_that_a_filter_finds_what_plain_python_finds(book: Book) -> None:
    chance = random.Random(4)
    everybody = await fill(book, chance)
    members = await two_lists(book, everybody)
    found_any = 0
    async with book.db.read() as session:
        for _ in range(TREES):
            tree = trees.tree(chance, 3, [book.staff_id], list(members))
            condition = filters.FILTER.validate_python(tree)
            found = await filters.matching_ids(session, who(book), condition, limit=CONTACTS)
            expected = [one.id for one in everybody if trees.holds(tree, one, book.staff_id, members)]
            assert found == sorted(expected), json.dumps(tree)
            found_any += 0 < len(expected) < CONTACTS
    assert found_any > TREES / 2


async def test_that_pages_hold_everybody_once_in_order(book: Book) -> None:
    everybody = await fill(book, random.Random(5))
    async with book.db.read() as session:
        bare = {one.id: await contacts.find_contact(session, book.workspace_id, one.id) for one in everybody}
    for sort, column in (("name", "sort_name"), ("last_contact", "contacted_at"), ("created", "id")):
        places = {contact_id: (getattr(one, column), contact_id) for contact_id, one in bare.items()}
        for direction in ("asc", "desc"):
            expected = sorted(bare, key=places.__getitem__, reverse=direction == "desc")
            assert await paged(book, sort, direction) == expected


async def paged(book: Book, sort: str, direction: str) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = await search(book, sort=sort, direction=direction, limit=50, cursor=cursor)
        ids += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


async def test_that_a_text_is_looked_for_in_names_mails_and_numbers(book: Book) -> None:
    ada = await book.add(first_name="Ada", last_name="Müller", emails=["countess@example.com"])
    bob = await book.add(first_name="Bob", phones=["+31 6 12345678"])

    async def found(text: str) -> list[str]:
        return [one.id for one in (await search(book, text=text)).items]

    for text in ("ada mü", "MÜLLER", "ntess@ex"):
        assert await found(text) == [ada.id]
    for text in ("06 1234", "12345678", "+31612"):
        assert await found(text) == [bob.id]
    assert await found("%") == []


async def test_that_groups_are_by_owner_and_source(book: Book) -> None:
    mine = await book.add(owner_id=book.staff_id)
    other = await book.add(first_name="Ada")
    for group, expected in (("all", {mine.id, other.id}), ("my", {mine.id}), ("team", {mine.id})):
        assert {one.id for one in (await search(book, group=group)).items} == expected
    assert (await search(book, group="integration")).items == []


async def test_that_a_cursor_of_another_search_is_refused(book: Book, db: Database) -> None:
    for _ in range(3):
        await book.add(first_name="Ada")
    cursor = (await search(book, limit=1)).next_cursor
    assert len((await search(book, limit=2, cursor=cursor)).items) == 2
    stranger = await make_book(db)
    for of, fields in (
        (book, {"sort": "name"}),
        (book, {"direction": "asc"}),
        (book, {"text": "x"}),
        (book, {"filter": one_of("name", "is_set")}),
        (stranger, {}),
    ):
        with pytest.raises(BadCursor):
            await search(of, cursor=cursor, **fields)
    with pytest.raises(BadCursor):
        await search(book, cursor="bm9uc2Vuc2U")


REFUSED: Sequence[tuple[trees.Tree, str, str]] = (
    (one_of("nothing", "is_set"), "unknown_property", "filter.property"),
    (one_of("properties.nothing", "is_set"), "unknown_property", "filter.property"),
    (one_of("name", "greater_than", "a"), "bad_operator", "filter.operator"),
    (one_of("properties.seats", "equals", "3"), "type_mismatch", "filter.value"),
    (one_of("properties.seats", "between", [1]), "type_mismatch", "filter.value"),
    (one_of("properties.since", "after", "yesterday"), "type_mismatch", "filter.value"),
    (one_of("properties.plan", "equals", "Gold"), "type_mismatch", "filter.value"),
    (one_of("properties.vip", "equals", 1), "type_mismatch", "filter.value"),
    (one_of("last_contact_at", "after", "2026-02-30"), "type_mismatch", "filter.value"),
    (one_of("last_contact_at", "after", "9999-12-31"), "type_mismatch", "filter.value"),
    (one_of("last_contact_at", "after", "2026-02-28T12:00:00"), "type_mismatch", "filter.value"),
    (one_of("last_contact_at", "in_last_days", 0.5), "type_mismatch", "filter.value"),
    (one_of("name", "contains", " "), "type_mismatch", "filter.value"),
    (one_of("name", "equals"), "type_mismatch", "filter.value"),
    (one_of("name", "is_set", "x"), "type_mismatch", "filter.value"),
    (one_of("email", "equals", "x"), "bad_email", "emails"),
    (one_of("phone", "equals", "x"), "bad_phone", "phones"),
    (one_of("label", "has", "nothing"), "bad_reference", "filter.value"),
    (one_of("list", "has", "lst_none"), "bad_reference", "filter.value"),
    (one_of("owner", "equals", "stf_none"), "bad_reference", "filter.value"),
    ({"all": [{"not": one_of("nothing", "is_set")}]}, "unknown_property", "filter.all.0.not.property"),
)


async def test_that_a_wrong_condition_is_refused_by_its_place(book: Book) -> None:
    for condition, code, field in REFUSED:
        with pytest.raises(AppError) as refused:
            await search(book, filter=condition)
        assert (refused.value.code, refused.value.members["field"]) == (code, field)


def nested(depth: int) -> object:
    found: object = one_of("name", "is_set")
    for _ in range(depth):
        found = {"not": found}
    return found


def test_that_filters_are_bounded() -> None:
    leaf = one_of("name", "is_set")
    ContactSearch.model_validate({"filter": {"all": [leaf] * 100}})
    ContactSearch.model_validate({"filter": nested(7)})
    for parts in ([leaf] * 101, [leaf] * 1000, [{"any": [leaf] * 60}] * 2):
        with pytest.raises(FilterTooLarge):
            ContactSearch.model_validate({"filter": {"all": parts}})
    for depth in (8, 900):
        with pytest.raises(FilterTooDeep):
            ContactSearch.model_validate({"filter": nested(depth)})
    with pytest.raises(FilterTooLarge):
        ContactSearch.model_validate({"filter": {"all": [{"all": []}] * 101}})


@pytest.mark.parametrize("given", [[], "x", 1, {"all": 1}, {"not": []}, {"all": [], "any": []}, {"sql": "1"}])
def test_that_what_is_no_condition_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        ContactSearch.model_validate({"filter": given})


HOSTILE: Sequence[str] = ("' OR 1=1 --", "%'; DROP TABLE contacts; --", "\x00", "\\", '"', "\u202e", "\ud83d")


async def test_that_hostile_text_is_only_text(book: Book) -> None:
    await book.add(first_name="Ada")
    for text in HOSTILE:
        for operator in ("equals", "contains", "starts_with"):
            try:
                page = await search(book, filter=one_of("company", operator, text))
            except (AppError, ValidationError):
                continue
            assert page.items == []
    assert len((await search(book)).items) == 1


async def test_that_signs_of_patterns_are_looked_for_as_they_are(book: Book) -> None:
    made = {sign: (await book.add(company=f"A{sign}b")).id for sign in ("%", "_", "\\", "x")}
    for sign, one in made.items():
        for text in (sign, f"A{sign}b"):
            page = await search(book, filter=one_of("company", "contains", text))
            assert [found.id for found in page.items] == [one]
