"""Files of contacts: taken in when their bytes are of a kind that is kept, given out as downloads."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import bin_since, check_restorable
from agentflow.kit.db import Database, now
from agentflow.kit.errors import TooLarge
from agentflow.kit.ids import new_id
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.media import repository
from crm.contacts.media.errors import BadFile, FileNotFound
from crm.contacts.media.models import ContactFile
from crm.contacts.media.schemas import MAX_FILE_BYTES, Download
from crm.contacts.media.sniffing import kind_of
from crm.contacts.present import get_present
from crm.teams.service import Principal

FOLDER = "contact_files"
ARRIVING_SECONDS = 3600.0  # a younger file may belong to a row that is not committed yet
_MAX_NAME = 200
_ERASED_AT_ONCE = 100


class Files(Protocol):
    """The part of the file store that is used here."""

    async def put(self, key: str, content: bytes) -> StoredFile:
        """Store the content under a key."""
        ...

    async def get(self, key: str) -> bytes:
        """The content."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove it."""
        ...

    async def sweep(self, folder: str, keep: Collection[str], *, older_seconds: float) -> list[str]:
        """Remove what is not to be kept."""
        ...


class StoredFile(Protocol):
    """What was stored."""

    @property
    def sha256(self) -> str: ...  # noqa: D102 - a plain attribute


async def add_file(
    db: Database, files: Files, who: Principal, contact_id: str, *, name: str, content: bytes
) -> ContactFile:
    """Keep a file with a contact. Raises ContactNotFound, BadFile, TooLarge, KindNotKept."""
    async with db.read() as session:
        await get_present(session, who.workspace_id, contact_id)
    shown = _file_name(name)
    if not content:
        raise BadFile("The file is empty.", field="file")
    if len(content) > MAX_FILE_BYTES:
        raise TooLarge(
            f"The file has {len(content):,} bytes; {MAX_FILE_BYTES:,} (20 MiB) are allowed.",
            limit=MAX_FILE_BYTES,
            found=len(content),
        )
    kind = await asyncio.to_thread(kind_of, content)
    file_id = new_id("fil")
    stored = await files.put(f"{FOLDER}/{file_id}", content)
    async with db.transaction() as session:
        await get_present(session, who.workspace_id, contact_id)
        file = ContactFile(
            id=file_id,
            workspace_id=who.workspace_id,
            contact_id=contact_id,
            name=shown,
            content_type=kind,
            size=len(content),
            sha256=stored.sha256,
            file_key=f"{FOLDER}/{file_id}",
            added_by=who.id,
            created_at=now(session),
        )
        session.add(file)
        _log(session, who, file, ActivityKind.FILE_ADDED)
    return file


def _file_name(name: str) -> str:
    """The last part of a path, on one line."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    if not shown:
        raise BadFile("The file has no name.", field="file")
    return shown[-_MAX_NAME:]


async def list_files(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    *,
    deleted: bool = False,
    after: str | None = None,
    limit: int,
) -> list[ContactFile]:
    """Files of a contact, newest first. Raises ContactNotFound."""
    await get_present(session, workspace_id, contact_id)
    return await repository.list_files(
        session,
        workspace_id,
        contact_id,
        deleted=deleted,
        before=after,
        limit=limit,
    )


async def open_file(db: Database, files: Files, workspace_id: str, contact_id: str, file_id: str) -> Download:
    """A file with its bytes. Raises FileNotFound, also for one in the bin."""
    async with db.read() as session:
        file = await _get(session, workspace_id, contact_id, file_id)
    if file.deleted_at is not None:
        raise FileNotFound("The file is in the bin; restore it first.")
    return Download(file.name, file.content_type, await files.get(file.file_key))


async def delete_file(session: AsyncSession, who: Principal, contact_id: str, file_id: str) -> ContactFile:
    """Put a file into the bin for 30 days. Raises FileNotFound."""
    file = await _get(session, who.workspace_id, contact_id, file_id)
    if file.deleted_at is None:
        file.deleted_at = now(session)
        _log(session, who, file, ActivityKind.FILE_DELETED)
    await session.flush()
    return file


async def restore_file(session: AsyncSession, who: Principal, contact_id: str, file_id: str) -> ContactFile:
    """Take a file out of the bin. Raises FileNotFound, TooLateToRestore."""
    file = await _get(session, who.workspace_id, contact_id, file_id)
    check_restorable(session, file.deleted_at)
    file.deleted_at = None
    await session.flush()
    return file


async def _get(session: AsyncSession, workspace_id: str, contact_id: str, file_id: str) -> ContactFile:
    file = await repository.find_file(session, workspace_id, contact_id, file_id)
    if file is None:
        raise FileNotFound("The contact has no such file.")
    return file


def _log(session: AsyncSession, who: Principal, file: ContactFile, kind: ActivityKind) -> None:
    activity.note(session, who.workspace_id, file.contact_id, kind, subject_id=file.id, actor_id=who.id)


async def purge(db: Database, files: Files) -> None:
    """Erase what was in the bin for too long. Rows go last: if a run dies, they say what is left to do."""
    while True:
        async with db.read() as session:
            before = bin_since(session)
            expired = await repository.expired_files(session, before, limit=_ERASED_AT_ONCE)
        for _, key in expired:
            await files.delete(key)
        async with db.transaction() as session:
            await repository.delete_rows(session, [file_id for file_id, _ in expired])
        if len(expired) < _ERASED_AT_ONCE:
            return


async def sweep_orphans(db: Database, files: Files) -> None:
    """Remove bytes that no row stands for: of uploads that died, and of contacts that were erased."""
    async with db.read() as session:
        keep = await repository.all_keys(session)
    await files.sweep(FOLDER, keep, older_seconds=ARRIVING_SECONDS)
