"""A knowledge base to test with, and texts of our own to put into it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from knowledge import service
from knowledge.ingest import IngestDeps, ingest
from knowledge.schemas import SourceRead

WORKSPACE = "wsp_one"

RETURNS = (
    "Returns\n\nYou may send an order back within 30 days of delivery. The return label costs 4.95 euro. "
    "Refunds are paid within 5 working days after the parcel has reached our warehouse in Utrecht.\n"
)
OPENING = (
    "Opening hours\n\nThe workshop is open from Tuesday to Saturday, from 9:00 to 17:30. "
    "On Sundays and Mondays the workshop is closed. Repairs are done by appointment only.\n"
)


class WaitingJobs:
    """Keeps what was enqueued; a test runs it when it wants to."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[str, tuple[str | int, ...]]] = []

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        *ids: str | int,
        job_id: str,
        partition: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        """Remember the job."""
        self.enqueued.append((name, ids))


class Library:
    """One knowledge base with everything that works on it."""

    def __init__(self, deps: IngestDeps, jobs: WaitingJobs, knowledge_base_id: str) -> None:
        self.deps = deps
        self.db = deps.db
        self.files = deps.files
        self.folder = deps.db.settings.home / "files"  # where they lie, unless a test chose a bucket
        self.jobs = jobs
        self.id = knowledge_base_id

    async def upload(self, name: str, content: str | bytes, *, public: bool | None = None) -> SourceRead:
        """Upload a file without taking it in."""
        data = content.encode() if isinstance(content, str) else content
        return await service.upload(
            self.db, self.files, WORKSPACE, self.id, name=name, content=data, public=public
        )

    async def add(self, name: str, content: str | bytes, *, public: bool | None = None) -> SourceRead:
        """Upload a file, take it in, and read what became of it."""
        source = await self.upload(name, content, public=public)
        await ingest(self.deps, source.id, source.version)
        return await self.source(source.id)

    async def source(self, source_id: str) -> SourceRead:
        """The source as callers see it."""
        async with self.db.read() as session:
            return await service.get_source(session, WORKSPACE, source_id)

    async def sources(self, *, deleted: bool = False) -> list[SourceRead]:
        """All sources, or those in the bin."""
        async with self.db.read() as session:
            return await service.list_sources(session, WORKSPACE, self.id, deleted=deleted)

    async def delete(self, source_id: str) -> None:
        """Put a source into the bin."""
        async with self.db.transaction() as session:
            await service.delete_source(session, WORKSPACE, source_id)

    async def restore(self, source_id: str) -> None:
        """Take a source out of the bin."""
        async with self.db.transaction() as session:
            await service.restore_source(session, self.db.settings.ingest, WORKSPACE, source_id)

    def stored_files(self) -> list[Path]:
        """Every uploaded file on disk."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())
