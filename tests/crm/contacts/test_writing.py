"""Contacts made and changed by hand or in bulk: addresses in any spelling, typed properties, duplicates."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from crm.contacts import service as contacts
from crm.contacts.addresses import email_key, phone_key
from crm.contacts.errors import BadEmail, BadPhone, ContactNotFound, DuplicateContact, EmptyContact
from crm.contacts.labels import service as labels
from crm.contacts.properties import service as properties
from crm.contacts.schemas import ContactCreate, ContactSource, ContactUpdate, PropertyType
from tests.crm.contacts.people import Book, make_book


@pytest.fixture
async def book(db: Database) -> Book:
    return await make_book(db)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+55 11 98765-4321", "+551187654321"),
        ("+5215512345678", "+52 55 1234 5678"),
        ("+54 9 11 2345-6789", "+541123456789"),
        ("+31 6 12345678", "0031612345678"),
        ("+49 (0)30 901820", "+49 30 901820"),
    ],
    ids=["Brazil", "Mexico", "Argentina", "zeros", "trunk"],
)
def test_that_two_spellings_are_one_number(one: str, other: str) -> None:
    assert phone_key(one, None) == phone_key(other, None)


def test_that_a_landline_of_brazil_gets_no_ninth_digit() -> None:
    assert phone_key("+55 11 3456-7890", None) == "+551134567890"


@pytest.mark.parametrize("given", ["12", "abc", "+31 6 1", "0612345678", "+" + "1" * 39, "x" * 100, "+٣"])
def test_that_what_is_no_phone_number_is_refused(given: str) -> None:
    with pytest.raises(BadPhone):
        phone_key(given, None)


@pytest.mark.parametrize(
    "given",
    ["", "ada", "a@b", "a b@example.com", "a@@example.com", "a@example.com,b@example.com", "a@b.c\n>"],
)
def test_that_what_is_no_mail_address_is_refused(given: str) -> None:
    with pytest.raises(BadEmail):
        email_key(given)


async def test_that_a_contact_holds_everything_it_was_given(book: Book) -> None:
    await book.define("plan", PropertyType.CHOICE, "Free", "Premium")
    await book.define("seats", PropertyType.NUMBER)
    await book.define("since", PropertyType.DATE)
    await book.define("vip", PropertyType.BOOLEAN)
    await book.define("note", PropertyType.TEXT)
    given = {"plan": "Premium", "seats": 12, "since": "2026-02-28", "vip": False, "note": "Naïve “Straße”"}
    made = await book.add(
        first_name="Ada",
        last_name="Lovelace",
        emails=["Ada@Example.com", "ada@work.example.com"],
        phones=["06 12345678"],
        company="Engines",
        country="GB",
        language="en",
        owner_id=book.staff_id,
        labels=["#HotLead", "loyal"],
        properties={**given, "plan": "premium"},
    )
    assert (made.name, made.source) == ("Ada Lovelace", ContactSource.MANUAL)
    assert made.emails == ["Ada@Example.com", "ada@work.example.com"]
    assert (made.phones, made.phone_numbers) == (["06 12345678"], ["+31612345678"])
    assert [label.name for label in made.labels] == ["HotLead", "loyal"]
    assert made.properties == given
    assert (made.owner_id, made.last_contact_at) == (book.staff_id, None)


async def test_that_a_phone_number_alone_is_enough(book: Book) -> None:
    made = await book.add(phones=["+31612345678"])
    assert (made.name, made.phone_numbers) == (None, ["+31612345678"])


async def test_that_a_contact_about_whom_nothing_is_said_is_not_made(book: Book) -> None:
    with pytest.raises(EmptyContact):
        await book.add(last_name=" ", emails=[""], properties={})
    made = await book.add(labels=["vip"])
    assert (await book.change(made.id, labels=[])).labels == []


async def test_that_another_spelling_of_a_known_address_is_refused_with_the_others_id(book: Book) -> None:
    first = await book.add(emails=["ada@example.com"], phones=["+31 6 12345678"])
    known: tuple[dict[str, Any], ...] = ({"emails": ["ADA@example.com"]}, {"phones": ["0612345678"]})
    for fields in known:
        with pytest.raises(DuplicateContact) as refused:
            await book.add(**fields)
        assert refused.value.members["contact_id"] == first.id
    second = await book.add(allow_duplicate=True, emails=["ada@example.com"])
    async with book.db.read() as session:
        page = await contacts.list_contacts(session, book.workspace_id, deleted=False, before=None, limit=9)
    assert [(one.id, one.emails) for one in page] == [
        (second.id, ["ada@example.com"]),
        (first.id, ["ada@example.com"]),
    ]
    assert (await book.change(first.id, emails=["ada@example.com"], first_name="Ada")).name == "Ada"


async def test_that_two_made_at_once_are_one_and_a_refusal(book: Book) -> None:
    made = await asyncio.gather(
        *(book.add(emails=["ada@example.com"]) for _ in range(5)), return_exceptions=True
    )
    assert [type(one) for one in made if isinstance(one, Exception)] == [DuplicateContact] * 4


async def test_that_a_change_keeps_what_it_leaves_out(book: Book) -> None:
    await book.define("seats", PropertyType.NUMBER)
    await book.define("note", PropertyType.TEXT)
    made = await book.add(
        first_name="Ada",
        last_name="Byron",
        emails=["a@example.com"],
        phones=["+31612345678"],
        labels=["one", "two"],
        properties={"seats": 3, "note": "x"},
    )
    changed = await book.change(
        made.id, last_name="Lovelace", phones=[], labels=["two"], properties={"seats": None}
    )
    assert (changed.name, changed.emails, changed.phones) == ("Ada Lovelace", ["a@example.com"], [])
    assert ([label.name for label in changed.labels], changed.properties) == (["two"], {"note": "x"})
    assert (await book.change(made.id, first_name=None, last_name=None)).name is None


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"emails": ["nobody"]}, "bad_email", "emails"),
    ({"phones": ["12"]}, "bad_phone", "phones"),
    ({"properties": {"size": 1}}, "unknown_property", "properties.size"),
    ({"properties": {"seats": "many"}}, "type_mismatch", "properties.seats"),
    ({"properties": {"seats": True}}, "type_mismatch", "properties.seats"),
    ({"properties": {"seats": float("nan")}}, "type_mismatch", "properties.seats"),
    ({"properties": {"since": "28-02-2026"}}, "type_mismatch", "properties.since"),
    ({"properties": {"since": "2026-02-30"}}, "type_mismatch", "properties.since"),
    ({"properties": {"plan": "Gold"}}, "type_mismatch", "properties.plan"),
    ({"owner_id": "stf_nobody"}, "unknown_owner", "owner_id"),
    ({"labels": ["#"]}, "bad_label", "labels"),
)


async def test_that_a_wrong_value_is_refused_by_field(book: Book) -> None:
    await book.define("seats", PropertyType.NUMBER)
    await book.define("since", PropertyType.DATE)
    await book.define("plan", PropertyType.CHOICE, "Free", "Premium")
    for fields, code, field in REFUSED:
        with pytest.raises(AppError) as refused:
            await book.add(**fields)
        assert (refused.value.code, refused.value.members["field"]) == (code, field)


async def test_that_in_bulk_each_row_is_taken_or_refused_by_itself(book: Book) -> None:
    known = await book.add(emails=["known@example.com"])
    rows = [
        ContactCreate(emails=["new@example.com"], labels=["fresh"]),
        ContactCreate(emails=["nonsense"]),
        ContactCreate(emails=["NEW@example.com"]),
        ContactCreate(emails=["known@example.com"]),
        ContactCreate(phones=["0612345678"]),
    ]
    async with book.db.transaction() as session:
        made = await contacts.create_many(session, book.workspace_id, rows, source=ContactSource.IMPORT)
    codes = [one.refusal.code if one.refusal else None for one in made]
    assert codes == [None, "bad_email", "duplicate_contact", "duplicate_contact", None]
    others = [one.refusal.members["contact_id"] for one in made[2:4] if one.refusal]
    assert others == [made[0].contact_id, known.id]
    updates = [
        (known.id, ContactUpdate(company="Known")),
        ("con_none", ContactUpdate(company="None")),
        (made[4].contact_id or "", ContactUpdate(emails=["known@example.com"])),
    ]
    async with book.db.transaction() as session:
        changed = await contacts.update_many(session, book.workspace_id, updates)
    codes = [one.refusal.code if one.refusal else None for one in changed]
    assert codes == [None, "contact_not_found", "duplicate_contact"]
    assert (await book.get(known.id)).company == "Known"


async def test_that_the_bin_gives_back_for_thirty_days(book: Book, clock: ManualClock) -> None:
    made = await book.add(first_name="Ada", emails=["ada@example.com"])
    async with book.db.transaction() as session:
        await contacts.delete_contact(session, book.workspace_id, made.id)
    with pytest.raises(ContactNotFound):
        await book.get(made.id)
    again = await book.add(emails=["ada@example.com"])  # nobody else has it now
    async with book.db.transaction() as session:
        restored = await contacts.restore_contact(session, book.workspace_id, made.id)
        await contacts.delete_contact(session, book.workspace_id, again.id)
    assert (restored.deleted_at, restored.emails) == (None, ["ada@example.com"])
    clock.advance(timedelta(days=31))
    async with book.db.transaction() as session:
        with pytest.raises(TooLateToRestore):
            await contacts.restore_contact(session, book.workspace_id, again.id)


async def test_that_a_property_and_a_label_come_back_with_what_they_held(book: Book) -> None:
    property_id = await book.define("seats", PropertyType.NUMBER)
    made = await book.add(labels=["hotlead"], properties={"seats": 3})
    label_id = made.labels[0].id
    async with book.db.transaction() as session:
        await properties.delete_property(session, book.workspace_id, property_id)
        await labels.delete_label(session, book.workspace_id, label_id)
    bare = await book.change(made.id, labels=["other"])
    assert (bare.properties, [label.name for label in bare.labels]) == ({}, ["other"])
    async with book.db.transaction() as session:
        await properties.restore_property(session, book.workspace_id, property_id)
        await labels.restore_label(session, book.workspace_id, label_id)
    back = await book.get(made.id)
    assert (back.properties, [label.name for label in back.labels]) == ({"seats": 3}, ["hotlead", "other"])


async def test_that_nobody_touches_another_workspaces_contacts(book: Book, db: Database) -> None:
    made = await book.add(first_name="Ada", emails=["ada@example.com"])
    stranger = await make_book(db)
    with pytest.raises(ContactNotFound):
        await stranger.get(made.id)
    with pytest.raises(ContactNotFound):
        await stranger.change(made.id, first_name="Eve")
    assert (await stranger.add(emails=["ada@example.com"])).id != made.id
    with pytest.raises(AppError) as refused:
        await stranger.add(owner_id=book.staff_id)
    assert refused.value.code == "unknown_owner"
