"""Sources: limits at their exact edges, replacing by name, the bin, and what refused uploads leave behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from knowledge import erasing, service
from knowledge.errors import FileTooLarge, TooManySources, UnsupportedType
from knowledge.models import SourceState
from knowledge.schemas import KnowledgeBaseCreate
from tests.library import OPENING, RETURNS, WORKSPACE, Library

MIB = 1024 * 1024


async def test_that_the_tenth_source_is_taken_and_the_eleventh_refused(library: Library) -> None:
    for number in range(10):
        await library.upload(f"{number}.txt", "text")
    with pytest.raises(TooManySources, match="at most 10 sources; this would be number 11") as refused:
        await library.upload("11.txt", "text")
    assert refused.value.members == {"limit": 10, "found": 11}
    assert len(await library.sources()) == 10
    assert len(library.stored_files()) == 10
    assert len(library.jobs.enqueued) == 10


async def test_that_the_last_byte_of_20_mib_is_taken_and_one_more_refused(library: Library) -> None:
    await library.upload("half.txt", b"a" * (10 * MIB))
    await library.upload("other half.txt", b"b" * (10 * MIB))
    with pytest.raises(FileTooLarge) as refused:
        await library.upload("one byte.txt", b"c")
    assert refused.value.members == {"limit": 20 * MIB, "found": 20 * MIB + 1}
    assert "20,971,520" in refused.value.detail
    assert "20,971,521" in refused.value.detail
    assert [source.name for source in await library.sources()] == ["half.txt", "other half.txt"]
    assert len(library.stored_files()) == 2


async def test_that_the_bytes_can_be_counted_per_file_instead(library: Library) -> None:
    library.db.settings.ingest.max_bytes_per_file = True
    await library.upload("a.txt", b"a" * (20 * MIB))
    await library.upload("b.txt", b"b" * (20 * MIB))
    with pytest.raises(FileTooLarge):
        await library.upload("c.txt", b"c" * (20 * MIB + 1))
    assert len(await library.sources()) == 2


async def test_that_limits_count_per_knowledge_base(library: Library) -> None:
    for number in range(10):
        await library.upload(f"{number}.txt", "text")
    async with library.db.transaction() as session:
        other = await service.create_knowledge_base(session, WORKSPACE, KnowledgeBaseCreate(name="Other"))
    library.id = other.id
    assert (await library.upload("0.txt", "text")).state is SourceState.QUEUED


async def test_that_replacing_counts_the_new_file_instead_of_the_old(library: Library) -> None:
    first = await library.upload("big.txt", b"a" * (15 * MIB))
    second = await library.upload("big.txt", b"b" * (20 * MIB))
    assert (second.id, second.version) == (first.id, 2)
    assert [source.bytes for source in await library.sources()] == [20 * MIB]


async def test_that_an_unsupported_type_is_refused_by_name(library: Library) -> None:
    with pytest.raises(UnsupportedType, match=r"\.exe"):
        await library.upload("setup.exe", b"MZ")
    assert await library.sources() == []
    assert library.stored_files() == []


@pytest.mark.parametrize("name", ["", "  ", "..", "folder/", "x" * 256 + ".txt"])
async def test_that_a_source_needs_a_name(library: Library, name: str) -> None:
    with pytest.raises(InvalidInput):
        await library.upload(name, "text")
    assert await library.sources() == []


@pytest.mark.parametrize("name", ["../../etc/prices.txt", "C:\\files\\prices.txt", "prices\n.txt"])
async def test_that_only_the_base_name_is_kept(library: Library, name: str) -> None:
    assert (await library.upload(name, "text")).name == "prices.txt"


async def test_that_the_same_file_again_changes_nothing(library: Library) -> None:
    first = await library.add("returns.txt", RETURNS)
    again = await library.upload("returns.txt", RETURNS, public=True)
    assert (again.version, again.state, again.public) == (first.version, SourceState.READY, True)
    assert len(library.jobs.enqueued) == 1


async def test_that_a_newer_upload_ends_the_one_that_waits(library: Library) -> None:
    waiting = await library.upload("returns.txt", RETURNS)
    newer = await library.add("returns.txt", OPENING)
    await library.deps.files.get(f"sources/{newer.id}/2")
    assert (newer.id, newer.version, newer.live_version, newer.state) == (waiting.id, 2, 2, SourceState.READY)
    assert [path.name for path in library.stored_files()] == ["2"]


async def test_that_a_deleted_source_can_be_restored_for_thirty_days(
    library: Library, clock: ManualClock
) -> None:
    source = await library.add("returns.txt", RETURNS)
    await library.delete(source.id)
    assert await library.sources() == []
    assert [each.id for each in await library.sources(deleted=True)] == [source.id]
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    await library.restore(source.id)
    assert (await library.source(source.id)).live_version == 1
    await library.delete(source.id)
    clock.advance(timedelta(days=30))
    with pytest.raises(TooLateToRestore):
        await library.restore(source.id)


async def test_that_a_source_cannot_come_back_under_a_taken_name_or_over_a_limit(library: Library) -> None:
    source = await library.add("returns.txt", RETURNS)
    await library.delete(source.id)
    second = await library.add("returns.txt", OPENING)
    with pytest.raises(Conflict):
        await library.restore(source.id)
    await library.delete(second.id)
    for number in range(10):
        await library.upload(f"{number}.txt", "text")
    with pytest.raises(TooManySources):
        await library.restore(source.id)


async def test_that_the_bin_is_emptied_after_thirty_days_with_its_files(
    library: Library, clock: ManualClock
) -> None:
    old = await library.add("old.txt", RETURNS)
    kept = await library.add("kept.txt", OPENING)
    await library.delete(old.id)
    forgotten: list[str] = []

    async def forget(workspace_id: str, knowledge_base_id: str, source_id: str) -> None:
        forgotten.append(source_id)

    clock.advance(timedelta(days=29))
    assert await erasing.purge(library.db, library.files, forget) == 0
    clock.advance(timedelta(days=1))
    assert await erasing.purge(library.db, library.files, forget) == 1
    assert forgotten == [old.id]
    assert await library.sources(deleted=True) == []
    assert [path.parent.name for path in library.stored_files()] == [kept.id]


async def test_that_a_file_that_cannot_be_stored_makes_the_source_fail(library: Library) -> None:
    library.folder.parent.mkdir(parents=True, exist_ok=True)
    library.folder.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="sources"):
        await library.upload("returns.txt", RETURNS)
    (source,) = await library.sources()
    assert source.state is SourceState.FAILED
    assert source.reason is not None
    assert source.reason.code == "not_stored"
    assert library.jobs.enqueued == []


async def test_that_another_workspace_finds_nothing(library: Library) -> None:
    source = await library.add("returns.txt", RETURNS)
    settings = library.db.settings.ingest
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: service.get_knowledge_base(session, "wsp_two", library.id),
        lambda: service.list_sources(session, "wsp_two", library.id),
        lambda: service.get_source(session, "wsp_two", source.id),
        lambda: service.set_public(session, "wsp_two", source.id, True),
        lambda: service.delete_source(session, "wsp_two", source.id),
        lambda: service.restore_source(session, settings, "wsp_two", source.id),
    ]
    for call in calls:
        async with library.db.transaction() as session:
            with pytest.raises(NotFound):
                await call()
    with pytest.raises(NotFound):
        await service.upload(library.db, library.files, "wsp_two", library.id, name="a.txt", content=b"text")
    assert len(library.stored_files()) == 1


async def test_that_knowledge_bases_are_listed_in_pages(library: Library) -> None:
    async with library.db.transaction() as session:
        for name in ("b", "c"):
            await service.create_knowledge_base(session, WORKSPACE, KnowledgeBaseCreate(name=name))
    async with library.db.read() as session:
        first = await service.list_knowledge_bases(session, WORKSPACE, limit=2)
        rest = await service.list_knowledge_bases(session, WORKSPACE, after=first[-1].id, limit=2)
        other = await service.list_knowledge_bases(session, "wsp_two")
    assert [base.name for base in (*first, *rest)] == ["Shop", "b", "c"]
    assert other == []
