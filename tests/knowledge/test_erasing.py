"""What is left of a source after the bin: nothing; and what a crash may have left is found."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Set
from contextlib import AsyncExitStack
from contextvars import Context
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from agentflow.bootstrap import open_files
from agentflow.kit.db import Base
from agentflow.kit.errors import NotFound
from agentflow.kit.events import read_events
from agentflow.kit.files_s3 import S3Files
from agentflow.kit.settings import FileSettings
from knowledge import erasing, repository
from knowledge.search import Searcher
from tests.library import OPENING, RETURNS, WORKSPACE, Library

TABLES = ("sources", "source_versions", "chunks", "source_tables")


class Index:
    """Vectors of these sources."""

    def __init__(self, *held: str) -> None:
        self.sources = set(held)

    async def held(self) -> set[str]:
        return set(self.sources)

    async def drop(self, source_ids: Set[str]) -> None:
        self.sources -= source_ids


async def rows(library: Library) -> dict[str, int]:
    found = {}
    async with library.db.read() as session:
        for name in TABLES:
            count = select(func.count()).select_from(Base.metadata.tables[name])
            found[name] = (await session.execute(count)).scalar_one()
    return found


async def test_that_a_purged_source_is_gone_from_everywhere_and_the_report_says_so(
    library: Library, searcher: Searcher
) -> None:
    kept = await library.add("kept.txt", OPENING)
    before = await rows(library)
    prices = await library.add("prices.csv", "product,price\nChair,10\nTable,20\n")
    searching = (WORKSPACE, library.id, "What does a chair cost?")
    assert any(one.source_id == prices.id for one in (await searcher.search(*searching)).passages)
    with pytest.raises(NotFound):  # it is not in the bin
        await erasing.purge_source(library.db, library.files, searcher.forget, WORKSPACE, prices.id)
    await library.delete(prices.id)
    assert all(one.source_id != prices.id for one in (await searcher.search(*searching)).passages)
    with pytest.raises(NotFound):
        await erasing.purge_source(library.db, library.files, searcher.forget, "wsp_other", prices.id)
    report = await erasing.purge_source(library.db, library.files, searcher.forget, WORKSPACE, prices.id)
    assert (report.name, report.versions, report.files, report.tables) == ("prices.csv", 1, 1, 1)
    assert report.passages == 1
    assert report.sentence_vectors == 2
    assert report.bytes == 32
    assert await rows(library) == before
    assert [path.parent.name for path in library.stored_files()] == [kept.id]
    async with library.db.read() as session:
        events = await read_events(session, WORKSPACE, after=0)
    assert [(event.kind, event.payload["passages"]) for event in events] == [("source_purged", 1)]
    with pytest.raises(NotFound):
        await erasing.purge_source(library.db, library.files, searcher.forget, WORKSPACE, prices.id)


async def test_that_a_source_that_is_erased_meanwhile_is_not_found(
    library: Library, searcher: Searcher
) -> None:
    source = await library.add("kept.txt", OPENING)
    await library.delete(source.id)
    asked = erasing.purge_source(library.db, library.files, searcher.forget, WORKSPACE, source.id)
    async with library.db.transaction() as session:
        await repository.delete_source(session, WORKSPACE, source.id)
        await session.flush()
        asking = asyncio.create_task(asked, context=Context())
        await asyncio.sleep(0.3)  # it finds the row that is about to go
    with pytest.raises(NotFound):
        await asking


async def test_that_orphans_are_removed_and_nothing_else(library: Library, searcher: Searcher) -> None:
    source = await library.add("returns.txt", RETURNS)
    folder = library.folder / "sources"
    hour_ago = time.time() - 2 * erasing.ARRIVING_SECONDS
    for name, old in {"src_gone/1": True, "src_gone/2.part": True, "src_arriving/1": False}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("orphan")
        if old:
            os.utime(path, (hour_ago, hour_ago))
    os.utime(folder / source.id / "1", (hour_ago, hour_ago))
    index = Index(source.id, "src_gone")
    found = await erasing.reconcile(library.db, library.files, index)
    assert (found.files, found.sources) == (2, 1)
    assert index.sources == {source.id}
    names = [path.relative_to(folder).as_posix() for path in library.stored_files()]
    assert sorted(names) == sorted([f"{source.id}/1", "src_arriving/1"])
    assert await erasing.reconcile(library.db, library.files, searcher) == erasing.Orphans(0, 0, 0)
    assert (await searcher.search(WORKSPACE, library.id, "What does the return label cost?")).known


async def test_that_a_source_in_a_bucket_is_read_answers_and_leaves_nothing_there(
    library: Library, searcher: Searcher, bucket: FileSettings
) -> None:
    async with AsyncExitStack() as stack:
        files = await open_files(library.db.settings.model_copy(update={"files": bucket}), stack)
        assert isinstance(files, S3Files)
        deps = replace(library.deps, files=files)
        shop = Library(deps, library.jobs, library.id)
        source = await shop.add("returns.txt", RETURNS)
        assert source.state == "ready"
        assert await files.keys() == [f"sources/{source.id}/1"]
        found = await searcher.search(WORKSPACE, library.id, "What does the return label cost?")
        assert [one.source_id for one in found.passages] == [source.id]
        await shop.delete(source.id)
        report = await erasing.purge_source(library.db, files, searcher.forget, WORKSPACE, source.id)
        assert report.files == 1
        assert await files.keys() == []
