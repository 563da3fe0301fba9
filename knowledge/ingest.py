"""Source → pages → chunks → vectors → live, told in one file.

A run holds a lease on its version. Finished batches stay in SQL, so a run that is killed costs no vector
twice; a new version goes live in one transaction, and until then, or when it fails, the old one answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError, NotFound, Unavailable
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id
from agentflow.kit.telemetry import INGEST, SOURCES, span
from knowledge import repository
from knowledge.chunking import ChunkDraft
from knowledge.embedding import Embedder
from knowledge.erasing import purge_replaced
from knowledge.generation import Built, build, check_embedding, decode, keep_generation
from knowledge.models import SourceState
from knowledge.pages import TableDraft
from knowledge.reading import ReadResult
from knowledge.service import (
    MAX_ATTEMPTS,
    fail,
    get_knowledge_base,
    give_up,
    note_sync_error,
    note_sync_success,
)
from knowledge.tables.repository import add_tables, delete_tables
from knowledge.tables.store import packed
from knowledge.vectors import Known, embed_rows

BATCH = 64  # chunks embedded and written at a time; what a killed run may lose
FILES_AT_ONCE = 2  # one is read while another is embedded


class Reader(Protocol):
    """Reads a file somewhere else than in this process; `knowledge.reading.ReaderPool` is one."""

    async def read(self, path: Path, filename: str) -> ReadResult:
        """The chunks of a file. Raises an error of knowledge.errors."""
        ...


@dataclass(frozen=True)
class IngestDeps:
    """What taking in a source needs; built in bootstrap."""

    db: Database
    files: Files
    reader: Reader
    embedder: Embedder


@dataclass(frozen=True)
class _Run:
    """One attempt at one version. `claim` is written on the version while the run holds it."""

    workspace_id: str
    knowledge_base_id: str
    source_id: str
    version: int
    name: str
    file_key: str
    claim: str

    @property
    def owner(self) -> dict[str, object]:
        """What stands on every row of the version."""
        return {
            "workspace_id": self.workspace_id,
            "knowledge_base_id": self.knowledge_base_id,
            "source_id": self.source_id,
            "version": self.version,
        }


class _Lost(Exception):
    """The version is no longer this run's: a newer upload or another run took over."""


async def ingest(deps: IngestDeps, source_id: str, version: int) -> None:
    """Take one version of a source in. Safe to repeat; a version that is ready, failed or gone is left alone.

    A file that cannot be taken in makes the version `failed` with a reason. Raises Unavailable when the
    embedder is out of reach: `service.sweep` then starts another run.
    """
    await ingest_all(deps, [(source_id, version)])


async def ingest_all(deps: IngestDeps, versions: Sequence[tuple[str, int]]) -> None:
    """Take several versions in: one file is read while another is embedded, and all go live together.

    Raises the first Unavailable, after the others went live.
    """
    with span("claim"):
        claimed = [await _claim(deps, source_id, version) for source_id, version in versions]
    runs = [run for run in claimed if run is not None]
    gate = asyncio.Semaphore(FILES_AT_ONCE)
    with span("ingest", sources=len(runs)):
        async with _heartbeat(deps, runs):
            results = await asyncio.gather(
                *(_embed_or_refuse(deps, run, gate) for run in runs), return_exceptions=True
            )
            embedded = [run for run, result in zip(runs, results, strict=True) if result is True]
            for knowledge_base_id in sorted({run.knowledge_base_id for run in embedded}):
                await _go_live(deps, [run for run in embedded if run.knowledge_base_id == knowledge_base_id])
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _claim(deps: IngestDeps, source_id: str, version: int) -> _Run | None:
    """Take the lease, from a run that died too: jobs of one knowledge base run one by one."""
    async with deps.db.transaction() as session:
        found = await repository.find_version_of_job(session, source_id, version, lock=True)
        if found is None or found[1].state in (SourceState.READY, SourceState.FAILED):
            return None
        source, row = found
        if row.attempts >= MAX_ATTEMPTS:
            await give_up(session, row)
            return None
        row.claim = new_id("run")
        row.attempts += 1
        row.state = SourceState.READING
        row.lease_until = now(session) + _lease(deps)
        return _Run(
            row.workspace_id,
            row.knowledge_base_id,
            source_id,
            version,
            row.filename or source.name,
            row.file_key,
            row.claim,
        )


def _lease(deps: IngestDeps) -> timedelta:
    return timedelta(seconds=deps.db.settings.ingest.lease_seconds)


@asynccontextmanager
async def _heartbeat(deps: IngestDeps, runs: Sequence[_Run]) -> AsyncIterator[None]:
    """Keep the leases while the body works: reading one file, or a slow embedder, may outlast them."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(_lease(deps).total_seconds() / 3)
            for run in runs:
                with suppress(_Lost):
                    await _hold(deps, run)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        # A beat that failed is no reason to stop: the lease runs out and another run takes over.
        await asyncio.gather(beating, return_exceptions=True)


async def _hold(deps: IngestDeps, run: _Run, **values: object) -> None:
    """Extend the lease and write `values` to the version. Raises _Lost."""
    async with deps.db.transaction() as session:
        await _hold_in(session, deps, run, **values)


async def _hold_in(session: AsyncSession, deps: IngestDeps, run: _Run, **values: object) -> None:
    kept = await repository.hold_lease(
        session,
        run.workspace_id,
        run.source_id,
        run.version,
        run.claim,
        {"lease_until": now(session) + _lease(deps), **values},
    )
    if not kept:
        raise _Lost(run)


async def _embed_or_refuse(deps: IngestDeps, run: _Run, gate: asyncio.Semaphore) -> bool:
    """True when the version may go live."""
    async with gate:
        try:
            await _embed_file(deps, run)
        except _Lost:
            return False
        except Unavailable:
            with suppress(_Lost):
                await _hold(deps, run, lease_until=deps.db.clock.now())
            raise
        except AppError as refusal:
            await _refuse(deps, run, refusal)
            return False
        return True


async def _refuse(deps: IngestDeps, run: _Run, refusal: AppError) -> None:
    async with deps.db.transaction() as session:
        found = await repository.find_version_of_job(session, run.source_id, run.version, lock=True)
        if found is None or found[1].claim != run.claim:
            return
        await fail(session, found[1], refusal.code, refusal.detail)
        await note_sync_error(session, found[0], refusal.code, refusal.detail)
    SOURCES.labels(status="failed").inc()
    await deps.files.delete(run.file_key)


async def _embed_file(deps: IngestDeps, run: _Run) -> None:
    """Read the file; embed and store what no earlier run did. One batch is written while the next embeds."""
    async with deps.db.read() as session:
        base = await get_knowledge_base(session, run.workspace_id, run.knowledge_base_id)
    check_embedding(base.embedding_fingerprint, base.embedding_name, deps.embedder)
    try:
        with span("read"):
            async with deps.files.on_disk(run.file_key) as path:
                read = await deps.reader.read(path, run.name)
    except (NotFound, FileNotFoundError) as gone:
        raise NotFound("The uploaded file is gone; upload it again.", code="file_missing") from gone
    with span("plan"):
        drafts = [_storable(draft) for draft in read.chunks]
        done = await _already_stored(deps, run, drafts)
        await _keep_tables(deps, run, read.tables)
        await _hold(
            deps,
            run,
            state=SourceState.EMBEDDING,
            pages=read.pages,
            passages=len(drafts),
            warning=read.warning,
            progress_done=len(done),
            progress_total=len(drafts),
            embedding_fingerprint=deps.embedder.fingerprint,
        )
    known = await _known(deps, run)
    left = [(position, draft) for position, draft in enumerate(drafts) if position not in done]
    writing: asyncio.Task[None] | None = None
    try:
        for first in range(0, len(left), BATCH):
            batch = left[first : first + BATCH]
            with span("embed", chunks=len(batch)):
                rows = await asyncio.to_thread(embed_rows, deps.embedder, run.owner, batch, known)
            if writing:
                await writing
            writing = asyncio.create_task(_write(deps, run, rows, len(done) + first + len(batch)))
    finally:
        if writing:
            await writing


async def _already_stored(deps: IngestDeps, run: _Run, drafts: Sequence[ChunkDraft]) -> set[int]:
    """Positions an earlier run has embedded; it starts afresh if that run cut or embedded differently."""
    async with deps.db.transaction() as session:
        stored = await repository.stored_texts(session, run.workspace_id, run.source_id, run.version)
        row = await repository.find_version(session, run.workspace_id, run.source_id, run.version)
        same_model = row is not None and row.embedding_fingerprint == deps.embedder.fingerprint
        fits = all(
            position < len(drafts) and (drafts[position].heading, drafts[position].text) == texts
            for position, texts in stored.items()
        )
        if same_model and fits:
            return set(stored)
        await repository.delete_chunks(session, run.workspace_id, run.source_id, run.version)
        return set()


async def _known(deps: IngestDeps, run: _Run) -> Known:
    """The vectors of the version that answers now, if this embedder made them."""
    async with deps.db.read() as session:
        base = await get_knowledge_base(session, run.workspace_id, run.knowledge_base_id)
        source = await repository.find_source(session, run.workspace_id, run.source_id)
        live = source[0].live_version if source else None
        if live is None or base.embedding_fingerprint != deps.embedder.fingerprint:
            return Known()
        rows = await repository.chunks_of(session, run.workspace_id, [(run.source_id, live)])
    return await asyncio.to_thread(Known.of, rows, deps.embedder.dim)


async def _keep_tables(deps: IngestDeps, run: _Run, tables: Sequence[TableDraft]) -> None:
    """Store the tables of this version in place of those of an earlier run. Raises _Lost."""
    contents = await asyncio.to_thread(lambda: [packed(table) for table in tables])
    async with deps.db.transaction() as session:
        await _hold_in(session, deps, run)
        await delete_tables(session, run.workspace_id, run.source_id, run.version)
        await add_tables(session, run.workspace_id, run.source_id, run.version, contents)


def _storable(draft: ChunkDraft) -> ChunkDraft:
    """The same draft with the code points PostgreSQL refuses replaced one for one, so that offsets hold."""
    return replace(
        draft,
        text=_clean(draft.text),
        heading=_clean(draft.heading),
        sheet=draft.sheet and _clean(draft.sheet),
        sentences=tuple(replace(sentence, text=_clean(sentence.text)) for sentence in draft.sentences),
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


async def _write(deps: IngestDeps, run: _Run, rows: Sequence[Mapping[str, object]], done: int) -> None:
    with span("write", chunks=len(rows)):
        async with deps.db.transaction() as session:
            await _hold_in(session, deps, run, progress_done=done, attempts=1)  # this run gets somewhere
            await repository.add_chunks(session, rows)


async def _go_live(deps: IngestDeps, runs: Sequence[_Run]) -> None:
    """Build the next generation beside the present one and switch; again if another switch came first."""
    left = list(runs)
    switched = False
    while left and not switched:
        workspace_id, knowledge_base_id = left[0].workspace_id, left[0].knowledge_base_id
        async with deps.db.read() as session:
            base = await get_knowledge_base(session, workspace_id, knowledge_base_id)
            versions = await _versions_after(session, left)
            content = decode(await repository.chunks_of(session, workspace_id, versions), deps.embedder.dim)
        with span("build", chunks=len(content.chunks)):
            built = await asyncio.to_thread(build, content, deps.embedder)
        try:
            with span("switch"):
                async with deps.db.transaction() as session:
                    switched = await _switch(session, deps, left, base.generation, built)
        except _Lost as lost:
            left.remove(lost.args[0])
    SOURCES.labels(status="ready").inc(len(left))
    await purge_replaced(deps.db, deps.files, [run.source_id for run in left])


async def _versions_after(session: AsyncSession, runs: Sequence[_Run]) -> list[tuple[str, int]]:
    """(source, version) of what is live once these runs are; sources in the bin stay out."""
    present = await repository.list_sources(session, runs[0].workspace_id, runs[0].knowledge_base_id)
    fresh = {run.source_id: run.version for run in runs}
    versions = [(source.id, fresh.get(source.id, source.live_version)) for source, _ in present]
    return sorted((source_id, version) for source_id, version in versions if version is not None)


async def _switch(
    session: AsyncSession, deps: IngestDeps, runs: Sequence[_Run], generation: int, built: Built
) -> bool:
    """Make the runs' versions live in this transaction; False when `generation` has passed."""
    base = await get_knowledge_base(session, runs[0].workspace_id, runs[0].knowledge_base_id, lock=True)
    if base.generation != generation:
        return False
    check_embedding(base.embedding_fingerprint, base.embedding_name, deps.embedder)
    for run in runs:
        await _hold_in(session, deps, run, state=SourceState.READY, claim=None)
        await _replace_live(session, run)
    base.generation += 1
    base.embedding_name = deps.embedder.name
    base.embedding_dim = deps.embedder.dim
    base.embedding_fingerprint = deps.embedder.fingerprint
    await keep_generation(session, base, built)
    return True


async def _replace_live(session: AsyncSession, run: _Run) -> None:
    found = await repository.find_version_of_job(session, run.source_id, run.version, lock=True)
    if found is None:
        raise _Lost(run)
    source, version = found
    INGEST.observe((now(session) - version.created_at).total_seconds())
    if source.live_version is not None:
        await repository.delete_chunks(session, run.workspace_id, run.source_id, source.live_version)
    source.live_version = run.version
    source.updated_at = now(session)
    note_sync_success(session, source)
