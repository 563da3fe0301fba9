"""Every query over contacts' files. All take the workspace, except those of sweeps."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.contacts.media.models import ContactFile


async def find_file(
    session: AsyncSession, workspace_id: str, contact_id: str, file_id: str
) -> ContactFile | None:
    """A file of a contact, in the bin or not."""
    query = select(ContactFile).where(
        ContactFile.workspace_id == workspace_id,
        ContactFile.contact_id == contact_id,
        ContactFile.id == file_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_files(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    *,
    deleted: bool,
    before: str | None,
    limit: int,
) -> list[ContactFile]:
    """Files of a contact, newest first; `before` is the id of the last one seen."""
    query = select(ContactFile).where(
        ContactFile.workspace_id == workspace_id,
        ContactFile.contact_id == contact_id,
        shown(session, ContactFile.deleted_at, deleted),
    )
    if before is not None:
        query = query.where(ContactFile.id < before)
    return list((await session.execute(query.order_by(ContactFile.id.desc()).limit(limit))).scalars())


async def expired_files(session: AsyncSession, before: datetime, *, limit: int) -> list[tuple[str, str]]:
    """(id, key) of files, of all workspaces, that went into the bin by then."""
    query = select(ContactFile.id, ContactFile.file_key).where(ContactFile.deleted_at <= before).limit(limit)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def delete_rows(session: AsyncSession, file_ids: Collection[str]) -> None:
    """Forget files whose bytes are gone."""
    await session.execute(delete(ContactFile).where(ContactFile.id.in_(list(file_ids))))


async def all_keys(session: AsyncSession) -> set[str]:
    """The keys of every file there is a row for."""
    return set((await session.execute(select(ContactFile.file_key))).scalars())
