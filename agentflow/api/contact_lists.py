"""Lists of contacts, saved views, and labels put on many contacts at once."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, ContactsReader, ContactsWriter, Cursor, Deleted, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.contacts.lists import service as lists
from crm.contacts.lists.schemas import (
    LabelsChange,
    LabelsChanged,
    ListCreate,
    ListRead,
    ListUpdate,
    MembersChange,
    MembersChanged,
)
from crm.contacts.views import service as views
from crm.contacts.views.schemas import GroupsRead, ViewCreate, ViewRead, ViewUpdate

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)


@router.post("/contacts/labels")
async def change_labels(data: LabelsChange, app: App, who: ContactsWriter) -> LabelsChanged:
    """Put labels on and take labels off the contacts that are named, or all that a filter finds."""
    async with app.db.transaction() as session:
        return await lists.change_labels(session, who, data)


@router.get("/contact-groups")
async def list_groups(app: App, who: ContactsReader) -> GroupsRead:
    """The views that every workspace has: all, my, my team's, from a connected system."""
    async with app.db.read() as session:
        return await views.groups(session, who)


@router.get("/contact-lists")
async def list_lists(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[ListRead]:
    """Lists, oldest first. Who is in one: search contacts with the filter `list has` its id."""
    async with app.db.read() as session:
        found = await lists.list_lists(
            session, who.workspace_id, deleted=deleted, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/contact-lists", status_code=201)
async def create_list(data: ListCreate, app: App, who: ContactsWriter) -> ListRead:
    """A list: with a filter dynamic, without one static."""
    async with app.db.transaction() as session:
        return await lists.create_list(session, who, data)


@router.get("/contact-lists/{list_id}")
async def get_list(list_id: str, app: App, who: ContactsReader) -> ListRead:
    """One list."""
    async with app.db.read() as session:
        return await lists.get_list(session, who.workspace_id, list_id)


@router.patch("/contact-lists/{list_id}")
async def update_list(list_id: str, data: ListUpdate, app: App, who: ContactsWriter) -> ListRead:
    """Rename it, or change a dynamic list's filter."""
    async with app.db.transaction() as session:
        return await lists.update_list(session, who, list_id, data)


@router.delete("/contact-lists/{list_id}")
async def delete_list(list_id: str, app: App, who: ContactsWriter) -> ListRead:
    """Put it into the bin; it can be restored for 30 days. The contacts stay."""
    async with app.db.transaction() as session:
        return await lists.delete_list(session, who.workspace_id, list_id)


@router.post("/contact-lists/{list_id}/restore")
async def restore_list(list_id: str, app: App, who: ContactsWriter) -> ListRead:
    """Take it out of the bin."""
    async with app.db.transaction() as session:
        return await lists.restore_list(session, who.workspace_id, list_id)


@router.post("/contact-lists/{list_id}/contacts")
async def change_members(list_id: str, data: MembersChange, app: App, who: ContactsWriter) -> MembersChanged:
    """Put contacts into a static list and take others out."""
    async with app.db.transaction() as session:
        return await lists.change_members(session, who, list_id, data)


@router.get("/contact-views")
async def list_views(
    app: App, who: ContactsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[ViewRead]:
    """Shared views and the caller's own, oldest first."""
    async with app.db.read() as session:
        found = await views.list_views(
            session, who, deleted=deleted, after=decode_cursor(cursor), limit=limit + 1
        )
    return page_of(found, limit=limit, cursor_of=lambda one: one.id)


@router.post("/contact-views", status_code=201)
async def create_view(data: ViewCreate, app: App, who: ContactsReader) -> ViewRead:
    """Save a view for oneself; an admin may share it, and make it what everybody sees first."""
    async with app.db.transaction() as session:
        return await views.create_view(session, who, data)


@router.get("/contact-views/{view_id}")
async def get_view(view_id: str, app: App, who: ContactsReader) -> ViewRead:
    """One view."""
    async with app.db.read() as session:
        return await views.get_view(session, who, view_id)


@router.patch("/contact-views/{view_id}")
async def update_view(view_id: str, data: ViewUpdate, app: App, who: ContactsReader) -> ViewRead:
    """Change one's own view; shared ones are an admin's to change."""
    async with app.db.transaction() as session:
        return await views.update_view(session, who, view_id, data)


@router.delete("/contact-views/{view_id}")
async def delete_view(view_id: str, app: App, who: ContactsReader) -> ViewRead:
    """Put it into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await views.delete_view(session, who, view_id)


@router.post("/contact-views/{view_id}/restore")
async def restore_view(view_id: str, app: App, who: ContactsReader) -> ViewRead:
    """Take it out of the bin."""
    async with app.db.transaction() as session:
        return await views.restore_view(session, who, view_id)
