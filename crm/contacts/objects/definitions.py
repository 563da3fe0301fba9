"""What an admin defines: kinds of objects and their fields."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts.objects import repository
from crm.contacts.objects.errors import DefinitionNotFound, DefinitionTaken, FieldsStay, TooManyDefinitions
from crm.contacts.objects.models import ObjectDefinition
from crm.contacts.objects.schemas import (
    MAX_DEFINITIONS,
    DefinitionCreate,
    DefinitionRead,
    DefinitionUpdate,
    ObjectField,
)


async def create_definition(
    session: AsyncSession, workspace_id: str, data: DefinitionCreate
) -> DefinitionRead:
    """A new kind of object. Raises DefinitionTaken, TooManyDefinitions."""
    found = await repository.count_definitions(session, workspace_id)
    if found >= MAX_DEFINITIONS:
        raise TooManyDefinitions(
            f"A workspace has at most {MAX_DEFINITIONS} kinds of objects, those in the bin included.",
            limit=MAX_DEFINITIONS,
        )
    await _check_free(session, workspace_id, data.key)
    definition = ObjectDefinition(
        id=new_id("odf"),
        workspace_id=workspace_id,
        key=data.key,
        name=data.name,
        fields=_dump(data.fields),
        title_field=data.title_field,
        created_at=now(session),
    )
    session.add(definition)
    await _flush(session, data.key)
    return read_definition(definition)


async def _check_free(session: AsyncSession, workspace_id: str, key: str) -> None:
    if await repository.find_definition_of_key(session, workspace_id, key) is not None:
        raise _taken(key)


async def _flush(session: AsyncSession, key: str) -> None:
    """Of two at the same time the second is refused by the index."""
    if not await repository.is_stored(session):
        raise _taken(key)


def _taken(key: str) -> DefinitionTaken:
    return DefinitionTaken(f"There is a kind of object with the key {key} already.", field="key")


async def list_definitions(
    session: AsyncSession, workspace_id: str, *, deleted: bool = False, after: str | None = None, limit: int
) -> list[DefinitionRead]:
    """Kinds of objects, oldest first."""
    found = await repository.list_definitions(
        session, workspace_id, deleted=deleted, after=after, limit=limit
    )
    return [read_definition(one) for one in found]


async def get_definition(
    session: AsyncSession, workspace_id: str, definition_id: str, *, lock: bool = False
) -> ObjectDefinition:
    """A kind of object. Raises DefinitionNotFound, also for one in the bin."""
    found = await repository.find_definition(session, workspace_id, definition_id, lock=lock)
    if found is None or found.deleted_at is not None:
        raise DefinitionNotFound("There is no such kind of object.")
    return found


async def update_definition(
    session: AsyncSession, workspace_id: str, definition_id: str, data: DefinitionUpdate
) -> DefinitionRead:
    """Another name, or more fields. Raises DefinitionNotFound, FieldsStay."""
    definition = await get_definition(session, workspace_id, definition_id, lock=True)
    definition.name = data.name or definition.name
    if data.fields is not None:
        types = {one.key: one.type for one in data.fields}
        for one in fields_of(definition):
            if types.get(one.key) != one.type:
                raise FieldsStay(f"The field {one.key} stays, with the type {one.type}.", field="fields")
        definition.fields = _dump(data.fields)
    await session.flush()
    return read_definition(definition)


async def delete_definition(session: AsyncSession, workspace_id: str, definition_id: str) -> DefinitionRead:
    """Put a kind of object, and with it its records, into the bin for 30 days. Raises DefinitionNotFound."""
    definition = await repository.find_definition(session, workspace_id, definition_id, lock=True)
    if definition is None:
        raise DefinitionNotFound("There is no such kind of object.")
    definition.deleted_at = definition.deleted_at or now(session)
    await session.flush()
    return read_definition(definition)


async def restore_definition(session: AsyncSession, workspace_id: str, definition_id: str) -> DefinitionRead:
    """Take it out of the bin. Raises DefinitionNotFound, DefinitionTaken, TooLateToRestore."""
    definition = await repository.find_definition(session, workspace_id, definition_id, lock=True)
    if definition is None:
        raise DefinitionNotFound("There is no such kind of object.")
    check_restorable(session, definition.deleted_at)
    if definition.deleted_at is not None:
        await _check_free(session, workspace_id, definition.key)
        definition.deleted_at = None
    await _flush(session, definition.key)
    return read_definition(definition)


def fields_of(definition: ObjectDefinition) -> list[ObjectField]:
    """The fields in the admin's order."""
    return [ObjectField.model_validate(one) for one in json.loads(definition.fields)]


def _dump(fields: Sequence[ObjectField]) -> str:
    return json.dumps([one.model_dump(mode="json") for one in fields], ensure_ascii=False)


def read_definition(definition: ObjectDefinition) -> DefinitionRead:
    """A kind of object as the API shows it."""
    return DefinitionRead(
        id=definition.id,
        key=definition.key,
        name=definition.name,
        fields=fields_of(definition),
        title_field=definition.title_field,
        created_at=definition.created_at,
        deleted_at=definition.deleted_at,
    )
