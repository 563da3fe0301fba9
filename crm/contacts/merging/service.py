"""Two contacts that are one person become one; within 30 days they can be taken apart again.

The survivor's values win and its empty ones are filled. Everything else moves: identities, addresses,
conversations, notes, reminders, labels, lists, objects, files, the log. What both have stays with each.
"""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import BIN_DAYS, bin_since
from agentflow.kit.db import Database, now
from agentflow.kit.events import publish
from agentflow.kit.ids import new_id
from crm.contacts import repository as people
from crm.contacts import service as contacts
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.errors import ContactNotFound
from crm.contacts.merging import repository
from crm.contacts.merging.errors import CannotUndo, MergeNotFound, SameContact
from crm.contacts.merging.models import ContactMerge
from crm.contacts.merging.schemas import MergeRead
from crm.contacts.models import Contact
from crm.contacts.present import get_present
from crm.contacts.schemas import ContactRead
from crm.contacts.writing import keys_of, shown_name
from crm.teams.service import Principal

MERGED, UNMERGED = "contact_merged", "contact_unmerged"
_FILLED = (
    "first_name",
    "last_name",
    "name",
    "company",
    "job_title",
    "location",
    "country",
    "locale",
    "owner_id",
)


async def merge(session: AsyncSession, who: Principal, survivor_id: str, other_id: str) -> MergeRead:
    """Let `other_id` go into `survivor_id`. Raises SameContact, ContactNotFound."""
    if survivor_id == other_id:
        raise SameContact("A contact cannot be merged with itself; name another.", field="other_id")
    await people.lock_workspace(session, who.workspace_id)
    found = await repository.lock_contacts(session, who.workspace_id, [survivor_id, other_id])
    present = {key: one for key, one in found.items() if one.deleted_at is None}
    if len(present) < 2:
        raise ContactNotFound("There is no such contact.")
    survivor, other = present[survivor_id], present[other_id]
    moved = await repository.move(session, from_id=other_id, to_id=survivor_id)
    places = await repository.append_addresses(session, survivor_id, moved)
    filled = {"fields": _fill(survivor, other), "places": places}
    at = now(session)
    other.merged_into_id, other.deleted_at, survivor.updated_at = survivor_id, at, at
    done = ContactMerge(
        id=new_id("mrg"),
        workspace_id=who.workspace_id,
        survivor_id=survivor_id,
        merged_id=other_id,
        moved=json.dumps(moved),
        filled=json.dumps(filled, ensure_ascii=False),
        forgotten=False,
        merged_by=who.id,
        merged_at=at,
    )
    session.add(done)
    _tell(session, who, done, ActivityKind.MERGED, MERGED)
    await session.flush()
    return _read(done)


def _fill(survivor: Contact, other: Contact) -> dict[str, list[str | None]]:
    """Fill what the survivor lacks; says what it was and what it became."""
    before = {name: getattr(survivor, name) for name in _FILLED}
    for name in _FILLED:
        if before[name] is None:
            setattr(survivor, name, getattr(other, name))
    survivor.name = shown_name(survivor.first_name, survivor.last_name) or survivor.name
    survivor.contacted_at = max(survivor.contacted_at, other.contacted_at)
    _renew_keys(survivor)
    after = {name: getattr(survivor, name) for name in _FILLED}
    return {name: [before[name], after[name]] for name in _FILLED if before[name] != after[name]}


def _renew_keys(contact: Contact) -> None:
    for name, key in keys_of({name: getattr(contact, name) for name in _FILLED}).items():
        setattr(contact, name, key)


async def undo(session: AsyncSession, who: Principal, merge_id: str) -> MergeRead:
    """Take two contacts apart again; what came since stays with the survivor.

    Raises MergeNotFound, CannotUndo.
    """
    await people.lock_workspace(session, who.workspace_id)
    done = await repository.find_merge(session, who.workspace_id, merge_id)
    if done is None:
        raise MergeNotFound("There is no such merge.")
    if done.undone_at is not None:
        raise CannotUndo("The merge was undone already.")
    if done.merged_at < bin_since(session):
        raise CannotUndo(f"A merge can be undone for {BIN_DAYS} days.")
    found = await repository.lock_contacts(session, who.workspace_id, [done.survivor_id, done.merged_id])
    survivor, other = found[done.survivor_id], found[done.merged_id]
    if survivor.merged_into_id is not None:
        raise CannotUndo("The surviving contact was merged into another since; undo that first.")
    moved: repository.Moved = json.loads(done.moved)
    await repository.move_back(session, moved, from_id=survivor.id, to_id=other.id)
    filled = json.loads(done.filled)
    await repository.restore_places(session, filled["places"])
    for name, (before, after) in filled["fields"].items():
        if getattr(survivor, name) == after:  # what staff have changed since stays
            setattr(survivor, name, before)
    _renew_keys(survivor)
    survivor.updated_at = done.undone_at = now(session)
    other.merged_into_id = other.deleted_at = None
    _tell(session, who, done, ActivityKind.UNMERGED, UNMERGED)
    await session.flush()
    return _read(done)


def _tell(session: AsyncSession, who: Principal, done: ContactMerge, kind: ActivityKind, event: str) -> None:
    activity.note(
        session, who.workspace_id, done.survivor_id, kind, subject_id=done.merged_id, actor_id=who.id
    )
    payload = {"merge_id": done.id, "survivor_id": done.survivor_id, "merged_id": done.merged_id}
    publish(session, who.workspace_id, stream=done.survivor_id, kind=event, payload=payload)


async def list_merges(
    session: AsyncSession, workspace_id: str, contact_id: str, *, after: str | None = None, limit: int
) -> list[MergeRead]:
    """What went into a contact, newest first. Raises ContactNotFound."""
    await get_present(session, workspace_id, contact_id)
    found = await repository.list_merges(session, workspace_id, contact_id, before=after, limit=limit)
    return [_read(one) for one in found]


async def list_duplicates(session: AsyncSession, workspace_id: str, contact_id: str) -> list[ContactRead]:
    """Contacts that are likely the same person: they share an address. Raises ContactNotFound."""
    await get_present(session, workspace_id, contact_id)
    found = await repository.sharing_an_address(session, workspace_id, contact_id)
    return await contacts.read_contacts(session, workspace_id, found)


async def purge(db: Database) -> None:
    """Forget how to undo merges that are too old for it."""
    async with db.transaction() as session:
        await repository.forget_moves(session, bin_since(session))


def _read(done: ContactMerge) -> MergeRead:
    return MergeRead(
        id=done.id,
        survivor_id=done.survivor_id,
        merged_id=done.merged_id,
        merged_by=done.merged_by,
        merged_at=done.merged_at,
        undone_at=done.undone_at,
        undo_until=done.merged_at + timedelta(days=BIN_DAYS),
    )
