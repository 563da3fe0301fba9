"""Taking sources in: states, failures, crashes and the switch that answers never see half done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import Unavailable
from knowledge import generation, repository, service
from knowledge import ingest as ingesting
from knowledge.chunking import ChunkDraft
from knowledge.embedding import Embedder, FloatMatrix, FloatVector, Foreignness
from knowledge.ingest import IngestDeps, ingest, ingest_all
from knowledge.models import SourceState
from knowledge.reading import ReadResult
from knowledge.search import Searcher
from tests.library import OPENING, RETURNS, WORKSPACE, Library


class CountingEmbedder:
    """The real embedder, which counts texts and may stop working after some calls."""

    def __init__(self, real: Embedder, *, calls: int | None = None) -> None:
        self.real = real
        self.calls_left = calls
        self.texts = 0
        self.name, self.dim = real.name, real.dim
        self.max_tokens, self.fingerprint = real.max_tokens, real.fingerprint

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """As the real one, until the calls are used up."""
        if self.calls_left is not None:
            if not self.calls_left:
                raise Unavailable("the embedder does not answer")
            self.calls_left -= 1
        self.texts += len(texts)
        return self.real.embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        """As the real one."""
        return self.real.embed_query(text)

    def foreignness(self, text: str) -> Foreignness:
        """As the real one."""
        return self.real.foreignness(text)

    def close(self) -> None:
        """Nothing of its own."""


def long_text(topics: int) -> str:
    """So many sections of about a chunk each."""
    return "\n\n".join(
        f"Machine {number}\n\n"
        + " ".join(
            f"Part {part} of machine {number} is checked every {part + number} weeks by the crew."
            for part in range(1, 13)
        )
        for number in range(1, topics + 1)
    )


async def test_that_a_text_becomes_ready_with_its_passages(library: Library) -> None:
    source = await library.add("returns.txt", RETURNS)
    assert source.state is SourceState.READY
    assert (source.version, source.live_version, source.pages, source.passages) == (1, 1, 1, 1)
    assert (source.progress.done, source.progress.total) == (1, 1)
    assert source.warning is None
    assert source.reason is None


async def test_that_a_file_without_text_is_ready_with_a_warning(library: Library) -> None:
    source = await library.add("empty.txt", "")
    assert source.state is SourceState.READY
    assert (source.passages, source.warning) == (0, "no_text")


async def test_that_a_corrupt_file_fails_with_a_reason_and_leaves_the_others_alone(library: Library) -> None:
    good = await library.add("returns.txt", RETURNS)
    bad = await library.add("broken.pdf", b"%PDF-1.7 and then nothing of the kind")
    assert bad.state is SourceState.FAILED
    assert bad.reason is not None
    assert bad.reason.code == "corrupt"
    assert await library.source(good.id) == good
    assert [path.parent.name for path in library.stored_files()] == [good.id]


async def test_that_a_failed_update_keeps_the_old_version_serving(
    library: Library, searcher: Searcher
) -> None:
    await library.add("returns.csv", "item,price\nlabel,4.95 euro\n")
    failed = await library.add("returns.csv", b"\x7fELF" + bytes(range(256)) * 20)
    assert failed.state is SourceState.FAILED
    assert (failed.version, failed.live_version) == (2, 1)
    found = await searcher.search(WORKSPACE, library.id, "What is the price of the label?")
    assert [passage.version for passage in found.passages] == [1]


async def test_that_ingesting_again_does_nothing(library: Library, embedder: Embedder) -> None:
    source = await library.add("returns.txt", RETURNS)
    counting = CountingEmbedder(embedder)
    await ingest(IngestDeps(library.db, library.files, library.deps.reader, counting), source.id, 1)
    await ingest(library.deps, source.id, 7)
    await ingest(library.deps, "src_unknown", 1)
    assert counting.texts == 0
    assert await library.source(source.id) == source


async def test_that_a_run_that_died_costs_no_vector_twice(
    library: Library, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "BATCH", 4)
    source = await library.upload("machines.txt", long_text(16))
    dying = CountingEmbedder(embedder, calls=2)
    with pytest.raises(Unavailable):
        await ingest(IngestDeps(library.db, library.files, library.deps.reader, dying), source.id, 1)
    halfway = await library.source(source.id)
    assert halfway.state is SourceState.EMBEDDING
    assert halfway.progress.done == 8
    second = CountingEmbedder(embedder)
    await ingest(IngestDeps(library.db, library.files, library.deps.reader, second), source.id, 1)
    done = await library.source(source.id)
    assert (done.state, done.progress.done) == (SourceState.READY, done.progress.total)
    whole = CountingEmbedder(embedder)
    again = await library.upload("same.txt", long_text(16))
    await ingest(IngestDeps(library.db, library.files, library.deps.reader, whole), again.id, 1)
    assert dying.texts + second.texts == whole.texts


async def test_that_vectors_of_another_model_are_not_taken_over(
    library: Library, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "BATCH", 1)
    source = await library.upload("machines.txt", long_text(3))
    dying = CountingEmbedder(embedder, calls=1)
    dying.fingerprint = "another model"
    with pytest.raises(Unavailable):
        await ingest(IngestDeps(library.db, library.files, library.deps.reader, dying), source.id, 1)
    full = CountingEmbedder(embedder)
    await ingest(IngestDeps(library.db, library.files, library.deps.reader, full), source.id, 1)
    assert (await library.source(source.id)).state is SourceState.READY
    async with library.db.read() as session:
        texts = await repository.stored_texts(session, WORKSPACE, source.id, 1)
    assert full.texts > len(texts) == (await library.source(source.id)).passages


async def test_that_the_sweep_starts_a_dead_run_again_and_gives_up_after_three(
    library: Library, clock: ManualClock
) -> None:
    source = await library.upload("returns.txt", RETURNS)
    settings = library.db.settings.ingest
    for attempt in range(1, 4):
        await ingesting._claim(library.deps, source.id, 1)
        async with library.db.transaction() as session:
            assert await service.sweep(session, settings) == 0
        clock.advance(timedelta(seconds=settings.lease_seconds))
        async with library.db.transaction() as session:
            assert await service.sweep(session, settings) == 1
        state = (await library.source(source.id)).state
        assert state is (SourceState.FAILED if attempt == 3 else SourceState.QUEUED)
    assert library.jobs.enqueued == [("ingest", (source.id, 1))] * 3
    reason = (await library.source(source.id)).reason
    assert reason is not None
    assert reason.code == "gave_up"


async def test_that_runs_that_die_are_given_up_unless_they_get_somewhere(
    library: Library, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "BATCH", 2)
    slow = await library.upload("machines.txt", long_text(10))
    stuck = await library.upload("opening.txt", OPENING)
    for source, calls in ((slow, 1), (stuck, 0)):
        for _ in range(4):
            dying = CountingEmbedder(embedder, calls=calls)
            with contextlib.suppress(Unavailable):
                await ingest(IngestDeps(library.db, library.files, library.deps.reader, dying), source.id, 1)
    assert (await library.source(slow.id)).state is SourceState.EMBEDDING
    assert (await library.source(slow.id)).progress.done == 8
    assert (await library.source(stuck.id)).state is SourceState.FAILED


async def test_that_a_lost_job_is_enqueued_again(library: Library, clock: ManualClock) -> None:
    source = await library.upload("returns.txt", RETURNS)
    clock.advance(timedelta(hours=1))
    async with library.db.transaction() as session:
        assert await service.sweep(session, library.db.settings.ingest) == 1
    assert library.jobs.enqueued == [("ingest", (source.id, 1))] * 2
    assert (await library.source(source.id)).state is SourceState.QUEUED


async def test_that_a_vanished_file_fails_the_source(library: Library) -> None:
    source = await library.upload("returns.txt", RETURNS)
    await library.files.delete(f"sources/{source.id}/1")
    await ingest(library.deps, source.id, 1)
    failed = await library.source(source.id)
    assert failed.state is SourceState.FAILED
    assert failed.reason is not None
    assert failed.reason.code == "file_missing"


class SlowReader:
    """Reads for real after a while, so that something else can happen meanwhile."""

    def __init__(self, deps: IngestDeps, gate: asyncio.Event) -> None:
        self.deps, self.gate = deps, gate
        self.reading = asyncio.Event()

    async def read(self, path: Path, filename: str) -> ReadResult:
        """Wait for the gate, then read."""
        self.reading.set()
        await self.gate.wait()
        return await self.deps.reader.read(path, filename)


async def test_that_an_upload_during_a_run_takes_its_place(library: Library) -> None:
    source = await library.upload("returns.txt", RETURNS)
    gate = asyncio.Event()
    reader = SlowReader(library.deps, gate)
    slow = IngestDeps(library.db, library.files, reader, library.deps.embedder)
    first = asyncio.create_task(ingest(slow, source.id, 1))
    await reader.reading.wait()
    newer = await library.add("returns.txt", OPENING)
    gate.set()
    await first
    assert (newer.version, newer.live_version) == (2, 2)
    assert await library.source(source.id) == newer


async def test_that_the_lease_is_kept_while_a_file_is_read_for_long(
    library: Library, clock: ManualClock
) -> None:
    library.db.settings.ingest.lease_seconds = 1
    source = await library.upload("returns.txt", RETURNS)
    gate = asyncio.Event()
    reader = SlowReader(library.deps, gate)
    slow = IngestDeps(library.db, library.files, reader, library.deps.embedder)
    run = asyncio.create_task(ingest(slow, source.id, 1))
    await reader.reading.wait()
    clock.advance(timedelta(seconds=5))
    started = time.monotonic()
    while time.monotonic() - started < 10:
        await asyncio.sleep(0.05)
        async with library.db.read() as session:
            version = await repository.find_version(session, WORKSPACE, source.id, 1)
        if version is not None and version.lease_until > clock.now():
            break
    async with library.db.transaction() as session:
        assert await service.sweep(session, library.db.settings.ingest) == 0
    gate.set()
    await run
    assert (await library.source(source.id)).state is SourceState.READY


async def test_that_a_source_deleted_while_it_is_read_stays_in_the_bin(
    library: Library, searcher: Searcher
) -> None:
    await library.add("opening.txt", OPENING)
    source = await library.upload("returns.txt", RETURNS)
    await library.delete(source.id)
    await ingest(library.deps, source.id, 1)
    found = await searcher.search(WORKSPACE, library.id, "How long may I send an order back?")
    assert {passage.source for passage in found.passages} == {"opening.txt"}
    await library.restore(source.id)
    found = await searcher.search(WORKSPACE, library.id, "How long may I send an order back?")
    assert found.passages[0].source == "returns.txt"


async def test_that_two_switches_at_once_both_count(library: Library, searcher: Searcher) -> None:
    sources = [await library.upload("returns.txt", RETURNS), await library.upload("opening.txt", OPENING)]
    await asyncio.gather(*(ingest(library.deps, source.id, 1) for source in sources))
    found = await searcher.search(WORKSPACE, library.id, "When is the workshop open?")
    assert {passage.source for passage in found.passages} == {"returns.txt", "opening.txt"}


async def test_that_several_sources_go_live_together(library: Library) -> None:
    good = await library.upload("returns.txt", RETURNS)
    bad = await library.upload("broken.pdf", b"%PDF-1.7 broken")
    other = await library.upload("opening.txt", OPENING)
    await ingest_all(library.deps, [(source.id, 1) for source in (good, bad, other)])
    states = {source.name: source.state for source in await library.sources()}
    assert states == {
        "returns.txt": SourceState.READY,
        "broken.pdf": SourceState.FAILED,
        "opening.txt": SourceState.READY,
    }
    async with library.db.read() as session:
        base = await service.get_knowledge_base(session, WORKSPACE, library.id)
    assert base.generation == 1


class FixedReader:
    """Gives chunks that no real file gives."""

    def __init__(self, draft: ChunkDraft) -> None:
        self.draft = draft

    async def read(self, path: Path, filename: str) -> ReadResult:
        """The one chunk."""
        return ReadResult(chunks=(self.draft,), pages=1, chars=len(self.draft.text), warning=None)


async def test_that_text_no_database_takes_keeps_its_length(library: Library, searcher: Searcher) -> None:
    text = "Zero \x00 and half \ud83d a letter."
    source = await library.upload("odd.txt", "x")
    draft = ChunkDraft(text, 0, len(text), None, None, None, "", ())
    odd = IngestDeps(library.db, library.files, FixedReader(draft), library.deps.embedder)
    await ingest(odd, source.id, 1)
    found = await searcher.search(WORKSPACE, library.id, "half a letter")
    assert found.passages[0].text == "Zero � and half ? a letter."
    assert len(found.passages[0].text) == len(text)


async def test_that_what_was_built_reads_back_the_same(library: Library, embedder: Embedder) -> None:
    source = await library.add("machines.txt", long_text(4))
    async with library.db.read() as session:
        rows = await repository.chunks_of(session, WORKSPACE, [(source.id, 1)])
        stored = await repository.find_generation(session, WORKSPACE, library.id, 1)
    assert stored is not None
    content = generation.decode(rows, embedder.dim)
    built, restored = generation.build(content, embedder), generation.restore(content, stored)
    assert built.calibration == restored.calibration
    question = "How often is part 3 of machine 2 checked?"
    assert list(built.corpus.chunks.scores(question)) == list(restored.corpus.chunks.scores(question))
    assert list(built.corpus.sentences.scores(question)) == list(restored.corpus.sentences.scores(question))
