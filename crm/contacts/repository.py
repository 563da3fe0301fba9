"""Every query over contacts, their identities, addresses, values and labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import case, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert, wait_for_turn
from crm.contacts.models import (
    Contact,
    ContactAddress,
    ContactIdentity,
    ContactLabel,
    ContactProperty,
    ContactValue,
    Label,
)

CHUNK = 500  # rows or values of one statement
T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists that one statement takes."""
    found = list(items)
    for start in range(0, len(found), size):
        yield found[start : start + size]


async def lock_workspace(session: AsyncSession, workspace_id: str) -> None:
    """Wait for whoever writes contacts of this workspace by hand or import."""
    await wait_for_turn(session, f"contacts of {workspace_id}")


async def find_identity(
    session: AsyncSession, workspace_id: str, account_id: str, ref: str
) -> ContactIdentity | None:
    """How an account names a contact."""
    query = select(ContactIdentity).where(
        ContactIdentity.workspace_id == workspace_id,
        ContactIdentity.account_id == account_id,
        ContactIdentity.ref == ref,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add_identity(session: AsyncSession, identity: ContactIdentity) -> bool:
    """Insert it unless the account knows this name already; waits for whoever is inserting it just now."""
    columns = ("id", "workspace_id", "contact_id", "channel", "account_id", "ref", "created_at")
    statement = (
        upsert(session, ContactIdentity)
        .values({name: getattr(identity, name) for name in columns})
        .on_conflict_do_nothing(index_elements=["account_id", "ref"])
        .returning(ContactIdentity.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> None:
    """Remove a contact that has nothing yet."""
    await session.execute(
        delete(Contact).where(Contact.workspace_id == workspace_id, Contact.id == contact_id)
    )


async def note_message(session: AsyncSession, workspace_id: str, contact_id: str, at: datetime) -> None:
    """Somebody wrote; whoever was in the bin is out of it."""
    await session.execute(
        update(Contact)
        .where(Contact.workspace_id == workspace_id, Contact.id == contact_id, Contact.contacted_at < at)
        .values(
            contacted_at=at,
            deleted_at=case((Contact.merged_into_id.is_(None), None), else_=Contact.deleted_at),
        )
        .execution_options(synchronize_session=False)
    )


async def find_contact(
    session: AsyncSession, workspace_id: str, contact_id: str, *, deleted: bool = False
) -> Contact | None:
    """A contact; when `deleted` one in the bin."""
    query = select(Contact).where(
        Contact.workspace_id == workspace_id,
        Contact.id == contact_id,
        Contact.deleted_at.is_not(None) if deleted else Contact.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def contacts_among(
    session: AsyncSession, workspace_id: str, ids: Collection[str]
) -> dict[str, Contact]:
    """Those of the ids that are contacts of this workspace and not in the bin."""
    found: dict[str, Contact] = {}
    for part in chunks(ids):
        query = select(Contact).where(
            Contact.workspace_id == workspace_id, Contact.id.in_(part), Contact.deleted_at.is_(None)
        )
        found |= {one.id: one for one in (await session.execute(query)).scalars()}
    return found


async def list_contacts(
    session: AsyncSession,
    workspace_id: str,
    *,
    before: str | None,
    deleted: bool,
    limit: int,
) -> list[Contact]:
    """One page, newest first; of those in the bin when `deleted`."""
    query = select(Contact).where(
        Contact.workspace_id == workspace_id,
        shown(session, Contact.deleted_at, deleted),
        Contact.merged_into_id.is_(None),
    )
    if before is not None:
        query = query.where(Contact.id < before)
    return list((await session.execute(query.order_by(Contact.id.desc()).limit(limit))).scalars())


async def lock_binned(session: AsyncSession, before: datetime, *, limit: int) -> list[tuple[str, str]]:
    """Contacts of all workspaces in the bin since then, locked, as (workspace, contact); not merged ones."""
    query = (
        select(Contact.workspace_id, Contact.id)
        .where(Contact.deleted_at < before, Contact.merged_into_id.is_(None))
        .order_by(Contact.workspace_id, Contact.id)
        .limit(limit)
        .with_for_update()
    )
    return [(workspace_id, contact_id) for workspace_id, contact_id in (await session.execute(query)).all()]


async def holders_of(
    session: AsyncSession, workspace_id: str, kind: str, keys: Collection[str]
) -> dict[str, list[str]]:
    """Ids of the contacts that have these addresses, by key, oldest first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in chunks(keys):
        query = (
            select(ContactAddress.key, ContactAddress.contact_id)
            .join(Contact, Contact.id == ContactAddress.contact_id)
            .where(
                ContactAddress.workspace_id == workspace_id,
                ContactAddress.kind == kind,
                ContactAddress.key.in_(part),
                Contact.deleted_at.is_(None),
            )
            .order_by(ContactAddress.contact_id)
        )
        for key, contact_id in (await session.execute(query)).all():
            found[key].append(contact_id)
    return found


async def addresses_of(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> dict[str, list[ContactAddress]]:
    """The addresses of contacts in their order."""
    found: defaultdict[str, list[ContactAddress]] = defaultdict(list)
    for part in chunks(contact_ids):
        # With the workspace in it SQLite would read all of its addresses: it takes the longer index.
        query = select(ContactAddress).where(ContactAddress.contact_id.in_(part))
        query = query.order_by(ContactAddress.contact_id, ContactAddress.place)
        for one in (await session.execute(query)).scalars():
            if one.workspace_id == workspace_id:
                found[one.contact_id].append(one)
    return found


async def values_of(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> dict[str, dict[str, str]]:
    """What custom properties hold for contacts: contact → key → JSON."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for part in chunks(contact_ids):
        query = (
            select(ContactValue.contact_id, ContactProperty.key, ContactValue.value)
            .join(ContactProperty, ContactProperty.id == ContactValue.property_id)
            .where(
                ContactProperty.workspace_id == workspace_id,
                ContactProperty.deleted_at.is_(None),
                ContactValue.contact_id.in_(part),
            )
            .order_by(ContactProperty.id)
        )
        for contact_id, key, value in (await session.execute(query)).all():
            found[contact_id][key] = value
    return found


async def labels_of(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> dict[str, list[Label]]:
    """The labels of contacts by name."""
    found: defaultdict[str, list[Label]] = defaultdict(list)
    for part in chunks(contact_ids):
        query = (
            select(ContactLabel.contact_id, Label)
            .join(Label, Label.id == ContactLabel.label_id)
            .where(
                Label.workspace_id == workspace_id,
                Label.deleted_at.is_(None),
                ContactLabel.contact_id.in_(part),
            )
            .order_by(Label.name_key)
        )
        for contact_id, label in (await session.execute(query)).all():
            found[contact_id].append(label)
    return found


async def identities_of(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> dict[str, list[ContactIdentity]]:
    """How channel accounts name contacts."""
    found: defaultdict[str, list[ContactIdentity]] = defaultdict(list)
    for part in chunks(contact_ids):
        query = select(ContactIdentity).where(
            ContactIdentity.workspace_id == workspace_id, ContactIdentity.contact_id.in_(part)
        )
        for one in (await session.execute(query.order_by(ContactIdentity.id))).scalars():
            found[one.contact_id].append(one)
    return found


async def add_rows(session: AsyncSession, table: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of one table, many at once."""
    for part in chunks(rows):
        # Without it rows that differ in what is null would go one statement each.
        await session.execute(insert(table), part, execution_options={"render_nulls": True})


async def replace_addresses(
    session: AsyncSession, replaced: Collection[tuple[str, str]], rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], list[str]]:
    """Delete the addresses of these (contact, kind), then insert rows. Returns what was deleted, in order."""
    found: list[tuple[str, str, int, str]] = []
    for part in chunks(replaced):
        pair = tuple_(ContactAddress.contact_id, ContactAddress.kind)
        gone = await session.execute(
            delete(ContactAddress)
            .where(ContactAddress.contact_id.in_({one for one, _ in part}), pair.in_(part))
            .returning(
                ContactAddress.contact_id, ContactAddress.kind, ContactAddress.place, ContactAddress.value
            )
            .execution_options(synchronize_session=False)
        )
        found += [(row[0], row[1], row[2], row[3]) for row in gone.all()]
    await add_rows(session, ContactAddress, rows)
    before: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for contact_id, kind, _, value in sorted(found):
        before[contact_id, kind].append(value)
    return before


async def replace_values(
    session: AsyncSession, replaced: Collection[tuple[str, str]], rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """Delete what these (contact, property) hold, then insert rows. Returns the JSON that was deleted."""
    before: dict[tuple[str, str], str] = {}
    for part in chunks(replaced):
        pair = tuple_(ContactValue.contact_id, ContactValue.property_id)
        gone = await session.execute(
            delete(ContactValue)
            .where(pair.in_(part))
            .returning(ContactValue.contact_id, ContactValue.property_id, ContactValue.value)
            .execution_options(synchronize_session=False)
        )
        before |= {(contact_id, property_id): value for contact_id, property_id, value in gone.all()}
    await add_rows(session, ContactValue, rows)
    return before


async def replace_labels(
    session: AsyncSession, contact_ids: Collection[str], rows: Sequence[Mapping[str, Any]]
) -> set[tuple[str, str]]:
    """Take all labels off contacts, then insert rows. Those of labels in the bin stay.

    Returns which (contact, label) there were.
    """
    before: set[tuple[str, str]] = set()
    for part in chunks(contact_ids):
        shown = select(Label.id).where(Label.deleted_at.is_(None))
        gone = await session.execute(
            delete(ContactLabel)
            .where(ContactLabel.contact_id.in_(part), ContactLabel.label_id.in_(shown))
            .returning(ContactLabel.contact_id, ContactLabel.label_id)
            .execution_options(synchronize_session=False)
        )
        before |= {(contact_id, label_id) for contact_id, label_id in gone.all()}
    await add_rows(session, ContactLabel, rows)
    return before
