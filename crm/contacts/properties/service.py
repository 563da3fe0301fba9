"""The rules of custom properties: an admin defines them; key and type never change."""

from __future__ import annotations

import json

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts import repository as contacts
from crm.contacts.errors import NameTaken, PropertyNotFound, TooManyRecords, TypeMismatch
from crm.contacts.models import ContactProperty
from crm.contacts.properties import repository
from crm.contacts.properties.schemas import MAX_PROPERTIES, PropertyCreate, PropertyRead, PropertyUpdate
from crm.contacts.properties.values import Definition
from crm.contacts.schemas import PropertyType, PropertyValue


async def definitions(session: AsyncSession, workspace_id: str) -> dict[str, Definition]:
    """The custom properties of a workspace by their key."""
    return {key: one for key, (one, _) in (await named_definitions(session, workspace_id)).items()}


async def named_definitions(session: AsyncSession, workspace_id: str) -> dict[str, tuple[Definition, str]]:
    """The same with the names that people give them."""
    found = await repository.all_properties(session, workspace_id)
    return {
        one.key: (
            Definition(one.id, one.key, PropertyType(one.type), tuple(json.loads(one.choices))),
            one.name,
        )
        for one in found
    }


async def told_to_agents(
    session: AsyncSession, workspace_id: str, contact_id: str
) -> tuple[tuple[str, str], ...]:
    """(name, value) of what agents are told of a contact, in the order the properties were made."""
    found = await repository.values_for_agents(session, workspace_id, contact_id)
    return tuple((name, _said(json.loads(value))) for name, value in found)


async def create_property(session: AsyncSession, workspace_id: str, data: PropertyCreate) -> PropertyRead:
    """Define a property. Raises NameTaken, TooManyRecords."""
    await _check_room(session, workspace_id, data.key)
    made = ContactProperty(
        id=new_id("prp"),
        workspace_id=workspace_id,
        key=data.key,
        name=data.name,
        type=data.type,
        choices=json.dumps(data.choices, ensure_ascii=False),
        for_agents=data.for_agents,
        created_at=now(session),
        deleted_at=None,
    )
    session.add(made)
    await session.flush()
    return _read(made)


async def list_properties(
    session: AsyncSession, workspace_id: str, *, deleted: bool, after: str | None, limit: int
) -> list[PropertyRead]:
    """One page, oldest first; when `deleted` of those in the bin that can be restored."""
    found = await repository.list_properties(session, workspace_id, after=after, deleted=deleted, limit=limit)
    return [_read(one) for one in found]


async def get_property(session: AsyncSession, workspace_id: str, property_id: str) -> PropertyRead:
    """Raises PropertyNotFound."""
    return _read(await _get(session, workspace_id, property_id))


async def update_property(
    session: AsyncSession, workspace_id: str, property_id: str, data: PropertyUpdate
) -> PropertyRead:
    """Rename it, change what may be chosen, or show it to agents. Raises PropertyNotFound, TypeMismatch."""
    found = await _get(session, workspace_id, property_id)
    if data.choices is not None:
        if found.type != PropertyType.CHOICE:
            raise TypeMismatch(f"A property of type {found.type} has no choices.", field="choices")
        found.choices = json.dumps(data.choices, ensure_ascii=False)
    if data.name is not None:
        found.name = data.name
    if data.for_agents is not None:
        found.for_agents = data.for_agents
    await session.flush()
    return _read(found)


async def delete_property(session: AsyncSession, workspace_id: str, property_id: str) -> PropertyRead:
    """Put it into the bin, with what contacts hold in it. Raises PropertyNotFound."""
    found = await _get(session, workspace_id, property_id)
    found.deleted_at = now(session)
    await session.flush()
    return _read(found)


async def restore_property(session: AsyncSession, workspace_id: str, property_id: str) -> PropertyRead:
    """Take it out of the bin. Raises PropertyNotFound, NameTaken, TooManyRecords, TooLateToRestore."""
    found = await _get(session, workspace_id, property_id, deleted=True)
    check_restorable(session, found.deleted_at)
    await _check_room(session, workspace_id, found.key)
    found.deleted_at = None
    await session.flush()
    return _read(found)


async def _get(
    session: AsyncSession, workspace_id: str, property_id: str, *, deleted: bool = False
) -> ContactProperty:
    found = await repository.find_property(session, workspace_id, property_id, deleted=deleted)
    if found is None:
        raise PropertyNotFound("There is no such property.")
    return found


async def _check_room(session: AsyncSession, workspace_id: str, key: str) -> None:
    await contacts.lock_workspace(session, workspace_id)
    if await repository.find_property_by_key(session, workspace_id, key) is not None:
        raise NameTaken(f"There is a property with the key {key} already.", field="key")
    if await repository.count_properties(session, workspace_id) >= MAX_PROPERTIES:
        raise TooManyRecords(
            f"A workspace has at most {MAX_PROPERTIES} custom properties.", limit=MAX_PROPERTIES
        )


def _said(value: PropertyValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def _read(found: ContactProperty) -> PropertyRead:
    return PropertyRead(
        id=found.id,
        key=found.key,
        name=found.name,
        type=PropertyType(found.type),
        choices=json.loads(found.choices),
        for_agents=found.for_agents,
        created_at=found.created_at,
        deleted_at=found.deleted_at,
    )
