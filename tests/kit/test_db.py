"""The database fixture and the policies of kit/db.py."""

from __future__ import annotations

import asyncio
import gc
import random
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import QueuePool, text
from sqlalchemy.exc import StatementError

from agentflow.kit import events
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database, now, refuse_inside_transaction
from agentflow.kit.errors import Misconfigured
from agentflow.kit.settings import Settings


@pytest.mark.parametrize("key", [None, Fernet.generate_key().decode()], ids=["own", "given"])
@pytest.mark.parametrize("place", ["/proc/none", "{here}/file", "{here}/file/below", "{here}/torn"])
def test_that_a_home_that_cannot_be_used_is_refused(tmp_path: Path, place: str, key: str | None) -> None:
    (tmp_path / "file").write_text("Not a folder.")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "agentflow.sqlite").write_text("Not a database." * 100)
    home = place.format(here=tmp_path)
    with pytest.raises(Misconfigured, match="AGENTFLOW_HOME") as refused:  # with a key the database is first
        Database(Settings.model_validate({"home": home, "key": key}))
    assert f"{home}" in refused.value.detail
    assert "cannot be used (" in refused.value.detail


async def test_that_a_fresh_database_has_the_events_table_and_no_rows(db: Database) -> None:
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM events"))).scalar_one() == 0
        assert await events.last_cursor(session, "wsp_1") == 0


async def test_that_an_exception_rolls_everything_back(db: Database) -> None:
    async def publish_and_stop() -> None:
        async with db.transaction() as session:
            events.publish(session, "wsp_1", stream="cnv_1", kind="message", payload={})
            for last_word in session.info["before_commit"]:
                await last_word(session)
            assert len(await events.read_events(session, "wsp_1", after=0)) == 1
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await publish_and_stop()
    async with db.read() as session:
        assert await events.read_events(session, "wsp_1", after=0) == []


async def test_that_slow_work_is_refused_while_a_transaction_is_open(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(RuntimeError, match="a model call must not run"):
            refuse_inside_transaction("a model call")
        with pytest.raises(RuntimeError, match="already open"):
            async with db.read():
                raise AssertionError("not reached")
    refuse_inside_transaction("a model call")


async def test_that_a_glance_reads_what_is_committed_and_counts_as_a_transaction(db: Database) -> None:
    async with db.transaction() as session:
        events.publish(session, "wsp_1", stream="cnv_1", kind="message", payload={})
    async with db.glance() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM events"))).scalar_one() == 1
        with pytest.raises(RuntimeError, match="a model call must not run"):
            refuse_inside_transaction("a model call")
    refuse_inside_transaction("a model call")


async def test_that_event_payloads_are_unreadable_in_the_database(db: Database, clock: ManualClock) -> None:
    async with db.transaction() as session:
        events.publish(session, "wsp_1", stream="cnv_1", kind="message", payload={"text": "Grüße"})
    async with db.read() as session:
        stored = (await session.execute(text("SELECT payload FROM events"))).scalar_one()
        read = await events.read_events(session, "wsp_1", after=0)
        assert now(session) == clock.time
    for readable in ("Grüße", "Gr\\u00fc", '"text"'):
        assert readable not in stored
    assert [(event.payload, event.created_at) for event in read] == [({"text": "Grüße"}, clock.time)]


async def test_that_naive_times_are_refused(db: Database) -> None:
    async with db.transaction() as session:
        session.add(
            events.EventRow(
                workspace_id="w",
                cursor=1,
                stream="s",
                kind="k",
                payload="{}",
                created_at=datetime(2026, 1, 1),  # noqa: DTZ001
            )
        )
        with pytest.raises(StatementError, match="naive datetime"):
            await session.flush()
        session.expunge_all()
        await session.rollback()


async def test_that_a_request_cancelled_anywhere_leaves_nothing_behind(db: Database) -> None:
    """Cancelled twice, as a server does that shuts down: no lock, no connection, no half, no lost task."""
    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))

    async def write_two() -> None:
        async with db.transaction() as session:
            for number in (1, 2):
                events.publish(session, "wsp_1", stream=f"cnv_{number}", kind="message", payload={})
                for last_word in session.info["before_commit"]:
                    await last_word(session)
                session.info["before_commit"].clear()
            await asyncio.sleep(0)

    dice = random.Random(7)
    before = asyncio.all_tasks()
    for _ in range(60):
        task = asyncio.create_task(write_two())
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(dice.choice((0, 0, 0.0005)))
        for _ in range(dice.randrange(1, 4)):
            task.cancel()
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
    async with asyncio.timeout(10), db.transaction() as session:
        kept = await events.read_events(session, "wsp_1", after=0, limit=200)
    streams = [event.stream for event in kept]
    assert streams.count("cnv_1") == streams.count("cnv_2")
    while left := asyncio.all_tasks() - before:
        await asyncio.wait(left, timeout=10)
    gc.collect()
    assert complaints == []
    pool = cast(QueuePool, db.engine.pool)
    assert pool.checkedout() == 0
