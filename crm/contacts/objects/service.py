"""Objects: created, changed, linked to contacts, listed and looked for by a field."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.errors import InvalidInput
from agentflow.kit.events import publish
from agentflow.kit.ids import new_id
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind, Detail
from crm.contacts.objects import repository
from crm.contacts.objects.definitions import fields_of, get_definition
from crm.contacts.objects.errors import ObjectExists, ObjectNotFound, UnknownField
from crm.contacts.objects.models import ObjectDefinition, ObjectRecord
from crm.contacts.objects.schemas import Operator, RecordRead, RecordWrite, Values
from crm.contacts.objects.values import check_values, lookup_of, parse, title_of
from crm.contacts.present import get_present
from crm.contacts.schemas import PropertyType
from crm.teams.service import Principal

CREATED, UPDATED = "custom_object_created", "custom_object_updated"


async def create_record(
    session: AsyncSession, who: Principal, definition_id: str, data: RecordWrite
) -> RecordRead:
    """A new object. Raises DefinitionNotFound, ObjectExists, BadValue, UnknownField, ContactNotFound."""
    # The lock makes two records of one title at the same time impossible.
    definition = await get_definition(session, who.workspace_id, definition_id, lock=True)
    title = _title(definition, check_values(fields_of(definition), data.values, {}))
    if await _find(session, definition, title) is not None:
        raise ObjectExists(f"There is an object with the title “{title[:80]}” already.", field="values")
    return await _create(session, who, definition, data)


async def upsert_record(
    session: AsyncSession, who: Principal, definition_id: str, data: RecordWrite
) -> RecordRead:
    """Change the object with the title given, or create it. Raises as `create_record`, save ObjectExists."""
    definition = await get_definition(session, who.workspace_id, definition_id, lock=True)
    fields = fields_of(definition)
    title_field = next(one for one in fields if one.key == definition.title_field)
    given = {title_field.key: data.values.get(title_field.key)}
    title = _title(definition, check_values([title_field], given, {}))
    record = await _find(session, definition, title)
    if record is None:
        return await _create(session, who, definition, data)
    return await _change(session, who, definition, record, data)


async def update_record(
    session: AsyncSession, who: Principal, record_id: str, data: RecordWrite
) -> RecordRead:
    """Write over what is given, keep the rest. Raises ObjectNotFound and as `create_record`."""
    record = await _get(session, who.workspace_id, record_id)
    definition = await get_definition(session, who.workspace_id, record.definition_id, lock=True)
    return await _change(session, who, definition, record, data)


async def _create(
    session: AsyncSession, who: Principal, definition: ObjectDefinition, data: RecordWrite
) -> RecordRead:
    values = check_values(fields_of(definition), data.values, {})
    record = ObjectRecord(
        id=new_id("obj"),
        workspace_id=who.workspace_id,
        definition_id=definition.id,
        title=_title(definition, values),
        values="{}",
        created_at=now(session),
        updated_at=now(session),
    )
    session.add(record)
    await _store(session, who, definition, record, values, data.contact_ids)
    _publish(session, CREATED, definition, record, data.contact_ids)
    return (await read_records(session, [record]))[0]


async def _change(
    session: AsyncSession,
    who: Principal,
    definition: ObjectDefinition,
    record: ObjectRecord,
    data: RecordWrite,
) -> RecordRead:
    values = check_values(fields_of(definition), data.values, json.loads(record.values))
    title = _title(definition, values)
    if title != record.title and await _find(session, definition, title) is not None:
        raise ObjectExists(f"There is an object with the title “{title[:80]}” already.", field="values")
    record.title, record.updated_at = title, now(session)
    await _store(session, who, definition, record, values, data.contact_ids)
    _publish(session, UPDATED, definition, record, data.contact_ids)
    return (await read_records(session, [record]))[0]


async def _store(
    session: AsyncSession,
    who: Principal,
    definition: ObjectDefinition,
    record: ObjectRecord,
    values: Values,
    contact_ids: Sequence[str],
) -> None:
    record.values = json.dumps(values, ensure_ascii=False)
    await session.flush()
    fields = {one.key: one for one in fields_of(definition)}
    lookups = {key: lookup_of(fields[key], value) for key, value in values.items() if key in fields}
    await repository.set_values(session, definition.id, record.id, lookups)
    for contact_id in dict.fromkeys(contact_ids):
        await _link(session, who, contact_id, record)
    await session.flush()


def _title(definition: ObjectDefinition, values: Values) -> str:
    field = next(one for one in fields_of(definition) if one.key == definition.title_field)
    return title_of(field, values)


async def _find(session: AsyncSession, definition: ObjectDefinition, title: str) -> ObjectRecord | None:
    return await repository.find_record_of_title(session, definition.workspace_id, definition.id, title)


def _publish(
    session: AsyncSession,
    kind: str,
    definition: ObjectDefinition,
    record: ObjectRecord,
    contact_ids: Sequence[str],
) -> None:
    payload = {
        "record_id": record.id,
        "definition_id": definition.id,
        "key": definition.key,
        "title": record.title,
        "contact_ids": list(contact_ids),
    }
    publish(session, record.workspace_id, stream=record.id, kind=kind, payload=payload)


async def get_record(session: AsyncSession, workspace_id: str, record_id: str) -> RecordRead:
    """One object. Raises ObjectNotFound."""
    return (await read_records(session, [await _get(session, workspace_id, record_id)]))[0]


async def _get(
    session: AsyncSession, workspace_id: str, record_id: str, *, in_bin: bool = False
) -> ObjectRecord:
    record = await repository.find_record(session, workspace_id, record_id)
    definition = record and await repository.find_definition(session, workspace_id, record.definition_id)
    if record is None or (record.deleted_at is not None and not in_bin):
        raise ObjectNotFound("There is no such object.")
    if definition is None or definition.deleted_at is not None:
        raise ObjectNotFound("There is no such object.")
    return record


async def list_records(
    session: AsyncSession,
    workspace_id: str,
    definition_id: str,
    *,
    field: str | None = None,
    operator: Operator = Operator.EQ,
    value: str | None = None,
    deleted: bool = False,
    after: str | None = None,
    limit: int,
) -> list[RecordRead]:
    """Objects of a kind, oldest first; those whose field compares so. Raises UnknownField, BadValue."""
    definition = await get_definition(session, workspace_id, definition_id)
    condition = None
    if field is not None:
        known = {one.key: one for one in fields_of(definition)}
        if field not in known:
            raise UnknownField(
                f"There is no field “{field[:60]}”; there are {', '.join(known)}.",
                field="field",
                allowed=list(known),
            )
        if operator is Operator.CONTAINS and known[field].type is not PropertyType.TEXT:
            raise InvalidInput("Only text contains text.", code="type_mismatch", field="operator")
        parsed = parse(known[field], value or "")
        lookup = None if parsed is None else lookup_of(known[field], parsed)
        condition = repository.holds(field, operator, lookup)
    found = await repository.list_records(
        session,
        workspace_id,
        definition_id,
        condition=condition,
        deleted=deleted,
        after=after,
        limit=limit,
    )
    return await read_records(session, found)


async def list_of_contact(
    session: AsyncSession, workspace_id: str, contact_id: str, *, after: str | None = None, limit: int
) -> list[RecordRead]:
    """Objects of a contact, newest first. Raises ContactNotFound."""
    await get_present(session, workspace_id, contact_id)
    found = await repository.list_of_contact(session, workspace_id, contact_id, before=after, limit=limit)
    return await read_records(session, found)


async def link(session: AsyncSession, who: Principal, contact_id: str, record_id: str) -> RecordRead:
    """Link an object to a contact; again changes nothing. Raises ObjectNotFound, ContactNotFound."""
    record = await _get(session, who.workspace_id, record_id)
    await _link(session, who, contact_id, record)
    return (await read_records(session, [record]))[0]


async def _link(session: AsyncSession, who: Principal, contact_id: str, record: ObjectRecord) -> None:
    await get_present(session, who.workspace_id, contact_id)
    if await repository.add_link(session, contact_id, record.id):
        _log(session, who, contact_id, record, ActivityKind.OBJECT_LINKED)


async def unlink(session: AsyncSession, who: Principal, contact_id: str, record_id: str) -> RecordRead:
    """Unlink an object from a contact. Raises ObjectNotFound, ContactNotFound."""
    await get_present(session, who.workspace_id, contact_id)
    record = await _get(session, who.workspace_id, record_id)
    if await repository.delete_link(session, contact_id, record.id):
        _log(session, who, contact_id, record, ActivityKind.OBJECT_UNLINKED)
    return (await read_records(session, [record]))[0]


def _log(
    session: AsyncSession, who: Principal, contact_id: str, record: ObjectRecord, kind: ActivityKind
) -> None:
    detail: Detail = {"title": record.title[:200], "definition_id": record.definition_id}
    activity.note(
        session,
        who.workspace_id,
        contact_id,
        kind,
        subject_id=record.id,
        actor_id=who.id,
        detail=detail,
    )


async def delete_record(session: AsyncSession, workspace_id: str, record_id: str) -> RecordRead:
    """Put an object into the bin for 30 days. Raises ObjectNotFound."""
    record = await _get(session, workspace_id, record_id, in_bin=True)
    record.deleted_at = record.deleted_at or now(session)
    await session.flush()
    return (await read_records(session, [record]))[0]


async def restore_record(session: AsyncSession, workspace_id: str, record_id: str) -> RecordRead:
    """Take an object out of the bin. Raises ObjectNotFound, ObjectExists, TooLateToRestore."""
    record = await _get(session, workspace_id, record_id, in_bin=True)
    definition = await get_definition(session, workspace_id, record.definition_id, lock=True)
    check_restorable(session, record.deleted_at)
    if record.deleted_at is not None:
        if await _find(session, definition, record.title) is not None:
            raise ObjectExists("There is an object with this title by now; change that one first.")
        record.deleted_at = None
    await session.flush()
    return (await read_records(session, [record]))[0]


async def read_records(session: AsyncSession, records: Sequence[ObjectRecord]) -> list[RecordRead]:
    """Objects as the API shows them, with their contacts."""
    links = await repository.links_of(session, [record.id for record in records])
    return [
        RecordRead(
            id=record.id,
            definition_id=record.definition_id,
            title=record.title,
            values=json.loads(record.values),
            contact_ids=links[record.id],
            created_at=record.created_at,
            updated_at=record.updated_at,
            deleted_at=record.deleted_at,
        )
        for record in records
    ]
