"""Every query on knowledge. All of them take the workspace, except the two that a job starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from agentflow.kit.db import upsert
from knowledge.models import (
    Chunk,
    GoogleConnection,
    KnowledgeBase,
    KnowledgeGeneration,
    Source,
    SourceState,
    SourceVersion,
)
from knowledge.tables.repository import count_tables, delete_tables

ChunkRow = Row[Any]

_NOT_LOADED = {"workspace_id", "knowledge_base_id"}


@dataclass(frozen=True)
class LiveSource:
    """A source that answers may come from."""

    id: str
    name: str
    public: bool
    version: int
    origin: str


@dataclass(frozen=True)
class Snapshot:
    """A knowledge base at one moment; `embedding` is the fingerprint its vectors were made with."""

    generation: int
    embedding: str | None
    embedding_name: str | None
    sources: tuple[LiveSource, ...]


async def find_knowledge_base(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, *, lock: bool = False
) -> KnowledgeBase | None:
    """The record; `lock` holds it until commit so that limits and generations are counted one at a time."""
    query = select(KnowledgeBase).where(
        KnowledgeBase.workspace_id == workspace_id, KnowledgeBase.id == knowledge_base_id
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def list_knowledge_bases(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[KnowledgeBase]:
    """Oldest first, those after the id `after`."""
    query = select(KnowledgeBase).where(KnowledgeBase.workspace_id == workspace_id)
    if after is not None:
        query = query.where(KnowledgeBase.id > after)
    return list((await session.execute(query.order_by(KnowledgeBase.id).limit(limit))).scalars())


# Every search runs this; made once, because building a statement costs more than running it.
_SNAPSHOT = (
    select(
        KnowledgeBase.generation,
        KnowledgeBase.embedding_fingerprint,
        KnowledgeBase.embedding_name,
        Source.id,
        Source.name,
        Source.public,
        Source.live_version,
        Source.origin,
    )
    .select_from(KnowledgeBase)
    .outerjoin(
        Source,
        and_(
            Source.knowledge_base_id == KnowledgeBase.id,
            Source.live_version.is_not(None),
            Source.deleted_at.is_(None),
        ),
    )
    .where(
        KnowledgeBase.workspace_id == bindparam("workspace_id"),
        KnowledgeBase.id == bindparam("knowledge_base_id"),
    )
)


async def all_knowledge_bases(session: AsyncSession) -> list[KnowledgeBase]:
    """Those of every workspace, for work that an operator does on all of them."""
    return list((await session.execute(select(KnowledgeBase).order_by(KnowledgeBase.id))).scalars())


async def snapshot(
    session: AsyncSession | AsyncConnection, workspace_id: str, knowledge_base_id: str
) -> Snapshot | None:
    """Generation and live sources in one statement, so that they belong together in both stores."""
    values = {"workspace_id": workspace_id, "knowledge_base_id": knowledge_base_id}
    rows = (await session.execute(_SNAPSHOT, values)).all()
    if not rows:
        return None
    live = [LiveSource(row[3], row[4], row[5], row[6] or 0, row[7]) for row in rows if row[3] is not None]
    live.sort(key=lambda source: source.id)
    return Snapshot(rows[0][0], rows[0][1], rows[0][2], tuple(live))


async def list_sources(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, *, deleted: bool = False
) -> list[tuple[Source, SourceVersion]]:
    """Sources with their newest version, oldest first; those in the bin when `deleted`."""
    query = (
        select(Source, SourceVersion)
        .join(
            SourceVersion,
            and_(SourceVersion.source_id == Source.id, SourceVersion.version == Source.version),
        )
        .where(
            Source.workspace_id == workspace_id,
            Source.knowledge_base_id == knowledge_base_id,
            Source.deleted_at.is_not(None) if deleted else Source.deleted_at.is_(None),
        )
        .order_by(Source.id)
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def find_source(
    session: AsyncSession, workspace_id: str, source_id: str, *, lock: bool = False
) -> tuple[Source, SourceVersion] | None:
    """A source, in the bin or not, with its newest version; with `lock` nobody else changes or erases it."""
    query = (
        select(Source, SourceVersion)
        .join(
            SourceVersion,
            and_(SourceVersion.source_id == Source.id, SourceVersion.version == Source.version),
        )
        .where(Source.workspace_id == workspace_id, Source.id == source_id)
    )
    query = query.with_for_update(of=Source) if lock else query
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_public_source(session: AsyncSession, source_id: str) -> tuple[Source, SourceVersion] | None:
    """A source that everybody may open, with the version that answers come from."""
    query = (
        select(Source, SourceVersion)
        .join(
            SourceVersion,
            (SourceVersion.source_id == Source.id) & (SourceVersion.version == Source.live_version),
        )
        .where(Source.id == source_id, Source.public.is_(True), Source.deleted_at.is_(None))
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_source_named(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, name: str
) -> Source | None:
    """The source of that name that is not in the bin."""
    query = select(Source).where(
        Source.workspace_id == workspace_id,
        Source.knowledge_base_id == knowledge_base_id,
        Source.name == name,
        Source.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_version(
    session: AsyncSession, workspace_id: str, source_id: str, version: int
) -> SourceVersion | None:
    """One version of a source."""
    query = select(SourceVersion).where(
        SourceVersion.workspace_id == workspace_id,
        SourceVersion.source_id == source_id,
        SourceVersion.version == version,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_version_of_job(
    session: AsyncSession, source_id: str, version: int, *, lock: bool = False
) -> tuple[Source, SourceVersion] | None:
    """A job brings ids only; the workspace is read from the record and used from then on."""
    query = (
        select(Source, SourceVersion)
        .join(SourceVersion, SourceVersion.source_id == Source.id)
        .where(SourceVersion.source_id == source_id, SourceVersion.version == version)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def stale_versions(session: AsyncSession, at: datetime) -> list[SourceVersion]:
    """Versions in every workspace whose lease ran out before they were ready or failed."""
    query = (
        select(SourceVersion)
        .where(
            SourceVersion.state.in_((SourceState.QUEUED, SourceState.READING, SourceState.EMBEDDING)),
            SourceVersion.lease_until <= at,
        )
        .with_for_update(skip_locked=True)
    )
    return list((await session.execute(query)).scalars())


async def expired_sources(session: AsyncSession, deleted_before: datetime) -> list[tuple[str, str]]:
    """(workspace, source) of what left the bin, in every workspace."""
    query = select(Source.workspace_id, Source.id).where(Source.deleted_at <= deleted_before)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


@dataclass(frozen=True)
class Holdings:
    """All that is stored of a source."""

    file_keys: tuple[str, ...]
    bytes: int
    passages: int
    vector_bytes: int  # of the sentences
    tables: int


async def holdings(session: AsyncSession, workspace_id: str, source_id: str) -> Holdings:
    """What erasing a source would remove, its replaced versions too."""
    versions = select(SourceVersion.file_key, SourceVersion.bytes).where(
        SourceVersion.workspace_id == workspace_id, SourceVersion.source_id == source_id
    )
    files = (await session.execute(versions)).all()
    chunks = select(func.count(), func.coalesce(func.sum(func.length(Chunk.sentence_vectors)), 0)).where(
        Chunk.workspace_id == workspace_id, Chunk.source_id == source_id
    )
    passages, vector_bytes = (await session.execute(chunks)).one()
    tables = await count_tables(session, workspace_id, source_id)
    keys = tuple(row[0] for row in files)
    return Holdings(keys, sum(row[1] for row in files), passages, int(vector_bytes), tables)


async def all_file_keys(session: AsyncSession) -> set[str]:
    """The files that some version in some workspace stands on."""
    return set((await session.execute(select(SourceVersion.file_key))).scalars())


async def all_source_ids(session: AsyncSession) -> set[str]:
    """Every source of every workspace, those in the bin too."""
    return set((await session.execute(select(Source.id))).scalars())


async def delete_orphans(session: AsyncSession) -> int:
    """Remove generations that no search reads any more, in every workspace; returns how many."""
    newest = select(KnowledgeBase.generation).where(KnowledgeBase.id == KnowledgeGeneration.knowledge_base_id)
    result = await session.execute(
        delete(KnowledgeGeneration)
        .where(KnowledgeGeneration.generation < newest.scalar_subquery())
        .returning(KnowledgeGeneration.generation)
    )
    return len(result.all())


async def due_sources(session: AsyncSession, at: datetime, limit: int) -> list[Source]:
    """Sources of every workspace whose time to be fetched has come and that no run is at."""
    query = (
        select(Source)
        .where(
            Source.next_sync_at <= at,
            Source.deleted_at.is_(None),
            or_(Source.sync_lease_until.is_(None), Source.sync_lease_until <= at),
        )
        .order_by(Source.next_sync_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list((await session.execute(query)).scalars())


async def find_source_of_job(session: AsyncSession, source_id: str) -> tuple[Source, SourceVersion] | None:
    """A job brings an id only; the workspace is read from the record and used from then on."""
    query = (
        select(Source, SourceVersion)
        .join(
            SourceVersion,
            and_(SourceVersion.source_id == Source.id, SourceVersion.version == Source.version),
        )
        .where(Source.id == source_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def list_google_connections(session: AsyncSession, workspace_id: str) -> list[GoogleConnection]:
    """Oldest first."""
    query = select(GoogleConnection).where(GoogleConnection.workspace_id == workspace_id)
    return list((await session.execute(query.order_by(GoogleConnection.id))).scalars())


async def find_google_connection(
    session: AsyncSession, workspace_id: str, connection_id: str
) -> GoogleConnection | None:
    """One connection with its secrets."""
    query = select(GoogleConnection).where(
        GoogleConnection.workspace_id == workspace_id, GoogleConnection.id == connection_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def replaced_versions(
    session: AsyncSession, source_ids: Sequence[str] | None = None
) -> list[SourceVersion]:
    """Versions that are neither the newest nor live, of these sources or of all in every workspace."""
    query = (
        select(SourceVersion)
        .join(Source, SourceVersion.source_id == Source.id)
        .where(
            SourceVersion.version < Source.version,
            or_(Source.live_version.is_(None), SourceVersion.version != Source.live_version),
        )
    )
    if source_ids is not None:
        query = query.where(Source.id.in_(source_ids))
    return list((await session.execute(query)).scalars())


async def delete_version(session: AsyncSession, workspace_id: str, source_id: str, version: int) -> None:
    """Remove a version with its chunks."""
    await session.execute(
        delete(SourceVersion).where(
            SourceVersion.workspace_id == workspace_id,
            SourceVersion.source_id == source_id,
            SourceVersion.version == version,
        )
    )


async def delete_source(session: AsyncSession, workspace_id: str, source_id: str) -> None:
    """Remove a source for good, with its versions and chunks."""
    await session.execute(delete(Source).where(Source.workspace_id == workspace_id, Source.id == source_id))


async def hold_lease(
    session: AsyncSession,
    workspace_id: str,
    source_id: str,
    version: int,
    claim: str,
    values: Mapping[str, object],
) -> bool:
    """Write to the version if `claim` still holds it; False when another run, or nobody, has it now."""
    result = await session.execute(
        update(SourceVersion)
        .where(
            SourceVersion.workspace_id == workspace_id,
            SourceVersion.source_id == source_id,
            SourceVersion.version == version,
            SourceVersion.claim == claim,
        )
        .values(values)
        .returning(SourceVersion.version)
    )
    return result.scalar_one_or_none() is not None


async def stored_texts(
    session: AsyncSession, workspace_id: str, source_id: str, version: int
) -> dict[int, tuple[str, str]]:
    """(heading, text) of the chunks already embedded, by position."""
    query = select(Chunk.position, Chunk.heading, Chunk.text).where(
        Chunk.workspace_id == workspace_id, Chunk.source_id == source_id, Chunk.version == version
    )
    return {row[0]: (row[1], row[2]) for row in (await session.execute(query)).all()}


async def add_chunks(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert many chunks in one statement."""
    if rows:
        await session.execute(insert(Chunk), list(rows))


async def delete_chunks(session: AsyncSession, workspace_id: str, source_id: str, version: int) -> None:
    """Remove the chunks of one version, and its tables."""
    await delete_tables(session, workspace_id, source_id, version)
    await session.execute(
        delete(Chunk).where(
            Chunk.workspace_id == workspace_id, Chunk.source_id == source_id, Chunk.version == version
        )
    )


async def chunks_of(
    session: AsyncSession, workspace_id: str, versions: Sequence[tuple[str, int]]
) -> list[ChunkRow]:
    """The chunks of these (source, version) pairs, in that order and by position."""
    columns = [column for column in Chunk.__table__.columns if column.name not in _NOT_LOADED]
    rows: list[ChunkRow] = []
    for source_id, version in versions:
        query = (
            select(*columns)
            .where(
                Chunk.workspace_id == workspace_id,
                Chunk.source_id == source_id,
                Chunk.version == version,
            )
            .order_by(Chunk.position)
        )
        rows.extend((await session.execute(query)).all())
    return rows


async def live_versions(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str
) -> list[tuple[str, int]]:
    """(source, version) of all that is live, or would be once restored from the bin."""
    query = select(Source.id, Source.live_version).where(
        Source.workspace_id == workspace_id,
        Source.knowledge_base_id == knowledge_base_id,
        Source.live_version.is_not(None),
    )
    return [(row[0], row[1] or 0) for row in (await session.execute(query)).all()]


async def update_vectors(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    """Give chunks (by `id`) other vectors."""
    await session.execute(update(Chunk), list(rows))


async def find_generation(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, generation: int
) -> KnowledgeGeneration | None:
    """What was built for a generation, or None when it was not built yet."""
    query = select(KnowledgeGeneration).where(
        KnowledgeGeneration.workspace_id == workspace_id,
        KnowledgeGeneration.knowledge_base_id == knowledge_base_id,
        KnowledgeGeneration.generation == generation,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add_generation(session: AsyncSession, values: dict[str, object]) -> None:
    """Keep what was built; the first to build a generation wins, so that all workers use the same."""
    statement = upsert(session, KnowledgeGeneration)
    await session.execute(statement.values(**values).on_conflict_do_nothing())


async def delete_generations_before(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, generation: int
) -> None:
    """Drop what older generations had built."""
    await session.execute(
        delete(KnowledgeGeneration).where(
            KnowledgeGeneration.workspace_id == workspace_id,
            KnowledgeGeneration.knowledge_base_id == knowledge_base_id,
            KnowledgeGeneration.generation < generation,
        )
    )


async def stored_bytes(session: AsyncSession, workspace_id: str, knowledge_base_id: str) -> dict[str, int]:
    """Bytes each source counts for: its live or its newest file, whichever is larger; none if it failed."""
    query = (
        select(Source.id, func.max(SourceVersion.bytes))
        .join(SourceVersion, SourceVersion.source_id == Source.id)
        .where(
            Source.workspace_id == workspace_id,
            Source.knowledge_base_id == knowledge_base_id,
            Source.deleted_at.is_(None),
            SourceVersion.state != SourceState.FAILED,
            or_(SourceVersion.version == Source.version, SourceVersion.version == Source.live_version),
        )
        .group_by(Source.id)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}
