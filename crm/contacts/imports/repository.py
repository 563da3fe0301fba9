"""Every query on imports. All take the workspace, except those of jobs, which have an id, and of sweeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts import repository as contacts
from crm.contacts.activity.models import ContactActivity
from crm.contacts.imports.models import ContactImport, ContactImportBatch
from crm.contacts.imports.schemas import ImportState
from crm.contacts.models import Contact, ContactIdentity

COUNTS = ("created", "updated", "skipped", "failed", "duplicates", "contacts_updated")


async def find_import(
    session: AsyncSession, workspace_id: str, import_id: str, *, lock: bool = False
) -> ContactImport | None:
    """One import."""
    query = select(ContactImport).where(
        ContactImport.workspace_id == workspace_id, ContactImport.id == import_id
    )
    if lock:
        query = query.with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


async def find_import_of_job(
    session: AsyncSession, import_id: str, *, lock: bool = False
) -> ContactImport | None:
    """One import by its id alone, for the job that was given it."""
    query = select(ContactImport).where(ContactImport.id == import_id)
    if lock:
        query = query.with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


async def list_imports(
    session: AsyncSession, workspace_id: str, *, before: str | None, limit: int
) -> list[ContactImport]:
    """Imports, newest first."""
    query = select(ContactImport).where(ContactImport.workspace_id == workspace_id)
    if before is not None:
        query = query.where(ContactImport.id < before)
    return list((await session.execute(query.order_by(ContactImport.id.desc()).limit(limit))).scalars())


async def totals_of(session: AsyncSession, import_ids: Collection[str]) -> dict[str, Row[Any]]:
    """Rows done and the counts, by import; only of batches that are done."""
    query = (
        select(
            ContactImportBatch.import_id,
            func.sum(ContactImportBatch.row_count).label("rows"),
            *(func.sum(getattr(ContactImportBatch, name)).label(name) for name in COUNTS),
        )
        .where(ContactImportBatch.import_id.in_(import_ids), ContactImportBatch.done_at.is_not(None))
        .group_by(ContactImportBatch.import_id)
    )
    return {row.import_id: row for row in (await session.execute(query)).all()}


async def reasons_of(session: AsyncSession, import_ids: Collection[str]) -> dict[str, list[str]]:
    """The reasons of each batch that is done, by import."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    query = (
        select(ContactImportBatch.import_id, ContactImportBatch.reasons)
        .where(ContactImportBatch.import_id.in_(import_ids), ContactImportBatch.reasons.is_not(None))
        .order_by(ContactImportBatch.import_id, ContactImportBatch.number)
    )
    for import_id, reasons in (await session.execute(query)).all():
        found[import_id].append(str(reasons))
    return found


async def find_batch(session: AsyncSession, import_id: str, number: int) -> ContactImportBatch | None:
    """One batch."""
    return await session.get(ContactImportBatch, (import_id, number), populate_existing=True)


async def next_batch(session: AsyncSession, import_id: str) -> ContactImportBatch | None:
    """The first batch that is not done."""
    query = (
        select(ContactImportBatch)
        .where(ContactImportBatch.import_id == import_id, ContactImportBatch.done_at.is_(None))
        .order_by(ContactImportBatch.number)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def contacts_of_batches(session: AsyncSession, import_id: str) -> list[tuple[datetime, str]]:
    """When each batch was done, and what it noted of its contacts, in their order."""
    query = (
        select(ContactImportBatch.done_at, ContactImportBatch.contacts)
        .where(ContactImportBatch.import_id == import_id)
        .order_by(ContactImportBatch.number)
    )
    found = (await session.execute(query)).all()
    return [(done_at, noted) for done_at, noted in found if done_at is not None and noted is not None]


async def bin_unneeded(
    session: AsyncSession, workspace_id: str, ids: Collection[str], *, since: datetime, at: datetime
) -> int:
    """Put into the bin whom nobody changed after `since` and nobody ever talked with; returns how many."""
    binned = 0
    for part in contacts.chunks(ids):
        changed = select(ContactActivity.contact_id).where(
            ContactActivity.contact_id.in_(part), ContactActivity.at > since
        )
        met = select(ContactIdentity.contact_id).where(ContactIdentity.contact_id.in_(part))
        gone = await session.execute(
            update(Contact)
            .where(
                Contact.workspace_id == workspace_id,
                Contact.id.in_(part),
                Contact.deleted_at.is_(None),
                Contact.updated_at <= since,
                Contact.id.not_in(changed),
                Contact.id.not_in(met),
            )
            .values(deleted_at=at, updated_at=at)
            .returning(Contact.id)
            .execution_options(synchronize_session=False)
        )
        binned += len(gone.all())
    return binned


async def refused_of(session: AsyncSession, import_id: str, *, after: int) -> tuple[int, str] | None:
    """The next batch after this one that refused rows, and those."""
    query = (
        select(ContactImportBatch.number, ContactImportBatch.refused)
        .where(
            ContactImportBatch.import_id == import_id,
            ContactImportBatch.number > after,
            ContactImportBatch.refused.is_not(None),
        )
        .order_by(ContactImportBatch.number)
        .limit(1)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row.number, row.refused)


async def delete_import(session: AsyncSession, import_id: str) -> None:
    """An import with its batches."""
    await session.execute(delete(ContactImportBatch).where(ContactImportBatch.import_id == import_id))
    await session.execute(delete(ContactImport).where(ContactImport.id == import_id))


async def forgotten(session: AsyncSession, *, uploaded_before: datetime, limit: int) -> Sequence[str]:
    """Imports that nobody committed."""
    query = select(ContactImport.id).where(
        ContactImport.created_at < uploaded_before,
        ContactImport.state.in_((ImportState.MAPPING, ImportState.CHECKING, ImportState.CHECKED)),
    )
    return list((await session.execute(query.limit(limit))).scalars())


async def forget_rows(session: AsyncSession, *, finished_before: datetime) -> None:
    """Erase what is left of the rows of imports that ended before."""
    ended = select(ContactImport.id).where(ContactImport.finished_at < finished_before)
    await session.execute(
        update(ContactImportBatch)
        .where(
            ContactImportBatch.import_id.in_(ended),
            (ContactImportBatch.refused.is_not(None)) | (ContactImportBatch.rows.is_not(None)),
        )
        .values(rows=None, refused=None)
        .execution_options(synchronize_session=False)
    )


async def lock_contacts(session: AsyncSession, workspace_id: str) -> None:
    """Wait for whoever else writes contacts of this workspace."""
    await contacts.lock_workspace(session, workspace_id)
