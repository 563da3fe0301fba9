"""Sources that are fetched: added by address, kept up with on a schedule, and on demand.

A fetch that fails, or whose content cannot be taken in, leaves what answers come from as it was; the admin
hears of it once. Content that is what it was costs no version, no vector and no generation.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError, Conflict, NotFound
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from agentflow.kit.settings import Settings
from agentflow.kit.telemetry import span
from knowledge import repository
from knowledge.errors import REFUSALS, AskedToWait
from knowledge.models import GoogleConnection, Origin, Source, SourceState, SourceVersion
from knowledge.origins.base import Fetched, Fetcher, GoogleCredentials, SiteLimits, State, Wanted
from knowledge.schemas import SourceRead
from knowledge.service import (
    Upload,
    check_limits,
    fail,
    find_newest,
    get_knowledge_base,
    new_version,
    note_sync_error,
    note_sync_success,
    read_source,
    start_ingest,
)

AT_ONCE = 100  # due sources that one look takes up
_MOVING = (SourceState.QUEUED, SourceState.READING, SourceState.EMBEDDING)


@dataclass(frozen=True)
class SyncDeps:
    """What fetching needs; built in bootstrap."""

    db: Database
    files: Files
    origins: Mapping[Origin, Fetcher]


@dataclass(frozen=True)
class NewSource:
    """A source to add by its address. `name` must be free, unless it is the same address again."""

    origin: Origin
    location: str
    name: str
    public: bool | None = None
    every_seconds: int | None = None
    connection_id: str | None = None
    site: SiteLimits | None = None


@dataclass(frozen=True)
class _Run:
    """One fetch. `claim` stands on the source as long as nobody else took it over."""

    source_id: str
    workspace_id: str
    origin: Origin
    claim: str
    wanted: Wanted


async def add(
    session: AsyncSession, settings: Settings, workspace_id: str, knowledge_base_id: str, new: NewSource
) -> SourceRead:
    """The record of a source whose content is fetched in a job; the same address again fetches it anew.

    Raises NotFound, TooManySources, and Conflict when another source has that name.
    """
    await get_knowledge_base(session, workspace_id, knowledge_base_id, lock=True)
    source = await repository.find_source_named(session, workspace_id, knowledge_base_id, new.name)
    if source is not None and (source.origin, source.location) != (new.origin, new.location):
        raise Conflict(f"There is another source named {new.name}.", code="source_name_taken")
    if source is None:
        await check_limits(session, settings.ingest, workspace_id, knowledge_base_id, 0, replaced=None)
        source = _new_source(session, workspace_id, knowledge_base_id, new)
        await session.flush()
        version = await new_version(session, settings.ingest, source, Upload(new.name, 0, ""))
        version.state = SourceState.FETCHING
    else:
        found = await find_newest(session, source)
        if found is None:
            raise NotFound("There is no such source.", code="source_not_found")
        version = found
        source.public = source.public if new.public is None else new.public
    source.connection_id = new.connection_id
    source.sync_every_seconds = _allowed(settings, new.every_seconds)
    if new.site is not None:
        source.sync_options = json.dumps({**vars(new.site), "hosts": list(new.site.hosts)})
    await _enqueue(session, settings, source, forced=True)
    return read_source(source, version)


def _new_source(session: AsyncSession, workspace_id: str, knowledge_base_id: str, new: NewSource) -> Source:
    source = Source(
        id=new_id("src"),
        workspace_id=workspace_id,
        knowledge_base_id=knowledge_base_id,
        name=new.name,
        public=bool(new.public),
        version=1,
        live_version=None,
        origin=new.origin,
        location=new.location,
        created_at=now(session),
        updated_at=now(session),
        deleted_at=None,
    )
    session.add(source)
    return source


def _allowed(settings: Settings, seconds: int | None) -> int | None:
    return None if seconds is None else max(seconds, settings.sync.least_seconds)


async def set_schedule(
    session: AsyncSession, settings: Settings, workspace_id: str, source_id: str, seconds: int | None
) -> SourceRead:
    """How often a source is fetched; None: only on demand. Raises NotFound, Conflict for an upload."""
    source, version = await _fetched(session, workspace_id, source_id)
    source.sync_every_seconds = _allowed(settings, seconds)
    source.next_sync_at = _next(session, settings, source)
    return read_source(source, version)


async def request_sync(
    session: AsyncSession, settings: Settings, workspace_id: str, source_id: str
) -> SourceRead:
    """Fetch a source now. Raises NotFound, Conflict for an upload."""
    source, version = await _fetched(session, workspace_id, source_id)
    await _enqueue(session, settings, source, forced=True)
    return read_source(source, version)


async def _fetched(session: AsyncSession, workspace_id: str, source_id: str) -> tuple[Source, SourceVersion]:
    found = await repository.find_source(session, workspace_id, source_id)
    if found is None or found[0].deleted_at is not None:
        raise NotFound("There is no such source.", code="source_not_found")
    if found[0].origin == Origin.UPLOAD:
        raise Conflict("This source is a file; upload it again to change it.", code="not_fetched_source")
    return found


async def enqueue_due(session: AsyncSession, settings: Settings) -> int:
    """Start a job for each source whose time has come, and for those whose run died. Returns how many."""
    due = await repository.due_sources(session, now(session), AT_ONCE)
    for source in due:
        await _enqueue(session, settings, source, forced=False)
    return len(due)


async def _enqueue(session: AsyncSession, settings: Settings, source: Source, *, forced: bool) -> None:
    """One job; jobs of one source run one by one. The lease says until when nobody need look for it."""
    moment = now(session)
    source.next_sync_at = moment
    source.sync_lease_until = moment + timedelta(seconds=settings.sync.lease_seconds)
    await enqueue(
        session,
        "sync",
        source.id,
        int(forced),
        job_id=f"sync:{source.id}:{int(moment.timestamp() * 1000)}",
        partition=source.id,
    )


async def sync(deps: SyncDeps, source_id: str, forced: int = 0) -> None:
    """Fetch one source, and take it in if it changed. Safe to repeat.

    `forced` also reads again what was refused when it was last read.
    """
    run = await _claim(deps, source_id, bool(forced))
    if run is None:
        return
    with span("sync"):
        try:
            with span("fetch"):
                fetched = await deps.origins[run.origin].fetch(run.wanted)
            with span("note"):
                version = await _store(deps, run, fetched)
        except AppError as refused:
            await _failed(deps, run, refused)
            return
        if version is not None and fetched.content is not None:
            with span("put"):
                await deps.files.put(version.file_key, fetched.content)
        with span("settle"):
            await _settle(deps, run, fetched.state, version)


async def _claim(deps: SyncDeps, source_id: str, forced: bool) -> _Run | None:
    """Take the source, from a run that died too."""
    async with deps.db.transaction() as session:
        found = await repository.find_source_of_job(session, source_id)
        if found is None or found[0].deleted_at is not None:
            return None
        source, newest = found
        if source.location is None:
            return None
        source.sync_claim = new_id("run")
        source.sync_lease_until = now(session) + timedelta(seconds=deps.db.settings.sync.lease_seconds)
        connection = None
        if source.connection_id is not None:
            connection = await repository.find_google_connection(
                session, source.workspace_id, source.connection_id
            )
        options = json.loads(source.sync_options) if source.sync_options else None
        return _Run(
            source.id,
            source.workspace_id,
            Origin(source.origin),
            source.sync_claim,
            Wanted(
                location=source.location,
                state=_known(source, newest, forced),
                site=SiteLimits(options["pages"], options["depth"], tuple(options["hosts"]))
                if options
                else None,
                google=credentials_of(connection) if connection else None,
                previous=partial(_previous, deps, newest.file_key),
            ),
        )


def _known(source: Source, newest: SourceVersion, forced: bool) -> State:
    """What the last fetch gave; nothing when its content is not here and is worth another try."""
    refused = newest.state == SourceState.FAILED and newest.reason_code in REFUSALS and not forced
    if newest.state == SourceState.READY or newest.state in _MOVING or refused:
        state: dict[str, Any] = json.loads(source.sync_state or "{}")
        return state
    return {}


async def _previous(deps: SyncDeps, key: str) -> bytes | None:
    try:
        return await deps.files.get(key)
    except NotFound:
        return None


def credentials_of(connection: GoogleConnection) -> GoogleCredentials:
    """The secrets as an origin takes them."""
    return GoogleCredentials(connection.access, json.loads(connection.credentials))


async def _store(deps: SyncDeps, run: _Run, fetched: Fetched) -> SourceVersion | None:
    """The version that the content becomes; None when it is what is there. Raises FileTooLarge."""
    content = fetched.content
    if content is None:
        return None
    settings = deps.db.settings.ingest
    arriving = Upload("", len(content), hashlib.sha256(content).hexdigest(), filename=fetched.filename)
    async with deps.db.transaction() as session:
        source, newest = await _held(session, run)
        if newest.sha256 == arriving.sha256 and newest.state == SourceState.QUEUED:
            return newest  # a run that died had come this far
        await get_knowledge_base(session, run.workspace_id, source.knowledge_base_id, lock=True)
        await check_limits(
            session, settings, run.workspace_id, source.knowledge_base_id, arriving.size, replaced=source.id
        )
        if newest.state == SourceState.FETCHING:
            await repository.delete_version(session, run.workspace_id, source.id, newest.version)
            session.expunge(newest)
        else:
            if newest.state in _MOVING:
                await fail(session, newest, "replaced", "Newer content took its place.")
            source.version += 1
        source.updated_at = now(session)
        return await new_version(session, settings, source, arriving)


class _Superseded(Conflict):
    """Another run has the source now, or it lies in the bin."""

    code = "superseded"


async def _held(session: AsyncSession, run: _Run) -> tuple[Source, SourceVersion]:
    found = await repository.find_source_of_job(session, run.source_id)
    if found is None or found[0].sync_claim != run.claim or found[0].deleted_at is not None:
        raise _Superseded("The source was changed meanwhile.")
    return found


async def _settle(deps: SyncDeps, run: _Run, state: State, version: SourceVersion | None) -> None:
    """The fetch went well; what came is read in a job of its own."""
    async with deps.db.transaction() as session:
        try:
            source, newest = await _held(session, run)
        except _Superseded:
            return
        if version is not None:
            await start_ingest(session, newest)
        elif newest.state == SourceState.READY:
            note_sync_success(session, source)
        source.sync_state = json.dumps(dict(state))
        source.synced_at = now(session)
        _release(session, deps.db.settings, source)


async def _failed(deps: SyncDeps, run: _Run, refused: AppError) -> None:
    """Tell the admin; a source that never had content says why as its state."""
    async with deps.db.transaction() as session:
        try:
            source, newest = await _held(session, run)
        except _Superseded:
            return
        await note_sync_error(session, source, refused.code, refused.detail)
        if newest.state == SourceState.FETCHING:
            await fail(session, newest, refused.code, refused.detail)
        _release(session, deps.db.settings, source)
        if isinstance(refused, AskedToWait) and source.next_sync_at is not None:
            earliest = now(session) + timedelta(seconds=refused.seconds)
            source.next_sync_at = max(source.next_sync_at, earliest)


def _release(session: AsyncSession, settings: Settings, source: Source) -> None:
    source.sync_claim = source.sync_lease_until = None
    source.next_sync_at = _next(session, settings, source)


def _next(session: AsyncSession, settings: Settings, source: Source) -> datetime | None:
    if source.sync_every_seconds is None:
        return None
    spread = settings.sync.jitter
    share = 1 + random.uniform(-spread, spread)
    return now(session) + timedelta(seconds=source.sync_every_seconds * share)
