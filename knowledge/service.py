"""Knowledge bases and their sources: add, replace by name, delete into a bin, restore, make public.

A refused upload leaves nothing behind: the limits are checked and the record is made before the file is
stored, and a file that could not be stored makes the record `failed`.
"""

from __future__ import annotations

import asyncio
import hashlib
import ntpath
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import bin_since, check_restorable
from agentflow.kit.db import Database, now
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.events import publish
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from agentflow.kit.settings import IngestSettings
from knowledge import repository
from knowledge.limits import check_bytes, check_source_count, check_type
from knowledge.models import KnowledgeBase, Origin, Source, SourceState, SourceVersion
from knowledge.schemas import (
    KnowledgeBaseCreate,
    KnowledgeBaseRead,
    Limits,
    Progress,
    Reason,
    SourceRead,
    SyncRead,
)

MAX_ATTEMPTS = 3  # runs in a row that may die on a version without having stored a batch
QUEUE_LEASES = 10  # a queued version may wait this many leases before its job is looked for


@dataclass(frozen=True)
class Upload:
    """A file about to be stored. `public` None keeps what the source had.

    `replaces` is the version it was made from, 0 for none; None when it was made from nothing.
    """

    name: str
    size: int
    sha256: str
    public: bool | None = None
    replaces: int | None = None
    filename: str | None = None  # what the readers are told, where it is not the name


async def create_knowledge_base(
    session: AsyncSession, workspace_id: str, create: KnowledgeBaseCreate
) -> KnowledgeBase:
    """A new, empty knowledge base."""
    base = KnowledgeBase(
        id=new_id("kb"),
        workspace_id=workspace_id,
        name=create.name,
        generation=0,
        embedding_name=None,
        embedding_dim=None,
        embedding_fingerprint=None,
        created_at=now(session),
    )
    session.add(base)
    await session.flush()
    return base


async def get_knowledge_base(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, *, lock: bool = False
) -> KnowledgeBase:
    """The record. Raises NotFound."""
    base = await repository.find_knowledge_base(session, workspace_id, knowledge_base_id, lock=lock)
    if base is None:
        raise NotFound("There is no such knowledge base.", code="knowledge_base_not_found")
    return base


async def list_knowledge_bases(
    session: AsyncSession, workspace_id: str, *, after: str | None = None, limit: int = 50
) -> list[KnowledgeBase]:
    """Oldest first; `after` is the id of the last one of the page before."""
    return await repository.list_knowledge_bases(session, workspace_id, after=after, limit=limit)


async def all_knowledge_bases(session: AsyncSession) -> list[KnowledgeBase]:
    """Those of every workspace; only an operator's command may ask."""
    return await repository.all_knowledge_bases(session)


async def upload(
    db: Database,
    files: Files,
    workspace_id: str,
    knowledge_base_id: str,
    *,
    name: str,
    content: bytes,
    public: bool | None = None,
    replaces: int | None = None,
) -> SourceRead:
    """Add a source, or replace the one of that name, and start to take it in.

    The same bytes again change nothing. Raises UnsupportedType by the name, InvalidInput for no name, and
    what `add_source` raises.
    """
    name = clean_name(name)
    check_type(name)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    async with db.transaction() as session:
        arriving = Upload(name, len(content), digest, public, replaces)
        source, version = await add_source(
            session, db.settings.ingest, workspace_id, knowledge_base_id, arriving
        )
    if version.state != SourceState.QUEUED:
        return read_source(source, version)
    try:
        await files.put(version.file_key, content)
    except OSError as broken:
        async with db.transaction() as session:
            _, version = await _get(session, workspace_id, source.id)
            version.state = SourceState.FAILED
            version.reason_code, version.reason_detail = "not_stored", "The file could not be stored."
        raise broken
    async with db.transaction() as session:
        await start_ingest(session, version)
    return read_source(source, version)


async def add_source(
    session: AsyncSession,
    settings: IngestSettings,
    workspace_id: str,
    knowledge_base_id: str,
    arriving: Upload,
) -> tuple[Source, SourceVersion]:
    """The record of an upload, state `queued`; of an unchanged file the record that is there.

    The old version answers until the new one is ready. Raises NotFound, TooManySources, FileTooLarge, and
    Conflict when the version it was made from is no longer the newest.
    """
    await get_knowledge_base(session, workspace_id, knowledge_base_id, lock=True)
    source = await repository.find_source_named(session, workspace_id, knowledge_base_id, arriving.name)
    if arriving.replaces is not None and arriving.replaces != (source.version if source else 0):
        raise Conflict(f"{arriving.name} was replaced meanwhile; try again.", code="source_changed")
    if source is not None and source.origin != Origin.UPLOAD:
        raise Conflict(
            f"{arriving.name} is fetched from {source.location}; upload under another name.",
            code="source_name_taken",
        )
    newest = await find_newest(session, source) if source else None
    if source is not None and arriving.public is not None:
        source.public = arriving.public
    if source is not None and newest is not None and _unchanged(newest, arriving):
        return source, newest
    replaced = source.id if source else None
    await check_limits(session, settings, workspace_id, knowledge_base_id, arriving.size, replaced=replaced)
    if source is None:
        source = _new_source(session, workspace_id, knowledge_base_id, arriving)
    else:
        if newest is not None and newest.state not in (SourceState.READY, SourceState.FAILED):
            await fail(session, newest, "replaced", "A newer upload took its place.")
        source.version += 1
        source.updated_at = now(session)
    await session.flush()
    return source, await new_version(session, settings, source, arriving)


async def new_version(
    session: AsyncSession, settings: IngestSettings, source: Source, arriving: Upload
) -> SourceVersion:
    """The record of the version that `source.version` names."""
    version = SourceVersion(
        source_id=source.id,
        version=source.version,
        workspace_id=source.workspace_id,
        knowledge_base_id=source.knowledge_base_id,
        file_key=f"sources/{source.id}/{source.version}",
        filename=arriving.filename,
        bytes=arriving.size,
        sha256=arriving.sha256,
        state=SourceState.QUEUED,
        progress_done=0,
        progress_total=0,
        pages=0,
        passages=0,
        attempts=0,
        lease_until=now(session) + QUEUE_LEASES * timedelta(seconds=settings.lease_seconds),
        created_at=now(session),
    )
    session.add(version)
    await session.flush()
    return version


async def find_newest(session: AsyncSession, source: Source) -> SourceVersion | None:
    """The version that was uploaded or fetched last."""
    return await repository.find_version(session, source.workspace_id, source.id, source.version)


def _unchanged(newest: SourceVersion, arriving: Upload) -> bool:
    return newest.state == SourceState.READY and newest.sha256 == arriving.sha256


def _new_source(session: AsyncSession, workspace_id: str, knowledge_base_id: str, arriving: Upload) -> Source:
    source = Source(
        id=new_id("src"),
        workspace_id=workspace_id,
        knowledge_base_id=knowledge_base_id,
        name=arriving.name,
        public=bool(arriving.public),
        version=1,
        live_version=None,
        created_at=now(session),
        updated_at=now(session),
        deleted_at=None,
    )
    session.add(source)
    return source


async def check_limits(
    session: AsyncSession,
    settings: IngestSettings,
    workspace_id: str,
    knowledge_base_id: str,
    size: int,
    *,
    replaced: str | None,
) -> None:
    """KN-01 and KN-02 with `size` bytes more, instead of the bytes of the source `replaced`."""
    present = await repository.list_sources(session, workspace_id, knowledge_base_id)
    # A file that could not be taken in takes up no place: there is nothing to answer from.
    counted = [one.id for one, newest in present if one.live_version or newest.state != SourceState.FAILED]
    if replaced not in counted:
        check_source_count(len(counted) + 1, settings.max_sources)
    if settings.max_bytes_per_file:
        check_bytes(size, settings.max_bytes)
        return
    stored = await repository.stored_bytes(session, workspace_id, knowledge_base_id)
    total = sum(count for source_id, count in stored.items() if source_id != replaced) + size
    check_bytes(total, settings.max_bytes, of="The knowledge base with this file")


async def start_ingest(session: AsyncSession, version: SourceVersion) -> None:
    """Enqueue the job that takes a version in; jobs of one knowledge base run one by one."""
    # The time makes the id a new one when a lost job is replaced.
    moment = int(now(session).timestamp())
    await enqueue(
        session,
        "ingest",
        version.source_id,
        version.version,
        job_id=f"ingest:{version.source_id}:{version.version}:{moment}",
        partition=version.knowledge_base_id,
    )


async def list_sources(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, *, deleted: bool = False
) -> list[SourceRead]:
    """The sources, oldest first; when `deleted` those in the bin that can be restored. Raises NotFound."""
    await get_knowledge_base(session, workspace_id, knowledge_base_id)
    rows = await repository.list_sources(session, workspace_id, knowledge_base_id, deleted=deleted)
    since = bin_since(session)
    kept = [row for row in rows if row[0].deleted_at is None or row[0].deleted_at > since]
    return [read_source(source, version) for source, version in kept]


async def get_source(session: AsyncSession, workspace_id: str, source_id: str) -> SourceRead:
    """One source that is not in the bin. Raises NotFound."""
    source, version = await _get(session, workspace_id, source_id)
    return read_source(source, version)


async def set_public(session: AsyncSession, workspace_id: str, source_id: str, public: bool) -> SourceRead:
    """Let visitors open the file itself, or not. Holds for the next answer. Raises NotFound."""
    source, version = await _get(session, workspace_id, source_id)
    source.public = public
    source.updated_at = now(session)
    return read_source(source, version)


@dataclass(frozen=True)
class PublicFile:
    """What everybody may open: a file or, of a source from the web, the page itself at `address`."""

    name: str
    key: str
    address: str | None


async def public_file(session: AsyncSession, source_id: str) -> PublicFile:
    """A source that an admin opened to everybody. Raises NotFound for any other."""
    found = await repository.find_public_source(session, source_id)
    if found is None:
        raise _no_source()
    source, version = found
    address = source.location if source.origin in (Origin.URL, Origin.SITE) else None
    ending = PurePath(version.filename or "").suffix
    return PublicFile(source.name + ending, version.file_key, address)


async def delete_source(session: AsyncSession, workspace_id: str, source_id: str) -> SourceRead:
    """Put a source into the bin; the next answer no longer uses it. Raises NotFound."""
    source, version = await _get(session, workspace_id, source_id)
    await _new_generation(session, source)
    source.deleted_at = source.updated_at = now(session)
    return read_source(source, version)


async def restore_source(
    session: AsyncSession, settings: IngestSettings, workspace_id: str, source_id: str
) -> SourceRead:
    """Take a source out of the bin.

    Raises NotFound, TooLateToRestore, Conflict when its name is taken, TooManySources and FileTooLarge.
    """
    source, version = await _get(session, workspace_id, source_id, deleted=True)
    base = await get_knowledge_base(session, workspace_id, source.knowledge_base_id, lock=True)
    if await repository.find_source_named(session, workspace_id, base.id, source.name):
        raise Conflict(f"There is another source named {source.name}.", code="source_name_taken")
    await check_limits(session, settings, workspace_id, base.id, version.bytes, replaced=None)
    await _new_generation(session, source)
    source.deleted_at = None
    source.updated_at = now(session)
    return read_source(source, version)


async def _new_generation(session: AsyncSession, source: Source) -> None:
    """Also for a source that never was live: a run that is about to switch it must notice."""
    base = await get_knowledge_base(session, source.workspace_id, source.knowledge_base_id, lock=True)
    base.generation += 1


async def _get(
    session: AsyncSession, workspace_id: str, source_id: str, *, deleted: bool = False
) -> tuple[Source, SourceVersion]:
    """A source that is (not) in the bin. Raises NotFound, TooLateToRestore."""
    found = await repository.find_source(session, workspace_id, source_id)
    if found is None or (found[0].deleted_at is not None) != deleted:
        raise _no_source()
    check_restorable(session, found[0].deleted_at)
    return found


def _no_source() -> NotFound:
    return NotFound("There is no such source.", code="source_not_found")


async def sweep(session: AsyncSession, settings: IngestSettings) -> int:
    """Give every version whose run died a way out: another run, or `failed` after three. Returns how many."""
    stale = await repository.stale_versions(session, now(session))
    for version in stale:
        if version.attempts >= MAX_ATTEMPTS:
            await give_up(session, version)
            continue
        version.state = SourceState.QUEUED
        version.claim = None
        version.lease_until = now(session) + QUEUE_LEASES * timedelta(seconds=settings.lease_seconds)
        await start_ingest(session, version)
    return len(stale)


async def give_up(session: AsyncSession, version: SourceVersion) -> None:
    """End a version whose runs died one after the other without a batch done."""
    await fail(session, version, "gave_up", f"{version.attempts} attempts ended without a result.")


async def fail(session: AsyncSession, version: SourceVersion, code: str, detail: str) -> None:
    """End a version; what answers come from stays as it was."""
    version.state = SourceState.FAILED
    version.claim = None
    version.passages = version.progress_done = 0
    version.reason_code, version.reason_detail = code, detail
    await repository.delete_chunks(session, version.workspace_id, version.source_id, version.version)


async def note_sync_error(session: AsyncSession, source: Source, code: str, detail: str) -> None:
    """An update that failed: what answers come from stays as it was.

    The admins hear of each new reason by an event, and once of a run of failures by mail.
    """
    if source.origin == Origin.UPLOAD:
        return
    if source.sync_error_code is None and source.live_version is not None:
        moment = int(now(session).timestamp() * 1000)
        job_id = f"sync_failed:{source.id}:{moment}"
        await enqueue(session, "sync_failed", source.id, job_id=job_id, partition=source.id)
    if source.sync_error_code != code:
        _tell(session, source, "source_sync_failed", code=code, detail=detail)
    source.sync_error_code, source.sync_error_detail = code, detail


def note_sync_success(session: AsyncSession, source: Source) -> None:
    """What answers come from is what is there."""
    if source.sync_error_code is not None:
        _tell(session, source, "source_sync_recovered")
    source.sync_error_code = source.sync_error_detail = None


def _tell(session: AsyncSession, source: Source, kind: str, **more: str) -> None:
    payload = {"source_id": source.id, "name": source.name, **more}
    publish(session, source.workspace_id, stream=source.knowledge_base_id, kind=kind, payload=payload)


def clean_name(name: str) -> str:
    """The base name of an uploaded file, composed and without control characters. Raises InvalidInput."""
    base = ntpath.basename(name.replace("\x00", ""))
    clean = "".join(letter for letter in unicodedata.normalize("NFC", base) if letter.isprintable()).strip()
    if clean in {"", ".", ".."} or len(clean) > 255:
        raise InvalidInput("A source needs a file name of 1 to 255 characters.", code="bad_source_name")
    return clean


def read_knowledge_base(base: KnowledgeBase, settings: IngestSettings) -> KnowledgeBaseRead:
    """A knowledge base as callers see it, with the limits that hold for it."""
    return KnowledgeBaseRead(
        id=base.id,
        name=base.name,
        generation=base.generation,
        embedding_name=base.embedding_name,
        created_at=base.created_at,
        limits=Limits(
            max_sources=settings.max_sources,
            max_bytes=settings.max_bytes,
            max_bytes_per_file=settings.max_bytes_per_file,
            max_pages=settings.max_pages,
        ),
    )


def read_source(source: Source, version: SourceVersion) -> SourceRead:
    """A source as callers see it, with its newest version."""
    failed = version.state == SourceState.FAILED
    return SourceRead(
        id=source.id,
        knowledge_base_id=source.knowledge_base_id,
        name=source.name,
        state=SourceState(version.state),
        progress=Progress(done=version.progress_done, total=version.progress_total),
        reason=Reason(code=version.reason_code or "", detail=version.reason_detail or "") if failed else None,
        warning=version.warning,
        pages=version.pages,
        passages=version.passages,
        bytes=version.bytes,
        version=version.version,
        live_version=source.live_version,
        public=source.public,
        created_at=source.created_at,
        updated_at=source.updated_at,
        deleted_at=source.deleted_at,
        origin=Origin(source.origin),
        location=source.location,
        sync=_read_sync(source),
    )


def _read_sync(source: Source) -> SyncRead | None:
    if source.origin == Origin.UPLOAD:
        return None
    code, detail = source.sync_error_code, source.sync_error_detail
    return SyncRead(
        every_seconds=source.sync_every_seconds,
        running=source.sync_lease_until is not None,
        synced_at=source.synced_at,
        next_sync_at=source.next_sync_at,
        sync_error=Reason(code=code, detail=detail or "") if code else None,
    )
