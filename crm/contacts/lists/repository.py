"""Every query over lists, and the statements that change many contacts at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert
from crm.contacts.models import ContactLabel, ContactList, ContactListMember
from crm.contacts.repository import chunks


async def find_list(
    session: AsyncSession, workspace_id: str, list_id: str, *, deleted: bool = False
) -> ContactList | None:
    """A list; when `deleted` one in the bin."""
    query = select(ContactList).where(
        ContactList.workspace_id == workspace_id,
        ContactList.id == list_id,
        ContactList.deleted_at.is_not(None) if deleted else ContactList.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_lists(
    session: AsyncSession, workspace_id: str, *, after: str | None, deleted: bool, limit: int
) -> list[ContactList]:
    """One page, oldest first; of those in the bin when `deleted`."""
    query = select(ContactList).where(
        ContactList.workspace_id == workspace_id,
        shown(session, ContactList.deleted_at, deleted),
    )
    if after is not None:
        query = query.where(ContactList.id > after)
    return list((await session.execute(query.order_by(ContactList.id).limit(limit))).scalars())


async def count_lists(session: AsyncSession, workspace_id: str) -> int:
    """How many are not in the bin."""
    query = select(func.count()).where(
        ContactList.workspace_id == workspace_id, ContactList.deleted_at.is_(None)
    )
    return int((await session.execute(query)).scalar_one())


async def add_members(session: AsyncSession, list_id: str, contact_ids: Collection[str]) -> list[str]:
    """Put contacts into a list; returns those that were not in it."""
    rows = [{"list_id": list_id, "contact_id": one} for one in contact_ids]
    return await _add(session, ContactListMember, rows)


async def remove_members(session: AsyncSession, list_id: str, contact_ids: Collection[str]) -> list[str]:
    """Take contacts out of a list; returns those that were in it."""
    return await _remove(session, ContactListMember, ContactListMember.list_id == list_id, contact_ids)


async def add_labels(session: AsyncSession, label_id: str, contact_ids: Collection[str]) -> list[str]:
    """Put a label on contacts; returns those that had it not."""
    rows = [{"label_id": label_id, "contact_id": one} for one in contact_ids]
    return await _add(session, ContactLabel, rows)


async def remove_labels(session: AsyncSession, label_id: str, contact_ids: Collection[str]) -> list[str]:
    """Take a label off contacts; returns those that had it."""
    return await _remove(session, ContactLabel, ContactLabel.label_id == label_id, contact_ids)


async def _add(session: AsyncSession, table: type[Any], rows: list[dict[str, str]]) -> list[str]:
    added: list[str] = []
    for part in chunks(rows):
        statement = upsert(session, table).values(part).on_conflict_do_nothing().returning(table.contact_id)
        added += (await session.execute(statement)).scalars()
    return added


async def _remove(
    session: AsyncSession, table: type[Any], of: ColumnElement[bool], contact_ids: Collection[str]
) -> list[str]:
    removed: list[str] = []
    for part in chunks(contact_ids):
        statement = delete(table).where(of, table.contact_id.in_(part)).returning(table.contact_id)
        gone = await session.execute(statement, execution_options={"synchronize_session": False})
        removed += gone.scalars()
    return removed
