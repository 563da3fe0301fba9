"""Every query over definitions of custom properties."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.contacts.models import ContactProperty, ContactValue


async def find_property(
    session: AsyncSession, workspace_id: str, property_id: str, *, deleted: bool = False
) -> ContactProperty | None:
    """A property; when `deleted` one in the bin."""
    query = select(ContactProperty).where(
        ContactProperty.workspace_id == workspace_id,
        ContactProperty.id == property_id,
        ContactProperty.deleted_at.is_not(None) if deleted else ContactProperty.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_property_by_key(session: AsyncSession, workspace_id: str, key: str) -> ContactProperty | None:
    """The property of this key that is not in the bin."""
    query = select(ContactProperty).where(
        ContactProperty.workspace_id == workspace_id,
        ContactProperty.key == key,
        ContactProperty.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def all_properties(session: AsyncSession, workspace_id: str) -> list[ContactProperty]:
    """All that are not in the bin, oldest first."""
    query = select(ContactProperty).where(
        ContactProperty.workspace_id == workspace_id, ContactProperty.deleted_at.is_(None)
    )
    return list((await session.execute(query.order_by(ContactProperty.id))).scalars())


async def list_properties(
    session: AsyncSession, workspace_id: str, *, after: str | None, deleted: bool, limit: int
) -> list[ContactProperty]:
    """One page, oldest first; of those in the bin when `deleted`."""
    query = select(ContactProperty).where(
        ContactProperty.workspace_id == workspace_id,
        shown(session, ContactProperty.deleted_at, deleted),
    )
    if after is not None:
        query = query.where(ContactProperty.id > after)
    return list((await session.execute(query.order_by(ContactProperty.id).limit(limit))).scalars())


async def values_for_agents(
    session: AsyncSession, workspace_id: str, contact_id: str
) -> list[tuple[str, str]]:
    """(name, JSON value) of a contact's properties that agents may know."""
    query = (
        select(ContactProperty.name, ContactValue.value)
        .join(ContactValue, ContactValue.property_id == ContactProperty.id)
        .where(
            ContactProperty.workspace_id == workspace_id,
            ContactProperty.for_agents.is_(True),
            ContactProperty.deleted_at.is_(None),
            ContactValue.contact_id == contact_id,
        )
        .order_by(ContactProperty.id)
    )
    return [(name, value) for name, value in (await session.execute(query)).all()]


async def count_properties(session: AsyncSession, workspace_id: str) -> int:
    """How many are not in the bin."""
    query = select(func.count()).where(
        ContactProperty.workspace_id == workspace_id, ContactProperty.deleted_at.is_(None)
    )
    return int((await session.execute(query)).scalar_one())
