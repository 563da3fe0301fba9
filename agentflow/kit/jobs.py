"""The one door to the durable engine (DBOS). A job's input is ids only; its work must be safe to repeat.

A job exists exactly when the transaction that added it commits. It runs at least once: again when its
handler raised, again when its worker died. What it does outside the database needs its own once-only mark.

The engine is used for what survives a crash (who runs what, when, in which order). Around it stand: a pinned
application version, a lease per worker with adoption of what dead workers left, our own count of attempts,
and deletion of what is finished.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    WorkflowStatus,
)
from opentelemetry import context as trace_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, postgres_url
from agentflow.kit.errors import Misconfigured
from agentflow.kit.ids import new_id
from agentflow.kit.job_attempts import count_attempt, forget_attempts, mark_dead
from agentflow.kit.leases import AdvisoryLease, FileLease
from agentflow.kit.settings import Settings
from agentflow.kit.sqlite import fix_sqlite_clock, prepare_sqlite_file
from agentflow.kit.telemetry import JOBS

log = logging.getLogger(__name__)

_APPLICATION = "agentflow"
_VERSION = "1"  # pinned: with the engine's default, a hash of the code, an upgrade would strand waiting jobs
_BATCH = 1000
_TRACE = TraceContextTextMapPropagator()
_LONGEST_RETRY_SECONDS = 60.0
_FIRST_SWEEP_SECONDS = 10.0

Handler = Callable[..., Awaitable[None]]
Sweep = Callable[[], Awaitable[None]]


class JobQueue(Protocol):
    """Takes jobs on the caller's own transaction: the job exists exactly when that transaction commits."""

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        *ids: str | int,
        job_id: str,
        partition: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        """Add a job; a second one with the same `job_id` is ignored. Jobs of one partition run one by one."""
        ...


async def enqueue(
    session: AsyncSession,
    name: str,
    *ids: str | int,
    job_id: str,
    partition: str | None = None,
    delay_seconds: int = 0,
) -> None:
    """Add a job on this session's transaction, through the queue bootstrap gave to the database."""
    queue: JobQueue = session.info["jobs"]
    await queue.enqueue(session, name, *ids, job_id=job_id, partition=partition, delay_seconds=delay_seconds)


@dataclass(frozen=True)
class Queue:
    """A line of jobs. In a partitioned one every job names a partition, and a partition's jobs run one
    at a time in the order they were added. `concurrency` is per worker.
    """

    name: str
    partitioned: bool = False
    concurrency: int | None = None  # default: settings.jobs.concurrency
    poll_seconds: float | None = None  # default: settings.jobs.poll_seconds; a poll costs about 2 ms


class JobFailed(Exception):
    """A job was given up; the log and `job_attempts` say why."""


@dataclass(frozen=True)
class _Kind:
    queue: Queue
    handler: Handler
    on_dead: Handler | None


_working: Jobs | None = None  # the engine allows one worker per process


@DBOS.workflow(name="job", max_recovery_attempts=None)
async def _run_job(name: str, *ids: str | int, **trace: str) -> None:
    """What the engine calls for every job; `trace` names the span the job was added in."""
    if _working is None or DBOS.workflow_id is None:
        raise asyncio.CancelledError
    token = trace_context.attach(_TRACE.extract(trace))
    try:
        await _working._run(DBOS.workflow_id, name, ids)
    finally:
        trace_context.detach(token)


def migrate_jobs(settings: Settings) -> None:
    """Create or upgrade the engine's tables in our database (PostgreSQL: schema `dbos`). Blocking."""
    url = settings.sql_url
    _quiet_engine()
    fix_sqlite_clock()
    if url.startswith("sqlite:///"):
        prepare_sqlite_file(Path(url.removeprefix("sqlite:///")))
    DBOS.migrate(_engine_url(settings))


class Jobs:
    """Adds jobs, and runs them in a process that works.

    Register every kind of job first, in processes that only add jobs too; then `launch`. After `close` it can
    be launched again.
    """

    def __init__(self, db: Database, queues: Sequence[Queue]) -> None:
        self._db = db
        self._settings = db.settings.jobs
        self._queues = {queue.name: queue for queue in queues}
        self._kinds: dict[str, _Kind] = {}
        self._sweeps: list[tuple[str, float, Sweep]] = [("retention", 3600.0, self.delete_finished)]
        self._client: DBOSClient | None = None
        self._lease: FileLease | AdvisoryLease | None = None
        self._engine: DBOS | None = None
        self._worker = ""
        self._suspects: set[str] = set()
        self._running: set[asyncio.Task[object]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    def register(self, name: str, handler: Handler, *, queue: str, on_dead: Handler | None = None) -> None:
        """`handler` gets the ids of a job called `name`; `on_dead` gets them when the job is given up."""
        self._kinds[name] = _Kind(self._queues[queue], handler, on_dead)

    def every(self, name: str, seconds: float, sweep: Sweep) -> None:
        """Run `sweep` about every so many seconds in one of the workers; it must be safe to repeat."""
        self._sweeps.append((name, seconds, sweep))

    async def launch(self, *, work: bool = True) -> None:
        """Make ready to add jobs and, with `work`, start to run them.

        Raises Misconfigured when SQLite already has a worker.
        """
        if self._client is not None:
            raise RuntimeError("these jobs are already launched")
        await asyncio.to_thread(migrate_jobs, self._db.settings)
        self._client = DBOSClient(
            system_database_url=_engine_url(self._db.settings),
            serializer=DBOSPortableJSONSerializer(),
            application_name=_APPLICATION,
            lazy=True,
        )
        if work:
            try:
                await self._start_working()
            except BaseException:
                await self.close()
                raise

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        *ids: str | int,
        job_id: str,
        partition: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        """Add a job on this session's transaction; one with a known `job_id` is ignored.

        Raises ValueError when the partition does not suit the queue or an input is no id.
        """
        queue = self._kinds[name].queue
        if queue.partitioned != (partition is not None):
            raise ValueError(f"a job in the queue {queue.name} needs partition={queue.partitioned}")
        _check_ids(ids)
        options: EnqueueOptions = {
            "workflow_name": "job",
            "queue_name": queue.name,
            "workflow_id": job_id,
            "app_version": _VERSION,
        }
        if partition is not None:
            options["queue_partition_key"] = partition
        if delay_seconds > 0:
            options["delay_seconds"] = delay_seconds
        trace: dict[str, str] = {}
        _TRACE.inject(trace)
        client = self._launched()
        connection = await session.connection()
        await connection.run_sync(
            lambda sync: client.enqueue_in_transaction(sync, options, name, *ids, **trace)
        )

    async def ping(self) -> None:
        """Raise when the engine's database does not answer."""
        await self._launched().check_connection_async()

    async def delete_finished(self) -> None:
        """Delete jobs that finished more than `retention_days` ago, and their counts."""
        before = datetime.now(UTC) - timedelta(days=self._settings.retention_days)
        client = self._launched()
        while True:
            old = await client.list_workflows_async(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before.isoformat(),
                limit=_BATCH,
                load_input=False,
                load_output=False,
            )
            if old:
                await client.delete_workflows_async([job.workflow_id for job in old])
            if len(old) < _BATCH:
                break
        async with self._db.transaction() as session:
            await forget_attempts(
                session, self._db.clock.now() - timedelta(days=self._settings.retention_days)
            )

    async def close(self) -> None:
        """Take no new job, let running ones finish for `drain_seconds`, and stop.

        What is cut off then runs again in the next worker.
        """
        global _working
        self._closing.set()
        await self._finish(self._loops)
        if self._engine is not None:
            await self._stop_engine(self._engine)
        if _working is self:
            _working = None
        if self._lease is not None:
            await self._lease.release()
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
        self._engine, self._client, self._lease = None, None, None
        self._loops, self._closing = [], asyncio.Event()

    def _launched(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the jobs are not launched")
        return self._client

    async def _start_working(self) -> None:
        global _working
        if _working is not None:
            raise Misconfigured("This process already has a worker.", code="second_worker")
        self._worker = new_id("wrk")
        lease = self._new_lease()
        await lease.take(self._worker)
        self._lease, _working = lease, self
        await asyncio.to_thread(self._register_queues)
        await self._look_after_workers(lease)
        self._engine = DBOS(config=self._engine_config())
        DBOS.listen_queues(list(self._queues))
        DBOS.launch()  # here, not in a thread: handlers run on the loop it is called from
        look = partial(self._look_after_workers, lease)
        self._loops = [asyncio.create_task(self._repeat("adoption", self._settings.lease_seconds, look))]
        for name, seconds, sweep in self._sweeps:
            self._loops.append(asyncio.create_task(self._repeat(name, seconds, sweep, only_if=lease.leads)))

    def _new_lease(self) -> FileLease | AdvisoryLease:
        if self._db.is_sqlite:
            return FileLease(Path(self._db.settings.sql_url.removeprefix("sqlite:///") + ".worker"))
        return AdvisoryLease(self._db.engine)

    def _engine_config(self) -> DBOSConfig:
        return {
            "name": _APPLICATION,
            "system_database_url": _engine_url(self._db.settings),
            "application_version": _VERSION,
            "executor_id": self._worker,
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": self._settings.threads,
            "run_migrations": False,
            "notification_listener_polling_interval_sec": 0.1,  # we use none; a close waits this long
            "log_level": "WARNING",
        }

    def _register_queues(self) -> None:
        for queue in self._queues.values():
            self._launched().register_queue(
                queue.name,
                partition_concurrency=1 if queue.partitioned else None,
                worker_concurrency=queue.concurrency or self._settings.concurrency,
                polling_interval_sec=queue.poll_seconds or self._settings.poll_seconds,
            )

    async def _stop_engine(self, engine: DBOS) -> None:
        for stop in engine.background_thread_stop_events:
            stop.set()
        await self._finish(self._running, cancel=False)
        # Its threads may still hand a claimed job to this loop, so it is stopped from another thread.
        await asyncio.to_thread(DBOS.destroy)
        await self._finish(self._running, seconds=0.0)

    async def _finish(
        self, tasks: Collection[asyncio.Task[Any]], *, seconds: float | None = None, cancel: bool = True
    ) -> None:
        """Give tasks time to end by themselves: one cut off in a statement breaks its connection."""
        if not tasks:
            return
        _, late = await asyncio.wait(
            tasks, timeout=self._settings.drain_seconds if seconds is None else seconds
        )
        if cancel and late:
            for task in late:
                task.cancel()
            await asyncio.wait(late)

    async def _run(self, job_id: str, name: str, ids: Sequence[str | int]) -> None:
        task = asyncio.current_task()
        if self._closing.is_set() or task is None:
            raise asyncio.CancelledError  # it stays claimed by a worker that is gone, and is adopted
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        pause = self._settings.retry_seconds
        while True:
            try:
                await self._kinds[name].handler(*ids)
            except Exception as error:  # whatever a handler raises, the job is not lost
                log.warning("job %s failed", job_id, exc_info=error)
                JOBS.labels(name, "failed").inc()
                failures = await self._count_failure(job_id, name, f"{type(error).__name__}: {error}")
            else:
                JOBS.labels(name, "done").inc()
                return
            if failures >= self._settings.max_failures:
                await self._give_up(job_id, name, ids)
                raise JobFailed(job_id)
            await asyncio.sleep(min(pause, _LONGEST_RETRY_SECONDS))
            pause *= 2

    async def _count_failure(self, job_id: str, name: str, error: str) -> int:
        try:
            async with self._db.transaction() as session:
                return (await count_attempt(session, job_id, name, failures=1, error=error)).failures
        except DBAPIError:
            log.exception("the database does not answer; job %s goes on trying", job_id)
            return 0

    async def _give_up(self, job_id: str, name: str, ids: Sequence[str | int]) -> None:
        log.error("job %s is given up", job_id)
        JOBS.labels(name, "dead").inc()
        async with self._db.transaction() as session:
            await mark_dead(session, job_id)
        on_dead = self._kinds[name].on_dead
        if on_dead is not None:
            try:
                await on_dead(*ids)
            except Exception:  # the last word on a job: nobody is left to hear of it
                log.exception("giving up job %s failed", job_id)

    async def _look_after_workers(self, lease: FileLease | AdvisoryLease) -> None:
        """Keep our lease, and put back in line what dead workers were running.

        Where a lease can be lost by a living worker, it must be found free twice.
        """
        await lease.renew()
        claimed = await self._launched().list_workflows_async(
            status="PENDING", load_input=False, load_output=False
        )
        suspects: set[str] = set()
        for worker in {job.executor_id for job in claimed if job.executor_id} - {self._worker}:
            async with lease.if_dead(worker) as dead:
                if dead and (lease.certain or worker in self._suspects):
                    await self._adopt_from(worker)
                elif dead:
                    suspects.add(worker)
        self._suspects = suspects

    async def _adopt_from(self, worker: str) -> None:
        client = self._launched()
        # Listed again under the lease: another worker may have adopted some in the meantime.
        for job in await client.list_workflows_async(status="PENDING", executor_id=worker, load_output=False):
            name, ids = _name_and_ids(job)
            async with self._db.transaction() as session:
                attempts = await count_attempt(
                    session, job.workflow_id, name, crashes=1, error="the worker died"
                )
            if attempts.crashes >= self._settings.max_crashes:
                await client.cancel_workflow_async(job.workflow_id)
                await self._give_up(job.workflow_id, name, ids)
            else:
                log.warning("job %s of a dead worker is adopted", job.workflow_id)
                JOBS.labels(name, "adopted").inc()
                await client.resume_workflow_async(job.workflow_id, queue_name=job.queue_name)

    async def _repeat(
        self,
        name: str,
        seconds: float,
        action: Sweep,
        *,
        only_if: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        wait = min(seconds, _FIRST_SWEEP_SECONDS)
        while not await self._closes_within(wait):
            wait = seconds
            try:
                if only_if is None or await only_if():
                    await action()
            except Exception:  # whatever went wrong, the next round may work
                log.exception("%s failed", name)

    async def _closes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True


def _name_and_ids(job: WorkflowStatus) -> tuple[str, list[str | int]]:
    name, *ids = job.input["args"] if job.input else ("",)
    return name, ids


def _check_ids(ids: Iterable[str | int]) -> None:
    """Texts of customers must not lie in job inputs, where no erasure would find them."""
    for value in ids:
        if isinstance(value, str) and (len(value) > 100 or any(mark.isspace() for mark in value)):
            raise ValueError("a job's input is ids only")


def _engine_url(settings: Settings) -> str:
    url = settings.sql_url
    return url if url.startswith("sqlite") else postgres_url(url)


def _quiet_engine() -> None:
    """Give the engine's log to our handlers; with none it would print to the console."""
    engine_log = logging.getLogger("dbos")
    if not engine_log.handlers:
        engine_log.addHandler(logging.NullHandler())
    engine_log.propagate = True
