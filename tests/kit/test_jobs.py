"""The contract of the durable engine, on both stores: what is committed runs, in order, whatever dies."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import text

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import Misconfigured
from agentflow.kit.jobs import Jobs, Queue, enqueue
from agentflow.kit.settings import JobSettings, Settings

QUEUES = [Queue("turns", partitioned=True), Queue("ingest")]
WORKER = Path(__file__).parent / "jobs_worker.py"


class Diary:
    """What the handlers did, in the order they did it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str | int, ...]] = []

    async def write(self, *ids: str | int) -> None:
        self.lines.append(ids)

    async def until(self, count: int, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while len(self.lines) < count and time.monotonic() < end:  # noqa: ASYNC110 - other loops' doing
            await asyncio.sleep(0.01)
        assert len(self.lines) >= count, self.lines


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = JobSettings(poll_seconds=0.02, lease_seconds=0.2, retry_seconds=0.02, max_failures=3)
    return settings.model_copy(update={"jobs": quick})


@pytest.fixture
async def jobs(db: Database, diary: Diary) -> AsyncIterator[Jobs]:
    jobs = make_jobs(db, diary)
    yield jobs
    await jobs.close()


def make_jobs(db: Database, diary: Diary) -> Jobs:
    jobs = Jobs(db, QUEUES)
    jobs.register("turn", diary.write, queue="turns")
    jobs.register("source", diary.write, queue="ingest")
    db.jobs = jobs
    return jobs


async def add_turn(db: Database, conversation: str, seq: int, delay_seconds: int = 0) -> None:
    async with db.transaction() as session:
        await enqueue(
            session,
            "turn",
            conversation,
            seq,
            job_id=f"turn:{conversation}:{seq}",
            partition=conversation,
            delay_seconds=delay_seconds,
        )


async def wait_for(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def _count(db: Database, where: str = "true") -> int:
    table = "workflow_status" if db.is_sqlite else "dbos.workflow_status"
    async with db.read() as session:
        count: int = (await session.execute(text(f"SELECT count(*) FROM {table} WHERE {where}"))).scalar_one()
        return count


async def _unfinished(db: Database) -> int:
    return await _count(db, "status IN ('ENQUEUED', 'DELAYED', 'PENDING')")


async def _finished(db: Database) -> bool:
    return await _unfinished(db) == 0


async def test_that_a_job_runs_when_its_transaction_commits_and_not_before(
    db: Database, jobs: Jobs, diary: Diary
) -> None:
    await jobs.launch()
    await jobs.ping()
    async with db.transaction() as session:
        await enqueue(session, "source", "src_1", job_id="source:src_1")
        await asyncio.sleep(0.15)
        assert diary.lines == []
    await diary.until(1)
    assert diary.lines == [("src_1",)]


async def test_that_a_rollback_leaves_no_job(db: Database, jobs: Jobs, diary: Diary) -> None:
    async def add_and_fail() -> None:
        async with db.transaction() as session:
            await enqueue(session, "source", "src_1", job_id="source:src_1")
            raise RuntimeError("stop")

    await jobs.launch()
    with pytest.raises(RuntimeError, match="stop"):
        await add_and_fail()
    await asyncio.sleep(0.15)
    assert await _unfinished(db) == 0
    assert diary.lines == []


async def test_that_a_second_job_with_the_same_id_is_ignored_and_its_transaction_goes_on(
    db: Database, jobs: Jobs, diary: Diary
) -> None:
    await jobs.launch()
    for _ in range(2):
        async with db.transaction() as session:
            await enqueue(session, "source", "src_1", job_id="source:src_1")
            await enqueue(session, "source", "src_1", job_id="source:src_1")
            await session.execute(text("SELECT 1"))
        await diary.until(1)
    await asyncio.sleep(0.15)
    assert diary.lines == [("src_1",)]


async def test_that_a_partition_keeps_its_order_and_others_do_not_wait(db: Database, jobs: Jobs) -> None:
    seen: list[tuple[str, int]] = []
    running: dict[str, int] = {}
    most = {"one partition": 0, "all": 0}

    async def turn(conversation: str, seq: int) -> None:
        running[conversation] = running.get(conversation, 0) + 1
        most["one partition"] = max(most["one partition"], running[conversation])
        most["all"] = max(most["all"], sum(running.values()))
        await asyncio.sleep(0.02)
        seen.append((conversation, seq))
        running[conversation] -= 1

    async def all_done() -> bool:
        return len(seen) == 60

    jobs.register("turn", turn, queue="turns")
    await jobs.launch()
    for seq in range(10):
        for conversation in "abcdef":
            await add_turn(db, conversation, seq)
    await wait_for(all_done, 30)
    for conversation in "abcdef":
        assert [seq for name, seq in seen if name == conversation] == list(range(10))
    assert most["one partition"] == 1
    assert most["all"] > 1


async def test_that_a_delay_holds_a_job(db: Database, jobs: Jobs, diary: Diary) -> None:
    await jobs.launch()
    await add_turn(db, "b", 1, delay_seconds=3600)
    added = time.monotonic()
    await add_turn(db, "a", 1, delay_seconds=1)
    await diary.until(1)
    assert time.monotonic() - added >= 1

    async def only_the_other_waits() -> bool:
        return await _unfinished(db) == 1

    await wait_for(only_the_other_waits)
    assert diary.lines == [("a", 1)]


async def test_that_a_failing_job_is_tried_again(db: Database, jobs: Jobs) -> None:
    runs: list[str] = []

    async def fails_twice(source: str) -> None:
        runs.append(source)
        if len(runs) < 3:
            raise ConnectionError("not yet")

    jobs.register("source", fails_twice, queue="ingest")
    await jobs.launch()
    async with db.transaction() as session:
        await enqueue(session, "source", "src_1", job_id="source:src_1")
    await wait_for(partial(_finished, db))
    assert runs == ["src_1"] * 3
    async with db.read() as session:
        row = (await session.execute(text("SELECT failures, dead_at FROM job_attempts"))).one()
    assert (row.failures, row.dead_at) == (2, None)


async def test_that_a_job_that_always_fails_is_given_up_and_the_next_one_runs(
    db: Database, jobs: Jobs, diary: Diary
) -> None:
    runs: list[int] = []

    async def fails(_conversation: str, seq: int) -> None:
        runs.append(seq)
        if seq == 1:
            raise ValueError("a customer's text")

    jobs.register("turn", fails, queue="turns", on_dead=diary.write)
    await jobs.launch()
    await add_turn(db, "a", 1)
    await add_turn(db, "a", 2)
    await diary.until(1)

    async def the_next_ran() -> bool:
        return runs == [1, 1, 1, 2]

    await wait_for(the_next_ran)
    assert diary.lines == [("a", 1)]
    async with db.read() as session:
        row = (await session.execute(text("SELECT dead_at, last_error FROM job_attempts"))).one()
    assert row.dead_at is not None
    assert "customer" not in row.last_error


def _threads() -> set[str]:
    """Without those that the event loop and the database driver keep for their own use."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if not name.startswith("asyncio_") and "_connection_worker" not in name}


async def test_that_jobs_can_be_launched_and_closed_again_and_again(db: Database, diary: Diary) -> None:
    before = _threads()
    for turn in range(4):
        jobs = make_jobs(db, diary)
        await jobs.launch()
        await add_turn(db, "a", turn)
        await diary.until(turn + 1)
        await jobs.close()
        assert _threads() <= before
    assert len(diary.lines) == 4


async def test_that_a_process_may_only_add_jobs(db: Database, diary: Diary) -> None:
    api = make_jobs(db, diary)
    await api.launch(work=False)
    await add_turn(db, "a", 1)
    await asyncio.sleep(0.2)
    assert diary.lines == []
    worker = Jobs(db, QUEUES)
    worker.register("turn", diary.write, queue="turns")
    await worker.launch()
    await diary.until(1)
    await worker.close()
    await api.close()


async def test_that_a_job_cut_off_by_a_shutdown_runs_again(db: Database, diary: Diary) -> None:
    started = asyncio.Event()

    async def slow(*_ids: str | int) -> None:
        started.set()
        await asyncio.sleep(60)

    db.settings.jobs.drain_seconds = 0.1
    jobs = make_jobs(db, diary)
    jobs.register("turn", slow, queue="turns")
    await jobs.launch()
    await add_turn(db, "a", 1)
    await asyncio.wait_for(started.wait(), 10)
    began = time.monotonic()
    await jobs.close()
    assert time.monotonic() - began < 5
    jobs = make_jobs(db, diary)
    await jobs.launch()
    await diary.until(1)
    await jobs.close()
    assert diary.lines == [("a", 1)]


async def test_that_a_shutdown_lets_running_jobs_finish(db: Database, jobs: Jobs) -> None:
    steps: list[str] = []
    started = asyncio.Event()

    async def short(*_ids: str | int) -> None:
        started.set()
        await asyncio.sleep(0.3)
        steps.append("done")

    jobs.register("turn", short, queue="turns")
    await jobs.launch()
    await add_turn(db, "a", 1)
    await asyncio.wait_for(started.wait(), 10)
    await jobs.close()
    assert steps == ["done"]
    await jobs.launch(work=False)
    assert await _unfinished(db) == 0


async def _run_worker(db: Database, diary: Path, seconds: float = 0.25) -> asyncio.subprocess.Process:
    key = db.settings.key
    assert key is not None
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        str(db.settings.database_url),
        str(db.settings.home),
        key.get_secret_value(),
        str(diary),
        str(seconds),
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_that_killed_workers_lose_nothing(
    db: Database, jobs: Jobs, diary: Diary, tmp_path: Path
) -> None:
    page = tmp_path / "diary"
    await jobs.launch(work=False)
    for seq in range(4):
        for conversation in ("a", "b", "c"):
            await add_turn(db, conversation, seq)
    for goal in (5, 12):

        async def a_job_has_just_begun(goal: int = goal) -> bool:
            lines = _lines(page)
            return len(lines) > goal and lines[-1].startswith("begin")

        process = await _run_worker(db, page)
        await wait_for(a_job_has_just_begun, 30)
        process.kill()
        await process.wait()
    await jobs.close()
    await jobs.launch()

    await wait_for(partial(_finished, db), 30)
    ended = [line.removeprefix("end ") for line in _lines(page) if line.startswith("end")]
    ended += [f"{conversation} {seq}" for conversation, seq in diary.lines]
    expected = {f"{conversation} {seq}" for conversation in "abc" for seq in range(4)}
    assert set(ended) == expected
    # Only what was not noted as done when a worker died may have run twice.
    async with db.read() as session:
        cut_off = (await session.execute(text("SELECT job_id FROM job_attempts WHERE crashes > 0"))).scalars()
        adopted = {job_id.removeprefix("turn:").replace(":", " ") for job_id in cut_off}
    assert len(adopted) >= 2
    assert {job for job in ended if ended.count(job) > 1} <= adopted
    for conversation in "abc":
        mine = [int(line.split()[1]) for line in ended if line.startswith(conversation)]
        assert mine == sorted(mine)


async def test_that_a_second_worker_on_sqlite_is_refused(db: Database, jobs: Jobs, tmp_path: Path) -> None:
    page = tmp_path / "diary"

    async def ready() -> bool:
        return _lines(page) == ["ready"]

    process = await _run_worker(db, page)
    await wait_for(ready, 30)
    if db.is_sqlite:
        with pytest.raises(Misconfigured, match="Another server or worker") as refused:
            await jobs.launch()
        assert refused.value.code == "second_worker"
        await jobs.launch(work=False)
    else:
        await jobs.launch()
    assert await _unfinished(db) == 0
    process.kill()
    await process.wait()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # SQLite has one worker
async def test_that_a_living_worker_adopts_what_a_killed_one_was_running(
    db: Database, jobs: Jobs, diary: Diary, tmp_path: Path
) -> None:
    page = tmp_path / "diary"
    process = await _run_worker(db, page, seconds=60)
    await jobs.launch(work=False)
    await add_turn(db, "a", 1)

    async def begun() -> bool:
        return "begin a 1" in _lines(page)

    await wait_for(begun, 30)
    await jobs.close()
    await jobs.launch()
    await asyncio.sleep(1.0)
    assert diary.lines == []  # its worker lives
    process.kill()
    await process.wait()
    await diary.until(1)
    assert diary.lines == [("a", 1)]
    assert "end a 1" not in _lines(page)
    async with db.read() as session:
        assert (await session.execute(text("SELECT crashes FROM job_attempts"))).scalar_one() == 1


async def test_that_a_job_that_kills_its_workers_is_given_up(db: Database, jobs: Jobs, diary: Diary) -> None:
    db.settings.jobs.max_crashes = 1
    db.settings.jobs.drain_seconds = 0.0
    started = asyncio.Event()

    async def slow(*_ids: str | int) -> None:
        started.set()
        await asyncio.sleep(60)

    jobs.register("turn", slow, queue="turns", on_dead=diary.write)
    await jobs.launch()
    await add_turn(db, "a", 1)
    await asyncio.wait_for(started.wait(), 10)
    await jobs.close()
    await jobs.launch()
    await diary.until(1)
    assert diary.lines == [("a", 1)]
    assert await _unfinished(db) == 0


async def test_that_finished_jobs_are_deleted_after_their_time(
    db: Database, jobs: Jobs, diary: Diary, clock: ManualClock
) -> None:
    await jobs.launch()
    await add_turn(db, "a", 1)
    await add_turn(db, "b", 1, delay_seconds=3600)
    await diary.until(1)

    async def only_the_waiting_one() -> bool:
        await jobs.delete_finished()
        return await _count(db) == 1

    await jobs.delete_finished()
    assert await _count(db) == 2
    clock.advance(timedelta(days=8))
    db.settings.jobs.retention_days = 0
    await wait_for(only_the_waiting_one)


async def test_that_sweeps_run_again_and_again_even_after_a_failure(jobs: Jobs, diary: Diary) -> None:
    async def sweep() -> None:
        await diary.write(len(diary.lines))
        raise ValueError("this round failed")

    jobs.every("sweep", 0.05, sweep)
    await jobs.launch()
    await diary.until(3)
    await jobs.close()
    count = len(diary.lines)
    await asyncio.sleep(0.15)
    assert len(diary.lines) == count


async def test_that_inputs_are_ids_and_stored_readable(db: Database, jobs: Jobs) -> None:
    await jobs.launch(work=False)
    await add_turn(db, "cnv_1", 7)
    async with db.transaction() as session:
        with pytest.raises(ValueError, match="ids only"):
            await enqueue(session, "source", "Where is my order?", job_id="x")
        with pytest.raises(ValueError, match="partition"):
            await enqueue(session, "turn", "cnv_1", 8, job_id="y")
    table = "workflow_input" if db.is_sqlite else "dbos.workflow_input"
    async with db.read() as session:
        stored = (await session.execute(text(f"SELECT inputs FROM {table}"))).scalars().all()
    assert stored == ['{"namedArgs":{},"positionalArgs":["turn","cnv_1",7]}']


async def test_that_a_job_continues_the_trace_it_was_added_in(db: Database, jobs: Jobs) -> None:
    seen: list[int] = []

    async def note_trace(_source: str) -> None:
        seen.append(trace.get_current_span().get_span_context().trace_id)

    async def ran() -> bool:
        return len(seen) == 1

    jobs.register("source", note_trace, queue="ingest")
    await jobs.launch()
    with TracerProvider().get_tracer("test").start_as_current_span("record") as span:
        async with db.transaction() as session:
            await enqueue(session, "source", "src_1", job_id="source:src_1")
    await wait_for(ran)
    assert seen == [span.get_span_context().trace_id]
