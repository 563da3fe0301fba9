"""Contacts: make, look, change, delete and undo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Deleted, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts import service as contacts
from crm.contacts.filters import service as filters
from crm.contacts.filters.schemas import ContactCount, ContactSearch, FilterSchema
from crm.contacts.schemas import ContactCreate, ContactRead, ContactSource, ContactUpdate

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)

AllowDuplicate = Annotated[bool, Query(description="also when the e-mail address or phone number is known")]


@router.get("/contacts")
async def list_contacts(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[ContactRead]:
    """Contacts, newest first."""
    async with app.db.read() as session:
        found = await contacts.list_contacts(
            session, who.workspace_id, deleted=deleted, before=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda contact: contact.id)


@router.post("/contacts", status_code=201)
async def create_contact(
    data: ContactCreate, app: App, who: ContactsWriter, allow_duplicate: AllowDuplicate = False
) -> ContactRead:
    """A contact by hand. Somebody with the same e-mail address or phone number refuses it."""
    source = ContactSource.MANUAL if who.staff_id else ContactSource.API
    async with app.db.transaction() as session:
        return await contacts.create_contact(
            session,
            who.workspace_id,
            data,
            source=source,
            cause=contacts.Cause(who.id),
            allow_duplicate=allow_duplicate,
        )


@router.post("/contacts/search")
async def search_contacts(data: ContactSearch, app: App, who: ContactsReader) -> Page[ContactRead]:
    """Contacts by a filter, a text or both, in an order; nothing given finds all, newest first."""
    async with app.db.read() as session:
        return await filters.search(session, who, data)


@router.post("/contacts/count")
async def count_contacts(data: ContactSearch, app: App, who: ContactsReader) -> ContactCount:
    """How many contacts a search finds."""
    async with app.db.read() as session:
        return ContactCount(count=await filters.count(session, who, data))


@router.get("/contact-filters/schema")
async def filter_schema(app: App, who: ContactsReader) -> FilterSchema:
    """What a filter can be made of: properties with their types and operators, and the JSON Schema."""
    async with app.db.read() as session:
        return await filters.describe(session, who)


@router.get("/contacts/{contact_id}")
async def get_contact(contact_id: str, app: App, who: ContactsReader) -> ContactRead:
    """One contact with everything that is set."""
    async with app.db.read() as session:
        return await contacts.get_contact(session, who.workspace_id, contact_id)


@router.patch("/contacts/{contact_id}")
async def update_contact(
    contact_id: str,
    data: ContactUpdate,
    app: App,
    who: ContactsWriter,
    allow_duplicate: AllowDuplicate = False,
) -> ContactRead:
    """Change what is given, keep the rest; `null` clears a field or a custom property."""
    async with app.db.transaction() as session:
        return await contacts.update_contact(
            session,
            who.workspace_id,
            contact_id,
            data,
            cause=contacts.Cause(who.id),
            allow_duplicate=allow_duplicate,
        )


@router.delete("/contacts/{contact_id}")
async def delete_contact(contact_id: str, app: App, who: ContactsWriter) -> ContactRead:
    """Put a contact into the bin; for 30 days it can be restored, then it goes with its conversations."""
    async with app.db.transaction() as session:
        return await contacts.delete_contact(session, who.workspace_id, contact_id)


@router.post("/contacts/{contact_id}/restore")
async def restore_contact(contact_id: str, app: App, who: ContactsWriter) -> ContactRead:
    """Take a contact out of the bin."""
    async with app.db.transaction() as session:
        return await contacts.restore_contact(session, who.workspace_id, contact_id)
