"""The rules of views: shared ones are an admin's to make, personal ones are their person's alone."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.errors import Forbidden, NotFound
from agentflow.kit.ids import new_id
from crm.contacts import repository as contacts
from crm.contacts.errors import TooManyRecords, UnknownProperty
from crm.contacts.filters import service as filters
from crm.contacts.filters.schemas import ContactSearch, Group
from crm.contacts.models import ContactView
from crm.contacts.views import repository
from crm.contacts.views.schemas import (
    MAX_VIEWS,
    GroupRead,
    GroupsRead,
    ViewCreate,
    ViewRead,
    ViewSaved,
    ViewUpdate,
)
from crm.teams.schemas import Scope
from crm.teams.service import Principal


class ViewNotFound(NotFound):
    """There is no such view for this caller."""

    code = "view_not_found"


class SharedView(Forbidden):
    """Views that everybody sees are an admin's to change."""

    code = "shared_view"


class NobodysView(Forbidden):
    """An API key has no views of its own."""

    code = "nobodys_view"


async def create_view(session: AsyncSession, who: Principal, data: ViewCreate) -> ViewRead:
    """Save a view.

    Raises SharedView, NobodysView, UnknownProperty, TooManyRecords, and what `filters.check_filter` raises.
    """
    shared = data.shared or data.is_default
    if not shared and who.staff_id is None:
        raise NobodysView("An API key has no views of its own; make a shared one.")
    if shared:
        _check_may_share(who)
    saved = ViewSaved.model_validate(data.model_dump(exclude={"shared", "is_default"}, by_alias=True))
    await _check(session, who, saved)
    await _check_room(session, who.workspace_id, None if shared else who.staff_id)
    if data.is_default:
        await repository.clear_default(session, who.workspace_id)
    at = now(session)
    view = ContactView(
        id=new_id("vew"),
        workspace_id=who.workspace_id,
        staff_id=None if shared else who.staff_id,
        is_default=data.is_default,
        definition=saved.model_dump_json(by_alias=True),
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )
    session.add(view)
    await session.flush()
    return _read(view)


async def list_views(
    session: AsyncSession, who: Principal, *, deleted: bool, after: str | None, limit: int
) -> list[ViewRead]:
    """One page of the shared ones and the caller's own, oldest first."""
    found = await repository.list_views(
        session,
        who.workspace_id,
        who.staff_id,
        after=after,
        deleted=deleted,
        limit=limit,
    )
    return [_read(one) for one in found]


async def get_view(session: AsyncSession, who: Principal, view_id: str) -> ViewRead:
    """Raises ViewNotFound, also for somebody else's own."""
    return _read(await _get(session, who, view_id))


async def update_view(session: AsyncSession, who: Principal, view_id: str, data: ViewUpdate) -> ViewRead:
    """Change what is given. Raises ViewNotFound and what `create_view` raises."""
    view = await _get_to_change(session, who, view_id)
    before = ViewSaved.model_validate_json(view.definition).model_dump(by_alias=True)
    changes = data.model_dump(exclude={"clear_filter", "is_default"}, exclude_none=True, by_alias=True)
    if data.clear_filter:
        changes["filter"] = None
    elif data.filter is not None:
        changes["filter"] = data.filter.model_dump(by_alias=True)
    saved = ViewSaved.model_validate(before | changes)
    await _check(session, who, saved)
    if data.is_default is not None:
        _check_may_share(who)
        if view.staff_id is not None:
            raise SharedView("Only a shared view can be what everybody sees first.")
        await repository.clear_default(session, who.workspace_id)
        view.is_default = data.is_default
    view.definition = saved.model_dump_json(by_alias=True)
    view.updated_at = now(session)
    await session.flush()
    return _read(view)


async def delete_view(session: AsyncSession, who: Principal, view_id: str) -> ViewRead:
    """Put it into the bin. Raises ViewNotFound, SharedView."""
    view = await _get_to_change(session, who, view_id)
    view.deleted_at, view.is_default = now(session), False
    await session.flush()
    return _read(view)


async def restore_view(session: AsyncSession, who: Principal, view_id: str) -> ViewRead:
    """Take it out of the bin. Raises ViewNotFound, SharedView, TooManyRecords, TooLateToRestore."""
    view = await _get_to_change(session, who, view_id, deleted=True)
    check_restorable(session, view.deleted_at)
    await _check_room(session, who.workspace_id, view.staff_id)
    view.deleted_at = None
    await session.flush()
    return _read(view)


async def groups(session: AsyncSession, who: Principal) -> GroupsRead:
    """The views that every workspace has; an API key has no own contacts and no team."""
    shown = [one for one in Group if who.staff_id is not None or one not in (Group.MY, Group.TEAM)]
    counts = [await filters.count(session, who, ContactSearch(group=one)) for one in shown]
    items = [GroupRead(group=one, count=found) for one, found in zip(shown, counts, strict=True)]
    return GroupsRead(items=items)


async def _check(session: AsyncSession, who: Principal, saved: ViewSaved) -> None:
    if saved.filter is not None:
        await filters.check_filter(session, who, saved.filter)
    known = {one.property for one in (await filters.describe(session, who)).fields}
    for place, column in enumerate(saved.columns):
        if column not in known:
            raise UnknownProperty(
                f"There is no property “{column}” to show.", field=f"columns.{place}", allowed=sorted(known)
            )


async def _check_room(session: AsyncSession, workspace_id: str, staff_id: str | None) -> None:
    await contacts.lock_workspace(session, workspace_id)
    if await repository.count_views(session, workspace_id, staff_id) >= MAX_VIEWS:
        raise TooManyRecords(f"There are at most {MAX_VIEWS} views.", limit=MAX_VIEWS)


def _check_may_share(who: Principal) -> None:
    if Scope.SETTINGS_WRITE not in who.scopes:
        raise SharedView("Views that everybody sees are an admin's to make and change.")


async def _get(session: AsyncSession, who: Principal, view_id: str, *, deleted: bool = False) -> ContactView:
    found = await repository.find_view(session, who.workspace_id, who.staff_id, view_id, deleted=deleted)
    if found is None:
        raise ViewNotFound("There is no such view.")
    return found


async def _get_to_change(
    session: AsyncSession, who: Principal, view_id: str, *, deleted: bool = False
) -> ContactView:
    view = await _get(session, who, view_id, deleted=deleted)
    if view.staff_id is None:
        _check_may_share(who)
    return view


def _read(view: ContactView) -> ViewRead:
    saved = ViewSaved.model_validate_json(view.definition)
    return ViewRead(
        id=view.id,
        name=saved.name,
        group=saved.group,
        filter=saved.filter,
        columns=saved.columns,
        sort=saved.sort,
        direction=saved.direction,
        shared=view.staff_id is None,
        is_default=view.is_default,
        created_at=view.created_at,
        updated_at=view.updated_at,
        deleted_at=view.deleted_at,
    )
