"""A lease is free when its holder is gone, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from agentflow.kit.db import Database
from agentflow.kit.leases import AdvisoryLease, FileLease

# Advisory locks are PostgreSQL's.
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
async def leases(db: Database) -> AsyncIterator[tuple[AdvisoryLease, AdvisoryLease]]:
    one, two = AdvisoryLease(db.engine), AdvisoryLease(db.engine)
    await one.take("wrk_1")
    await two.take("wrk_2")
    yield one, two
    await one.release()
    await two.release()


async def is_dead(asker: AdvisoryLease, worker: str) -> bool:
    async with asker.if_dead(worker) as dead:
        return dead


@on_postgres
async def test_that_a_worker_is_dead_when_it_released_its_lease(
    leases: tuple[AdvisoryLease, AdvisoryLease],
) -> None:
    one, two = leases
    assert not await is_dead(one, "wrk_2")
    await two.release()
    assert await is_dead(one, "wrk_2")
    assert await is_dead(one, "wrk_2"), "asking must not keep the lock"


@on_postgres
async def test_that_one_worker_leads_and_another_takes_over(
    leases: tuple[AdvisoryLease, AdvisoryLease],
) -> None:
    one, two = leases
    assert await one.leads()
    assert await one.leads()
    assert not await two.leads()
    await one.release()
    assert await two.leads()


@on_postgres
async def test_that_a_worker_takes_its_lease_again_after_a_broken_connection(
    db: Database, leases: tuple[AdvisoryLease, AdvisoryLease], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = leases
    async with db.transaction() as session:
        await session.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
        )
    await one.renew()
    assert "lease was lost" in caplog.text
    assert await is_dead(one, "wrk_2")
    await two.renew()
    assert not await is_dead(one, "wrk_2")
    assert not await is_dead(two, "wrk_1")


@on_postgres
async def test_that_a_lease_under_examination_is_taken_at_the_next_renewal(
    db: Database, leases: tuple[AdvisoryLease, AdvisoryLease]
) -> None:
    one, _two = leases
    third = AdvisoryLease(db.engine)
    async with one.if_dead("wrk_3") as dead:
        assert dead
        await third.take("wrk_3")
    await third.renew()
    assert not await is_dead(one, "wrk_3")
    await third.release()


async def test_that_a_file_lease_is_free_again_after_its_release(tmp_path: Path) -> None:
    # Within one process the system grants the lock twice; test_jobs.py tries it with two.
    lease = FileLease(tmp_path / "db.worker")
    await lease.take("wrk_1")
    assert await lease.leads()
    await lease.release()
    await lease.release()
    with pytest.raises(FileNotFoundError):
        await FileLease(tmp_path / "nowhere" / "db.worker").take("wrk_2")
