"""Lists by hand and by a filter, labels in bulk, views of one person and of everybody."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from crm.contacts.filters import service as filters
from crm.contacts.filters.schemas import ContactSearch
from crm.contacts.lists import service as lists
from crm.contacts.lists.schemas import LabelsChange, ListCreate, ListUpdate, MembersChange
from crm.contacts.schemas import PropertyType
from crm.contacts.views import service as views
from crm.contacts.views.schemas import ViewCreate, ViewUpdate
from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role
from crm.teams.service import Principal
from tests.crm.contacts.people import Book, make_book

Tree = dict[str, Any]


@pytest.fixture
async def book(db: Database) -> Book:
    return await make_book(db)


def person(book: Book, role: Role = Role.STAFF, staff_id: str | None = None) -> Principal:
    found = staff_id or book.staff_id
    return Principal(found, book.workspace_id, SCOPES[role], staff_id=found, role=role)


def key(book: Book) -> Principal:
    return Principal("key_1", book.workspace_id, SCOPES[Role.ADMIN])


def one_of(name: str, operator: str, value: object = None) -> Tree:
    return {"property": name, "operator": operator, "value": value}


async def found(book: Book, condition: Tree) -> list[str]:
    async with book.db.read() as session:
        given = filters.FILTER.validate_python(condition)
        return await filters.matching_ids(session, person(book), given, limit=100)


async def make_list(book: Book, name: str, condition: Tree | None = None) -> str:
    async with book.db.transaction() as session:
        data = ListCreate.model_validate({"name": name, "filter": condition})
        return (await lists.create_list(session, person(book), data)).id


async def test_that_members_come_and_go_by_hand(book: Book, db: Database) -> None:
    ids = [(await book.add(first_name=f"Ada {number}")).id for number in range(4)]
    stranger = (await (await make_book(db)).add(first_name="Ada")).id
    vip = await make_list(book, "VIP")
    async with db.transaction() as session:
        data = MembersChange(add=[*ids[:3], ids[0], stranger, "con_none"])
        changed = await lists.change_members(session, person(book), vip, data)
        assert (changed.added, changed.unknown) == (3, sorted([stranger, "con_none"]))
        data = MembersChange(add=[ids[2], ids[3]], remove=[ids[0], ids[2]])
        changed = await lists.change_members(session, person(book), vip, data)
    assert (changed.added, changed.removed, changed.unknown) == (1, 1, [])
    assert await found(book, one_of("list", "has", vip)) == sorted(ids[1:])
    assert await found(book, one_of("list", "has_not", vip)) == [ids[0]]


async def test_that_a_dynamic_list_holds_whoever_fits_now(book: Book) -> None:
    await book.define("seats", PropertyType.NUMBER)
    big = await make_list(book, "Big", one_of("properties.seats", "greater_than", 50))
    both = await make_list(
        book, "Big and known", {"all": [one_of("list", "has", big), one_of("name", "is_set")]}
    )
    one = await book.add(first_name="Ada", properties={"seats": 51})
    await book.add(properties={"seats": 51})
    assert await found(book, one_of("list", "has", both)) == [one.id]
    await book.change(one.id, properties={"seats": 5})
    assert await found(book, one_of("list", "has", both)) == []
    async with book.db.transaction() as session:
        with pytest.raises(lists.WrongKindOfList):
            await lists.change_members(session, person(book), big, MembersChange(add=[one.id]))


async def test_that_a_list_made_of_itself_or_of_me_is_refused(book: Book) -> None:
    inner = await make_list(book, "Inner", one_of("name", "is_set"))
    outer = await make_list(book, "Outer", one_of("list", "has", inner))
    for condition in (
        one_of("list", "has", outer),
        one_of("list", "has", inner),
        one_of("owner", "equals", "me"),
    ):
        with pytest.raises(AppError) as refused:
            await refilter(book, inner, condition)
        assert refused.value.code == "bad_reference"
    assert await found(book, one_of("list", "has", outer)) == []


async def refilter(book: Book, list_id: str, condition: Tree) -> None:
    async with book.db.transaction() as session:
        data = ListUpdate.model_validate({"filter": condition})
        await lists.update_list(session, person(book), list_id, data)


async def test_that_labels_go_onto_all_that_a_filter_finds(book: Book) -> None:
    ids = [(await book.add(first_name=f"Ada {number}", labels=["cold"])).id for number in range(3)]
    other = await book.add(company="Engines", labels=["cold"])
    data = LabelsChange.model_validate(
        {
            "filter": one_of("name", "starts_with", "ada"),
            "add": ["#HotLead", "cold"],
            "remove": ["cold", "nothing"],
        }
    )
    async with book.db.transaction() as session:
        changed = await lists.change_labels(session, person(book), data)
        assert (changed.contacts, changed.added, changed.removed) == (3, 3, 0)
        data = LabelsChange(contact_ids=[ids[0], "con_none"], remove=["HOTLEAD"])
        changed = await lists.change_labels(session, person(book), data)
        assert (changed.contacts, changed.removed) == (1, 1)
    both = {"all": [one_of("label", "has", "hotlead"), one_of("label", "has", "cold")]}
    assert await found(book, both) == ids[1:]
    assert other.id not in await found(book, one_of("label", "has", "hotlead"))


async def test_that_a_personal_view_is_its_persons_alone(book: Book) -> None:
    data = ViewCreate.model_validate({"name": "Mine", "filter": {"not": one_of("owner", "equals", "me")}})
    other = person(book, Role.ADMIN, "stf_other")
    async with book.db.transaction() as session:
        mine = await views.create_view(session, person(book), data)
        assert (await views.get_view(session, person(book), mine.id)).filter == data.filter
        for stranger in (other, key(book)):
            assert await views.list_views(session, stranger, deleted=False, after=None, limit=10) == []
            for act in (views.get_view, views.delete_view):
                with pytest.raises(views.ViewNotFound):
                    await act(session, stranger, mine.id)
            with pytest.raises(views.ViewNotFound):
                await views.update_view(session, stranger, mine.id, ViewUpdate(name="Theirs"))


async def test_that_an_admin_makes_the_default_view_for_everybody(book: Book) -> None:
    admin, data = person(book, Role.ADMIN), ViewCreate(name="Start", is_default=True)
    async with book.db.transaction() as session:
        first = await views.create_view(session, admin, data)
        second = await views.create_view(session, admin, ViewCreate(name="Later", shared=True))
        await views.update_view(session, admin, second.id, ViewUpdate(is_default=True))
        seen = await views.list_views(session, person(book), deleted=False, after=None, limit=10)
        assert [(one.id, one.is_default) for one in seen] == [(first.id, False), (second.id, True)]
        with pytest.raises(views.SharedView):
            await views.create_view(session, person(book), data)
        with pytest.raises(views.SharedView):
            await views.update_view(session, person(book), first.id, ViewUpdate(name="x"))
        await views.delete_view(session, admin, second.id)
        restored = await views.restore_view(session, admin, second.id)
        assert (restored.deleted_at, restored.is_default) == (None, False)


async def test_that_the_groups_are_counted(book: Book) -> None:
    await book.add(owner_id=book.staff_id)
    await book.add(first_name="Ada")
    async with book.db.read() as session:
        counts = {one.group: one.count for one in (await views.groups(session, person(book))).items}
        search = ContactSearch.model_validate({"filter": one_of("owner", "is_empty")})
        assert await filters.count(session, person(book), search) == 1
    assert counts == {"all": 2, "my": 1, "team": 1, "integration": 0}
