"""The one door to the durable engine (DBOS). A job's input is ids only; its work must be safe to repeat."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


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
