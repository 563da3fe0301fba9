"""Nobody who follows the events misses one or sees two in the wrong order."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from agentflow.kit.db import Database
from agentflow.kit.event_tail import EventTail, Subscription
from agentflow.kit.events import Event, prune_events, publish, read_events

WRITERS, ROUNDS = 8, 12


@pytest.fixture
async def tail(db: Database) -> AsyncIterator[EventTail]:
    tail = EventTail(db)
    yield tail
    await tail.close()


async def say(
    db: Database, stream: str, *numbers: int, workspace_id: str = "wsp_1", kind: str = "message"
) -> None:
    async with db.transaction() as session:
        for number in numbers:
            publish(session, workspace_id, stream=stream, kind=kind, payload={"n": number})


async def collect(news: Subscription, count: int, seconds: float = 20.0) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += await news.next(5.0)
    return found


async def write_slowly(db: Database, writer: int, chance: random.Random) -> None:
    """Publish, then keep the transaction open for a while, before and after the cursor is given."""
    for round_ in range(ROUNDS):
        async with db.transaction() as session:
            publish(
                session, "wsp_1", stream=f"cnv_{writer % 3}", kind="message", payload={"n": [writer, round_]}
            )
            await asyncio.sleep(chance.random() * 0.02)
            if chance.random() < 0.5:
                session.info["before_commit"].append(lambda _session: asyncio.sleep(chance.random() * 0.02))


async def test_that_a_tailing_reader_misses_nothing_of_eight_delayed_writers(
    db: Database, tail: EventTail
) -> None:
    # Their own database object: no wake-up in the process helps the reader.
    elsewhere = Database(db.settings)
    chance = random.Random(5)
    polled: list[int] = []

    async def tail_by_hand() -> None:
        after = 0
        while len(polled) < WRITERS * ROUNDS:
            async with db.read() as session:
                events = await read_events(session, "wsp_1", after=after)
            polled.extend(event.cursor for event in events)
            after = polled[-1] if polled else 0
            await asyncio.sleep(0.001)

    async with (
        tail.subscribe("wsp_1", after=0) as everything,
        tail.subscribe("wsp_1", stream="cnv_1", after=0) as one,
    ):
        writers = [write_slowly(elsewhere, writer, chance) for writer in range(WRITERS)]
        by_hand = asyncio.create_task(tail_by_hand())
        _, found, of_one = await asyncio.gather(
            asyncio.gather(*writers), collect(everything, WRITERS * ROUNDS), collect(one, 3 * ROUNDS)
        )
        async with asyncio.timeout(10):
            await by_hand
    await elsewhere.close()
    assert [event.cursor for event in found] == list(range(1, WRITERS * ROUNDS + 1))
    assert polled == list(range(1, WRITERS * ROUNDS + 1))
    expected = {(writer, round_) for writer in range(WRITERS) for round_ in range(ROUNDS)}
    assert {tuple(event.payload["n"]) for event in found} == expected
    assert [event.cursor for event in of_one] == [event.cursor for event in found if event.stream == "cnv_1"]


async def test_that_a_reader_resumes_behind_its_cursor(db: Database, tail: EventTail) -> None:
    await say(db, "cnv_1", 1, 2, 3)
    async with tail.subscribe("wsp_1", stream="cnv_1", after=2) as news:
        assert [event.payload["n"] for event in await news.next(1.0)] == [3]
        await say(db, "cnv_1", 4)
        assert [event.payload["n"] for event in await news.next(1.0)] == [4]
        assert await news.next(0.05) == []


async def test_that_a_reader_hears_only_its_stream_workspace_and_kinds(db: Database, tail: EventTail) -> None:
    async with tail.subscribe("wsp_1", stream="cnv_1", after=0, kinds=["message"]) as news:
        await say(db, "cnv_2", 1)
        await say(db, "cnv_1", 2, workspace_id="wsp_2")
        await say(db, "cnv_1", 3, kind="note")
        await say(db, "cnv_1", 4)
        assert [event.payload["n"] for event in await collect(news, 1)] == [4]
        await say(db, "cnv_2", 5)
        await say(db, "cnv_1", 6, kind="note")
        assert await news.next(0.3) == []


async def test_that_readers_who_come_and_go_while_others_write_miss_nothing(
    db: Database, tail: EventTail
) -> None:
    chance = random.Random(9)
    total = 60

    async def write() -> None:
        for number in range(total):
            await say(db, "cnv_1", number)
            await asyncio.sleep(0.002)

    async def read() -> list[int]:
        await asyncio.sleep(chance.random() * 0.3)
        after, numbers = 0, list[int]()
        async with asyncio.timeout(20):
            while len(numbers) < total:
                async with tail.subscribe("wsp_1", stream="cnv_1", after=after) as news:
                    for _ in range(chance.randrange(1, 6)):
                        events = await news.next(0.05)
                        numbers += [event.payload["n"] for event in events]
                        after = events[-1].cursor if events else after
        return numbers

    results = await asyncio.gather(write(), *(read() for _ in range(6)))
    assert results[1:] == [list(range(total))] * 6


async def test_that_a_slow_reader_gets_everything_later(db: Database, tail: EventTail) -> None:
    async with tail.subscribe("wsp_1", after=0) as slow:
        assert await slow.next(0.01) == []
        for start in range(0, 1500, 100):
            await say(db, "cnv_1", *range(start, start + 100))
        await asyncio.sleep(0.3)
        found = await collect(slow, 1500)
    assert [event.payload["n"] for event in found] == list(range(1500))


async def test_that_deleted_events_do_not_hold_a_reader_up(db: Database, tail: EventTail) -> None:
    async with tail.subscribe("wsp_1", after=0) as news:
        assert await news.next(0.05) == []
        async with db.transaction() as session:
            publish(session, "wsp_1", stream="cnv_1", kind="sentence", payload={"n": 1})
        await collect(news, 1)
        async with db.transaction() as session:
            await prune_events(session, "wsp_1", stream="cnv_1", kinds=["sentence"])
        await say(db, "cnv_1", 2)
        assert [event.payload["n"] for event in await collect(news, 1)] == [2]
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM events"))).scalar_one() == 1


async def test_that_nothing_is_read_while_nobody_listens(db: Database, tail: EventTail) -> None:
    async with tail.subscribe("wsp_1", after=0) as news:
        await say(db, "cnv_1", 1)
        await collect(news, 1)
    assert tail._subscriptions == {}
    assert tail._positions == {}


async def test_that_the_first_subscriber_may_have_a_transaction_open(db: Database, tail: EventTail) -> None:
    async with db.read():
        news = await tail.subscribe("wsp_1", after=0).__aenter__()
    await say(db, "cnv_1", 1)
    await collect(news, 1)
    await say(db, "cnv_1", 2)
    assert [event.payload["n"] for event in await collect(news, 1)] == [2]


async def test_that_it_can_be_closed_at_any_moment(db: Database) -> None:
    """Also just when a commit wakes it up."""
    for number in range(60):
        tail = EventTail(db)
        async with asyncio.timeout(10), tail.subscribe("wsp_1", after=0):
            await say(db, "cnv_1", number)
            for _ in range(number % 20):
                await asyncio.sleep(0)
            await say(db, "cnv_1", number)
            await tail.close()


async def test_that_a_doubt_while_the_table_is_read_ends_no_wait(db: Database, tail: EventTail) -> None:
    doubts = 0

    class Doubting(Subscription):
        async def _from_table(self) -> list[Event]:
            nonlocal doubts
            found = await super()._from_table()
            if doubts < 2:  # as when the poller feeds somebody new meanwhile
                doubts += 1
                self.doubt()
            return found

    async with Doubting(tail, "wsp_1", "cnv_1", 0, None) as news:
        began = time.monotonic()
        assert await news.next(0.3) == []
        assert time.monotonic() - began >= 0.3
        await say(db, "cnv_1", 1)
        assert [event.payload["n"] for event in await news.next(1.0)] == [1]
    assert doubts == 2


async def test_that_doubts_lengthen_no_wait(db: Database, tail: EventTail) -> None:
    async with tail.subscribe("wsp_1", stream="cnv_1", after=0) as news:

        async def doubt() -> None:
            for _ in range(15):
                await asyncio.sleep(0.1)
                news.doubt()

        doubting = asyncio.create_task(doubt())
        began = time.monotonic()
        assert await news.next(0.5) == []
        assert time.monotonic() - began < 1.4
        await doubting
