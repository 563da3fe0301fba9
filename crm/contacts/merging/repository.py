"""Moving rows from one contact to another, whatever table names a contact, and back again.

Tables are found by their column `contact_id`, so what is kept with contacts tomorrow moves too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, and_, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Base
from crm.contacts.merging.models import ContactMerge
from crm.contacts.models import Contact, ContactAddress

_CHUNK = 400
Keys = list[list[object]]
Moved = dict[str, Keys]  # table → primary keys, without the contact


async def lock_contacts(session: AsyncSession, workspace_id: str, ids: Sequence[str]) -> dict[str, Contact]:
    """These contacts, in the bin or not, locked in one order.

    First their conversations: whoever stores a message locks that, and then tells the contact of it.
    """
    talks = Base.metadata.tables["conversations"]
    held = select(talks.c.id).where(talks.c.contact_id.in_(ids)).order_by(talks.c.id).with_for_update()
    await session.execute(held)
    query = select(Contact).where(Contact.workspace_id == workspace_id, Contact.id.in_(ids))
    query = query.order_by(Contact.id).with_for_update().execution_options(populate_existing=True)
    return {one.id: one for one in (await session.execute(query)).scalars()}


async def find_merge(session: AsyncSession, workspace_id: str, merge_id: str) -> ContactMerge | None:
    """A merge, locked."""
    query = select(ContactMerge).where(ContactMerge.workspace_id == workspace_id, ContactMerge.id == merge_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_merges(
    session: AsyncSession, workspace_id: str, contact_id: str, *, before: str | None, limit: int
) -> list[ContactMerge]:
    """What went into a contact, newest first."""
    query = select(ContactMerge).where(
        ContactMerge.workspace_id == workspace_id, ContactMerge.survivor_id == contact_id
    )
    if before is not None:
        query = query.where(ContactMerge.id < before)
    return list((await session.execute(query.order_by(ContactMerge.id.desc()).limit(limit))).scalars())


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if "contact_id" in table.c]


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key if column.name != "contact_id"]


def _unique_with_contact(table: Table) -> list[list[str]]:
    """The other columns of each key in which a contact may stand once."""
    keys = [[column.name for column in table.primary_key]]
    keys += [[column.name for column in index.columns] for index in table.indexes if index.unique]
    if table.name == ContactAddress.__tablename__:
        keys.append(["contact_id", "kind", "key"])
    return [[name for name in key if name != "contact_id"] for key in keys if "contact_id" in key]


async def move(session: AsyncSession, *, from_id: str, to_id: str) -> Moved:
    """Give every row of one contact to the other; what the other has already stays where it is."""
    moved: Moved = {}
    for table in _tables():
        statement = update(table).where(table.c.contact_id == from_id)
        for key in _unique_with_contact(table):
            there = table.alias()
            same = [there.c[name] == table.c[name] for name in key]
            statement = statement.where(~exists().where(and_(there.c.contact_id == to_id, *same)))
        statement = statement.values(contact_id=to_id).returning(*(table.c[name] for name in _key(table)))
        rows = (await session.execute(statement.execution_options(synchronize_session=False))).all()
        if rows:
            moved[table.name] = [list(row) for row in rows]
    return moved


async def move_back(session: AsyncSession, moved: Moved, *, from_id: str, to_id: str) -> None:
    """Give back what was moved, as far as it is still there."""
    for table in _tables():
        keys = moved.get(table.name, [])
        columns = tuple_(*(table.c[name] for name in _key(table)))
        for start in range(0, len(keys), _CHUNK):
            statement = (
                update(table)
                .where(table.c.contact_id == from_id)
                .where(columns.in_([tuple(key) for key in keys[start : start + _CHUNK]]))
                .values(contact_id=to_id)
            )
            await session.execute(statement.execution_options(synchronize_session=False))


async def append_addresses(session: AsyncSession, contact_id: str, moved: Moved) -> dict[str, int]:
    """Addresses that came along go after the contact's own; where each stood before."""
    ids = [str(key[0]) for key in moved.get(ContactAddress.__tablename__, [])]
    if not ids:
        return {}
    own = select(func.max(ContactAddress.place)).where(
        ContactAddress.contact_id == contact_id, ContactAddress.id.not_in(ids)
    )
    last = (await session.execute(own)).scalar_one()
    query = select(ContactAddress).where(ContactAddress.id.in_(ids)).order_by(ContactAddress.place)
    came = list((await session.execute(query)).scalars())
    before = {row.id: row.place for row in came}
    for number, row in enumerate(came, start=0 if last is None else last + 1):
        row.place = number
    await session.flush()
    return before


async def restore_places(session: AsyncSession, places: dict[str, int]) -> None:
    """Put addresses where they stood before."""
    query = select(ContactAddress).where(ContactAddress.id.in_(list(places)))
    for row in (await session.execute(query)).scalars():
        row.place = places[row.id]
    await session.flush()


async def sharing_an_address(session: AsyncSession, workspace_id: str, contact_id: str) -> list[Contact]:
    """Contacts that have an e-mail address or phone number of this one, oldest first."""
    own = (
        select(ContactAddress.kind, ContactAddress.key)
        .where(ContactAddress.workspace_id == workspace_id, ContactAddress.contact_id == contact_id)
        .subquery()
    )
    others = (
        select(ContactAddress.contact_id)
        .join(own, and_(ContactAddress.kind == own.c.kind, ContactAddress.key == own.c.key))
        .where(ContactAddress.workspace_id == workspace_id, ContactAddress.contact_id != contact_id)
    )
    query = select(Contact).where(
        Contact.workspace_id == workspace_id, Contact.id.in_(others), Contact.deleted_at.is_(None)
    )
    return list((await session.execute(query.order_by(Contact.id).limit(50))).scalars())


async def forget_moves(session: AsyncSession, before: datetime) -> None:
    """Of merges that can no longer be undone only the fact is kept."""
    await session.execute(
        update(ContactMerge)
        .where(ContactMerge.merged_at < before, ContactMerge.forgotten.is_(False))
        .values(moved="{}", filled="{}", forgotten=True)
        .execution_options(synchronize_session=False)
    )
