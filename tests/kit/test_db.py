"""The database fixture and the policies of kit/db.py."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from agentflow.kit import events
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database, now, refuse_inside_transaction


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


async def test_that_event_payloads_are_unreadable_in_the_database(db: Database, clock: ManualClock) -> None:
    async with db.transaction() as session:
        events.publish(session, "wsp_1", stream="cnv_1", kind="message", payload={"text": "Grüße"})
    async with db.read() as session:
        stored = (await session.execute(text("SELECT payload FROM events"))).scalar_one()
        read = await events.read_events(session, "wsp_1", after=0)
        assert now(session) == clock.time
    assert "Gr" not in stored
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
