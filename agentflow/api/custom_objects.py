"""Custom objects: what an admin defines, the records, and the contacts they belong to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import (
    App,
    ContactsReader,
    ContactsWriter,
    Cursor,
    Deleted,
    Limit,
    SettingsWriter,
)
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.objects import definitions
from crm.contacts.objects import service as objects
from crm.contacts.objects.schemas import (
    DefinitionCreate,
    DefinitionRead,
    DefinitionUpdate,
    Operator,
    RecordRead,
    RecordWrite,
)

router = APIRouter(tags=["custom objects"], route_class=IdempotentRoute)

Field = Annotated[str | None, Query(max_length=40, description="only records whose field of this key …")]
Compare = Annotated[Operator, Query(description="… compares in this way …")]
Value = Annotated[str | None, Query(max_length=500, description="… with this value")]


@router.get("/object-definitions")
async def list_definitions(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[DefinitionRead]:
    """Kinds of objects with their fields, oldest first."""
    async with app.db.read() as session:
        found = await definitions.list_definitions(
            session, who.workspace_id, deleted=deleted, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/object-definitions", status_code=201)
async def create_definition(data: DefinitionCreate, app: App, who: SettingsWriter) -> DefinitionRead:
    """Define a kind of object, such as an order or a membership."""
    async with app.db.transaction() as session:
        return await definitions.create_definition(session, who.workspace_id, data)


@router.get("/object-definitions/{definition_id}")
async def get_definition(definition_id: str, app: App, who: ContactsReader) -> DefinitionRead:
    """One kind of object."""
    async with app.db.read() as session:
        found = await definitions.get_definition(session, who.workspace_id, definition_id)
        return definitions.read_definition(found)


@router.patch("/object-definitions/{definition_id}")
async def update_definition(
    definition_id: str, data: DefinitionUpdate, app: App, who: SettingsWriter
) -> DefinitionRead:
    """Another name, or more fields; those there were keep their types."""
    async with app.db.transaction() as session:
        return await definitions.update_definition(session, who.workspace_id, definition_id, data)


@router.delete("/object-definitions/{definition_id}")
async def delete_definition(definition_id: str, app: App, who: SettingsWriter) -> DefinitionRead:
    """Put a kind of object and its records into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await definitions.delete_definition(session, who.workspace_id, definition_id)


@router.post("/object-definitions/{definition_id}/restore")
async def restore_definition(definition_id: str, app: App, who: SettingsWriter) -> DefinitionRead:
    """Take a kind of object out of the bin."""
    async with app.db.transaction() as session:
        return await definitions.restore_definition(session, who.workspace_id, definition_id)


@router.get("/object-definitions/{definition_id}/records")
async def list_records(
    definition_id: str,
    app: App,
    who: ContactsReader,
    field: Field = None,
    operator: Compare = Operator.EQ,
    value: Value = None,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RecordRead]:
    """Objects of a kind, oldest first; without a value, those whose field is empty."""
    async with app.db.read() as session:
        found = await objects.list_records(
            session,
            who.workspace_id,
            definition_id,
            field=field,
            operator=operator,
            value=value,
            deleted=deleted,
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/object-definitions/{definition_id}/records", status_code=201)
async def create_record(definition_id: str, data: RecordWrite, app: App, who: ContactsWriter) -> RecordRead:
    """A new object; another with the same title is a conflict."""
    async with app.db.transaction() as session:
        return await objects.create_record(session, who, definition_id, data)


@router.put("/object-definitions/{definition_id}/records")
async def upsert_record(definition_id: str, data: RecordWrite, app: App, who: ContactsWriter) -> RecordRead:
    """Change the object whose title is given, or create it: safe to send again."""
    async with app.db.transaction() as session:
        return await objects.upsert_record(session, who, definition_id, data)


@router.get("/object-records/{record_id}")
async def get_record(record_id: str, app: App, who: ContactsReader) -> RecordRead:
    """One object."""
    async with app.db.read() as session:
        return await objects.get_record(session, who.workspace_id, record_id)


@router.patch("/object-records/{record_id}")
async def update_record(record_id: str, data: RecordWrite, app: App, who: ContactsWriter) -> RecordRead:
    """Change the fields that are given; null empties one."""
    async with app.db.transaction() as session:
        return await objects.update_record(session, who, record_id, data)


@router.delete("/object-records/{record_id}")
async def delete_record(record_id: str, app: App, who: ContactsWriter) -> RecordRead:
    """Put an object into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await objects.delete_record(session, who.workspace_id, record_id)


@router.post("/object-records/{record_id}/restore")
async def restore_record(record_id: str, app: App, who: ContactsWriter) -> RecordRead:
    """Take an object out of the bin."""
    async with app.db.transaction() as session:
        return await objects.restore_record(session, who.workspace_id, record_id)


@router.get("/contacts/{contact_id}/objects")
async def list_of_contact(
    contact_id: str, app: App, who: ContactsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[RecordRead]:
    """Objects of a contact, newest first."""
    async with app.db.read() as session:
        found = await objects.list_of_contact(
            session, who.workspace_id, contact_id, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.put("/contacts/{contact_id}/objects/{record_id}")
async def link(contact_id: str, record_id: str, app: App, who: ContactsWriter) -> RecordRead:
    """Link an object to a contact."""
    async with app.db.transaction() as session:
        return await objects.link(session, who, contact_id, record_id)


@router.delete("/contacts/{contact_id}/objects/{record_id}")
async def unlink(contact_id: str, record_id: str, app: App, who: ContactsWriter) -> RecordRead:
    """Unlink an object from a contact; the object stays."""
    async with app.db.transaction() as session:
        return await objects.unlink(session, who, contact_id, record_id)
