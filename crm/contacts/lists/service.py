"""The rules of lists, and of labels put on and taken off many contacts at once."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.errors import Conflict, NotFound
from agentflow.kit.ids import new_id
from crm.contacts import repository as contacts
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.activity.service import Line
from crm.contacts.errors import TooManyRecords
from crm.contacts.filters import service as filters
from crm.contacts.filters.schemas import Condition
from crm.contacts.labels import service as labels
from crm.contacts.lists import repository
from crm.contacts.lists.schemas import (
    MAX_LISTS,
    LabelsChange,
    LabelsChanged,
    ListCreate,
    ListRead,
    ListUpdate,
    MembersChange,
    MembersChanged,
)
from crm.contacts.models import ContactList
from crm.teams.service import Principal

_STEP = 5000  # contacts whose labels are changed at once


class ListNotFound(NotFound):
    """There is no such list here."""

    code = "list_not_found"


class WrongKindOfList(Conflict):
    """A dynamic list takes no members by hand, and a static one no filter."""

    code = "wrong_kind_of_list"


async def create_list(session: AsyncSession, who: Principal, data: ListCreate) -> ListRead:
    """A new list. Raises TooManyRecords, and what `filters.check_filter` raises."""
    await _check_room(session, who.workspace_id)
    if data.filter is not None:
        await _check_filter(session, who, data.filter)
    at = now(session)
    made = ContactList(
        id=new_id("lst"),
        workspace_id=who.workspace_id,
        name=data.name,
        filter=_stored(data.filter),
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )
    session.add(made)
    await session.flush()
    return _read(made)


async def list_lists(
    session: AsyncSession, workspace_id: str, *, deleted: bool, after: str | None, limit: int
) -> list[ListRead]:
    """One page, oldest first; when `deleted` of those in the bin that can be restored."""
    found = await repository.list_lists(session, workspace_id, after=after, deleted=deleted, limit=limit)
    return [_read(one) for one in found]


async def get_list(session: AsyncSession, workspace_id: str, list_id: str) -> ListRead:
    """Raises ListNotFound."""
    return _read(await _get(session, workspace_id, list_id))


async def update_list(session: AsyncSession, who: Principal, list_id: str, data: ListUpdate) -> ListRead:
    """Rename it, or change who is in it.

    Raises ListNotFound, WrongKindOfList, and what `filters.check_filter` raises.
    """
    found = await _get(session, who.workspace_id, list_id)
    if data.filter is not None:
        if found.filter is None:
            raise WrongKindOfList("This list is static: its members are put in by hand.")
        before, found.filter = found.filter, _stored(data.filter)
        await session.flush()  # so that the check sees a list that has come to be made of itself
        try:
            await _check_filter(session, who, data.filter)
        except Exception:
            found.filter = before
            raise
    if data.name is not None:
        found.name = data.name
    found.updated_at = now(session)
    await session.flush()
    return _read(found)


async def delete_list(session: AsyncSession, workspace_id: str, list_id: str) -> ListRead:
    """Put it into the bin; the contacts stay. Raises ListNotFound."""
    found = await _get(session, workspace_id, list_id)
    found.deleted_at = now(session)
    await session.flush()
    return _read(found)


async def restore_list(session: AsyncSession, workspace_id: str, list_id: str) -> ListRead:
    """Take it out of the bin with its members. Raises ListNotFound, TooManyRecords, TooLateToRestore."""
    found = await _get(session, workspace_id, list_id, deleted=True)
    check_restorable(session, found.deleted_at)
    await _check_room(session, workspace_id)
    found.deleted_at = None
    await session.flush()
    return _read(found)


async def change_members(
    session: AsyncSession, who: Principal, list_id: str, data: MembersChange
) -> MembersChanged:
    """Put contacts in and take others out; ids of nobody here are passed over, and named.

    Raises ListNotFound, WrongKindOfList.
    """
    found = await _get(session, who.workspace_id, list_id)
    if found.filter is not None:
        raise WrongKindOfList("This list is dynamic: its members are whoever its filter finds.")
    removed = await repository.remove_members(session, found.id, set(data.remove) - set(data.add))
    known = await contacts.contacts_among(session, who.workspace_id, set(data.add))
    added = await repository.add_members(session, found.id, known)
    lines = [
        Line(contact_id, kind, found.id, {"list": found.name})
        for kind, ids in ((ActivityKind.LIST_REMOVED, removed), (ActivityKind.LIST_ADDED, added))
        for contact_id in ids
    ]
    await activity.note_many(session, who.workspace_id, lines, actor_id=who.id)
    unknown = sorted(set(data.add) - known.keys())
    return MembersChanged(added=len(added), removed=len(removed), unknown=unknown)


async def change_labels(session: AsyncSession, who: Principal, data: LabelsChange) -> LabelsChanged:
    """Put labels on and take labels off every contact that is named or found, all in this transaction.

    Raises what `filters.check_filter` raises, and TooManyRecords.
    """
    ids = await labels.ensure_labels(session, who.workspace_id, data.add)
    off = await labels.known_labels(session, who.workspace_id, data.remove)
    chosen = await _chosen(session, who, data)
    changed = LabelsChanged(contacts=len(chosen), added=0, removed=0)
    for part in contacts.chunks(chosen, _STEP):
        added: list[tuple[str, str]] = []
        removed: list[tuple[str, str]] = []
        for label_id in sorted(set(ids.values())):
            added += [(one, label_id) for one in await repository.add_labels(session, label_id, part)]
        for label_id in sorted(off - set(ids.values())):
            removed += [(one, label_id) for one in await repository.remove_labels(session, label_id, part)]
        lines = await labels.changed_lines(session, who.workspace_id, added=added, removed=removed)
        await activity.note_many(session, who.workspace_id, lines, actor_id=who.id)
        changed.added += len(added)
        changed.removed += len(removed)
    return changed


async def _chosen(session: AsyncSession, who: Principal, data: LabelsChange) -> list[str]:
    """All of them before any label changes: the filter may ask for one of these labels."""
    if data.filter is None:
        return sorted(await contacts.contacts_among(session, who.workspace_id, set(data.contact_ids or ())))
    chosen: list[str] = []
    while True:
        after = chosen[-1] if chosen else None
        found = await filters.matching_ids(session, who, data.filter, after=after, limit=_STEP)
        chosen += found
        if len(found) < _STEP:
            return chosen


async def _check_filter(session: AsyncSession, who: Principal, condition: Condition) -> None:
    """A list is the same for everybody, so there is no `me` in it."""
    nobody = Principal(who.id, who.workspace_id, who.scopes)
    await filters.check_filter(session, nobody, condition)


async def _get(
    session: AsyncSession, workspace_id: str, list_id: str, *, deleted: bool = False
) -> ContactList:
    found = await repository.find_list(session, workspace_id, list_id, deleted=deleted)
    if found is None:
        raise ListNotFound("There is no such list.")
    return found


async def _check_room(session: AsyncSession, workspace_id: str) -> None:
    if await repository.count_lists(session, workspace_id) >= MAX_LISTS:
        raise TooManyRecords(f"A workspace has at most {MAX_LISTS} lists.", limit=MAX_LISTS)


def _stored(condition: Condition | None) -> str | None:
    return None if condition is None else filters.FILTER.dump_json(condition, by_alias=True).decode()


def _read(found: ContactList) -> ListRead:
    condition = filters.FILTER.validate_json(found.filter) if found.filter else None
    return ListRead(
        id=found.id,
        name=found.name,
        dynamic=condition is not None,
        filter=condition,
        created_at=found.created_at,
        updated_at=found.updated_at,
        deleted_at=found.deleted_at,
    )
