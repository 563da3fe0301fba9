"""Custom properties that an admin defines, and labels that everybody puts on contacts."""

from __future__ import annotations

from fastapi import APIRouter

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
from crm.contacts.labels import service as labels
from crm.contacts.labels.schemas import LabelCreate, LabelRead, LabelUpdate
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate, PropertyRead, PropertyUpdate

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)


@router.get("/contact-properties")
async def list_properties(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[PropertyRead]:
    """Custom properties, oldest first."""
    async with app.db.read() as session:
        found = await properties.list_properties(
            session, who.workspace_id, deleted=deleted, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/contact-properties", status_code=201)
async def create_property(data: PropertyCreate, app: App, who: SettingsWriter) -> PropertyRead:
    """Define a custom property; its key and type stay as they are."""
    async with app.db.transaction() as session:
        return await properties.create_property(session, who.workspace_id, data)


@router.get("/contact-properties/{property_id}")
async def get_property(property_id: str, app: App, who: ContactsReader) -> PropertyRead:
    """One custom property."""
    async with app.db.read() as session:
        return await properties.get_property(session, who.workspace_id, property_id)


@router.patch("/contact-properties/{property_id}")
async def update_property(
    property_id: str, data: PropertyUpdate, app: App, who: SettingsWriter
) -> PropertyRead:
    """Rename it, or change what may be chosen."""
    async with app.db.transaction() as session:
        return await properties.update_property(session, who.workspace_id, property_id, data)


@router.delete("/contact-properties/{property_id}")
async def delete_property(property_id: str, app: App, who: SettingsWriter) -> PropertyRead:
    """Put it into the bin with what contacts hold in it; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await properties.delete_property(session, who.workspace_id, property_id)


@router.post("/contact-properties/{property_id}/restore")
async def restore_property(property_id: str, app: App, who: SettingsWriter) -> PropertyRead:
    """Take it out of the bin with what contacts hold in it."""
    async with app.db.transaction() as session:
        return await properties.restore_property(session, who.workspace_id, property_id)


@router.get("/labels")
async def list_labels(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[LabelRead]:
    """Labels, oldest first."""
    async with app.db.read() as session:
        found = await labels.list_labels(
            session, who.workspace_id, deleted=deleted, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/labels", status_code=201)
async def create_label(data: LabelCreate, app: App, who: ContactsWriter) -> LabelRead:
    """A new label; a # before the name is left off."""
    async with app.db.transaction() as session:
        return await labels.create_label(session, who.workspace_id, data)


@router.get("/labels/{label_id}")
async def get_label(label_id: str, app: App, who: ContactsReader) -> LabelRead:
    """One label."""
    async with app.db.read() as session:
        return await labels.get_label(session, who.workspace_id, label_id)


@router.patch("/labels/{label_id}")
async def update_label(label_id: str, data: LabelUpdate, app: App, who: ContactsWriter) -> LabelRead:
    """Rename or recolour."""
    async with app.db.transaction() as session:
        return await labels.update_label(session, who.workspace_id, label_id, data)


@router.delete("/labels/{label_id}")
async def delete_label(label_id: str, app: App, who: ContactsWriter) -> LabelRead:
    """Put it into the bin; it can be restored for 30 days, back onto the same contacts."""
    async with app.db.transaction() as session:
        return await labels.delete_label(session, who.workspace_id, label_id)


@router.post("/labels/{label_id}/restore")
async def restore_label(label_id: str, app: App, who: ContactsWriter) -> LabelRead:
    """Take it out of the bin."""
    async with app.db.transaction() as session:
        return await labels.restore_label(session, who.workspace_id, label_id)
