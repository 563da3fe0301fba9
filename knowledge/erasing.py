"""What happens to a source after the bin: nothing of it stays, and the report says what was there.

Rows go last: if a run dies, they still say what is left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from agentflow.kit.bin import bin_since
from agentflow.kit.db import Database
from agentflow.kit.errors import NotFound
from agentflow.kit.events import publish
from agentflow.kit.files import Files
from agentflow.kit.telemetry import span
from knowledge import repository
from knowledge.models import Source, SourceVersion
from knowledge.schemas import PurgeRead
from knowledge.service import get_knowledge_base

log = logging.getLogger(__name__)

FOLDER = "sources"
ARRIVING_SECONDS = 3600.0  # a younger file may belong to a record that is not committed yet
# Takes workspace, knowledge base and source; drops the source's vectors outside SQL.
Forget = Callable[[str, str, str], Awaitable[None]]


class Index(Protocol):
    """The part of the searcher that looks after vectors without rows."""

    async def held(self) -> set[str]:
        """The sources that have vectors."""
        ...

    async def drop(self, source_ids: Set[str]) -> None:
        """Drop theirs."""
        ...


@dataclass(frozen=True)
class Orphans:
    """What stood for nothing and was removed; `sources` are those the vector index still knew."""

    files: int
    generations: int
    sources: int


async def purge(db: Database, files: Files, forget: Forget) -> int:
    """Erase what was in the bin for too long, and replaced versions. Returns how many sources were erased."""
    async with db.read() as session:
        expired = await repository.expired_sources(session, bin_since(session))
        replaced = await repository.replaced_versions(session)
    for workspace_id, source_id in expired:
        await _erase(db, files, forget, workspace_id, source_id)
    await _erase_versions(db, files, replaced)
    return len(expired)


async def purge_source(
    db: Database, files: Files, forget: Forget, workspace_id: str, source_id: str
) -> PurgeRead:
    """Erase one source that is in the bin, without waiting. Raises NotFound for any other."""
    async with db.transaction() as session:
        found = await repository.find_source(session, workspace_id, source_id, lock=True)
        if found is None or found[0].deleted_at is None:
            raise NotFound("There is no such source in the bin.", code="source_not_found")
        # From here on nobody can restore it, and if this run dies the next `purge` ends it.
        found[0].deleted_at = bin_since(session)
    return await _erase(db, files, forget, workspace_id, source_id)


async def purge_replaced(db: Database, files: Files, source_ids: Sequence[str]) -> None:
    """Erase the replaced versions of these sources, with their files."""
    async with db.read() as session:
        replaced = await repository.replaced_versions(session, source_ids)
    await _erase_versions(db, files, replaced)


async def _erase(db: Database, files: Files, forget: Forget, workspace_id: str, source_id: str) -> PurgeRead:
    async with db.read() as session:
        found = await repository.find_source(session, workspace_id, source_id)
        if found is None:
            raise NotFound("There is no such source in the bin.", code="source_not_found")
        holdings = await repository.holdings(session, workspace_id, source_id)
        base = await get_knowledge_base(session, workspace_id, found[0].knowledge_base_id)
        vector_bytes = 2 * (base.embedding_dim or 1)
    source = found[0]
    with span("forget"):
        await forget(workspace_id, source.knowledge_base_id, source_id)
    with span("files"):
        erased = [await files.delete(key) for key in holdings.file_keys]
    report = PurgeRead(
        source_id=source_id,
        name=source.name,
        versions=len(holdings.file_keys),
        passages=holdings.passages,
        sentence_vectors=holdings.vector_bytes // vector_bytes,
        tables=holdings.tables,
        files=sum(erased),
        bytes=holdings.bytes,
    )
    with span("rows"):
        await _erase_rows(db, workspace_id, source, report)
    return report


async def _erase_rows(db: Database, workspace_id: str, source: Source, report: PurgeRead) -> None:
    async with db.transaction() as session:
        base = await get_knowledge_base(session, workspace_id, source.knowledge_base_id, lock=True)
        # Indexes of words from when the source still was part of them.
        await repository.delete_generations_before(session, workspace_id, base.id, base.generation)
        await repository.delete_source(session, workspace_id, source.id)
        publish(
            session,
            workspace_id,
            stream=source.knowledge_base_id,
            kind="source_purged",
            payload=report.model_dump(),
        )


async def _erase_versions(db: Database, files: Files, versions: Sequence[SourceVersion]) -> None:
    for version in versions:
        await files.delete(version.file_key)
    async with db.transaction() as session:
        for version in versions:
            await repository.delete_version(session, version.workspace_id, version.source_id, version.version)


async def reconcile(db: Database, files: Files, index: Index) -> Orphans:
    """Remove what a crash may have left: files and vectors without rows, indexes of old generations."""
    held = await index.held()  # before the rows are read: a source that comes now is in both, or in none
    async with db.read() as session:
        keys = await repository.all_file_keys(session)
        known = await repository.all_source_ids(session)
    removed = await files.sweep(FOLDER, keys, older_seconds=ARRIVING_SECONDS)
    if held - known:
        await index.drop(held - known)
    async with db.transaction() as session:
        generations = await repository.delete_orphans(session)
    found = Orphans(len(removed), generations, len(held - known))
    if found != Orphans(0, 0, 0):
        log.warning("orphans removed: %s", found)
    return found
