"""Every query over custom objects. All take the workspace, except the sweep's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert
from crm.contacts.objects.models import ObjectDefinition, ObjectLink, ObjectRecord, ObjectValue
from crm.contacts.objects.schemas import Operator
from crm.contacts.objects.values import Lookup


async def is_stored(session: AsyncSession) -> bool:
    """Write what waits; False when somebody else took the key just now: then raise, all is undone."""
    try:
        await session.flush()
    except IntegrityError:
        return False
    return True


async def find_definition(
    session: AsyncSession, workspace_id: str, definition_id: str, *, lock: bool = False
) -> ObjectDefinition | None:
    """A kind of object, in the bin or not."""
    query = select(ObjectDefinition).where(
        ObjectDefinition.workspace_id == workspace_id, ObjectDefinition.id == definition_id
    )
    query = query.with_for_update() if lock else query
    return (await session.execute(query)).scalar_one_or_none()


async def find_definition_of_key(
    session: AsyncSession, workspace_id: str, key: str
) -> ObjectDefinition | None:
    """The kind of object with this key, unless it is in the bin."""
    query = select(ObjectDefinition).where(
        ObjectDefinition.workspace_id == workspace_id,
        ObjectDefinition.key == key,
        ObjectDefinition.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def count_definitions(session: AsyncSession, workspace_id: str) -> int:
    """How many kinds of objects there are, the bin included."""
    query = select(func.count()).where(ObjectDefinition.workspace_id == workspace_id)
    return (await session.execute(query)).scalar_one()


async def list_definitions(
    session: AsyncSession, workspace_id: str, *, deleted: bool, after: str | None, limit: int
) -> list[ObjectDefinition]:
    """Kinds of objects, oldest first."""
    query = select(ObjectDefinition).where(
        ObjectDefinition.workspace_id == workspace_id,
        shown(session, ObjectDefinition.deleted_at, deleted),
    )
    if after is not None:
        query = query.where(ObjectDefinition.id > after)
    return list((await session.execute(query.order_by(ObjectDefinition.id).limit(limit))).scalars())


async def find_record(
    session: AsyncSession, workspace_id: str, record_id: str, *, lock: bool = False
) -> ObjectRecord | None:
    """An object, in the bin or not."""
    query = select(ObjectRecord).where(
        ObjectRecord.workspace_id == workspace_id, ObjectRecord.id == record_id
    )
    query = query.with_for_update() if lock else query
    return (await session.execute(query)).scalar_one_or_none()


async def find_record_of_title(
    session: AsyncSession, workspace_id: str, definition_id: str, title: str
) -> ObjectRecord | None:
    """The object with this title, unless it is in the bin, locked."""
    query = select(ObjectRecord).where(
        ObjectRecord.workspace_id == workspace_id,
        ObjectRecord.definition_id == definition_id,
        ObjectRecord.title == title,
        ObjectRecord.deleted_at.is_(None),
    )
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_records(
    session: AsyncSession,
    workspace_id: str,
    definition_id: str,
    *,
    condition: ColumnElement[bool] | None = None,
    deleted: bool = False,
    after: str | None,
    limit: int,
) -> list[ObjectRecord]:
    """Objects of a kind that a condition holds for, oldest first."""
    query = select(ObjectRecord).where(
        ObjectRecord.workspace_id == workspace_id,
        ObjectRecord.definition_id == definition_id,
        shown(session, ObjectRecord.deleted_at, deleted),
    )
    if condition is not None:
        query = query.where(condition)
    if after is not None:
        query = query.where(ObjectRecord.id > after)
    return list((await session.execute(query.order_by(ObjectRecord.id).limit(limit))).scalars())


def holds(field: str, operator: Operator, lookup: Lookup | None) -> ColumnElement[bool]:
    """The condition that a record's field compares so; `ne` is also true of an empty field."""
    here = exists().where(
        ObjectValue.record_id == ObjectRecord.id,
        ObjectValue.definition_id == ObjectRecord.definition_id,
        ObjectValue.field == field,
    )
    if lookup is None or operator is Operator.EMPTY:
        return ~here
    column = ObjectValue.number if lookup.key is None else ObjectValue.key
    value: object = lookup.number if lookup.key is None else lookup.key
    match operator:
        case Operator.EQ:
            return here.where(column == value)
        case Operator.NE:
            return ~here.where(column == value)
        case Operator.LT:
            return here.where(column < value)
        case Operator.LTE:
            return here.where(column <= value)
        case Operator.GT:
            return here.where(column > value)
        case Operator.GTE:
            return here.where(column >= value)
        case Operator.CONTAINS:
            return here.where(ObjectValue.key.contains(str(value), autoescape=True))


async def set_values(
    session: AsyncSession, definition_id: str, record_id: str, lookups: Mapping[str, Lookup]
) -> None:
    """Replace what queries see of a record."""
    await session.execute(delete(ObjectValue).where(ObjectValue.record_id == record_id))
    session.add_all(
        ObjectValue(
            record_id=record_id,
            field=field,
            definition_id=definition_id,
            key=lookup.key,
            number=lookup.number,
        )
        for field, lookup in lookups.items()
    )


async def add_link(session: AsyncSession, contact_id: str, record_id: str) -> bool:
    """Link an object to a contact; False when it was."""
    statement = upsert(session, ObjectLink).values(contact_id=contact_id, record_id=record_id)
    statement = statement.on_conflict_do_nothing()
    return (await session.execute(statement.returning(ObjectLink.record_id))).scalar_one_or_none() is not None


async def delete_link(session: AsyncSession, contact_id: str, record_id: str) -> bool:
    """Unlink an object from a contact; False when it was not linked."""
    statement = delete(ObjectLink).where(
        ObjectLink.contact_id == contact_id, ObjectLink.record_id == record_id
    )
    gone = await session.execute(statement.returning(ObjectLink.record_id))
    return gone.scalar_one_or_none() is not None


async def links_of(session: AsyncSession, record_ids: Sequence[str]) -> dict[str, list[str]]:
    """The contacts of each of these objects."""
    query = select(ObjectLink.record_id, ObjectLink.contact_id).where(ObjectLink.record_id.in_(record_ids))
    found: dict[str, list[str]] = {record_id: [] for record_id in record_ids}
    for record_id, contact_id in await session.execute(query.order_by(ObjectLink.contact_id)):
        found[record_id].append(contact_id)
    return found


async def list_of_contact(
    session: AsyncSession, workspace_id: str, contact_id: str, *, before: str | None, limit: int
) -> list[ObjectRecord]:
    """Objects of a contact, newest first; those in the bin, or of a kind there, not."""
    query = (
        select(ObjectRecord)
        .join(ObjectLink, ObjectLink.record_id == ObjectRecord.id)
        .join(ObjectDefinition, ObjectDefinition.id == ObjectRecord.definition_id)
        .where(
            ObjectRecord.workspace_id == workspace_id,
            ObjectLink.contact_id == contact_id,
            ObjectRecord.deleted_at.is_(None),
            ObjectDefinition.deleted_at.is_(None),
        )
    )
    if before is not None:
        query = query.where(ObjectRecord.id < before)
    return list((await session.execute(query.order_by(ObjectRecord.id.desc()).limit(limit))).scalars())
