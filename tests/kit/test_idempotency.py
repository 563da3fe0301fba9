from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentflow.kit import idempotency
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.idempotency import KeyInUse, KeyReused, StoredAnswer


async def test_that_of_many_at_once_one_does_the_work(db: Database) -> None:
    async def attempt() -> str:
        try:
            return "work" if await idempotency.reserve(db, "wsp_1", "k", "hash") is None else "replay"
        except KeyInUse:
            return "wait"

    assert sorted(await asyncio.gather(*(attempt() for _ in range(8)))) == ["wait"] * 7 + ["work"]


async def test_that_a_repetition_gets_the_first_answer_for_a_day(db: Database, clock: ManualClock) -> None:
    assert await idempotency.reserve(db, "wsp_1", "k", "hash") is None
    await idempotency.complete(db, "wsp_1", "k", StoredAnswer(201, '{"id": "x"}'))
    clock.advance(timedelta(hours=23))
    assert await idempotency.reserve(db, "wsp_1", "k", "hash") == StoredAnswer(201, '{"id": "x"}')
    assert await idempotency.reserve(db, "wsp_2", "k", "hash") is None
    clock.advance(timedelta(hours=1))
    assert await idempotency.reserve(db, "wsp_1", "k", "hash") is None


async def test_that_a_key_is_refused_for_another_request(db: Database) -> None:
    await idempotency.reserve(db, "wsp_1", "k", "hash")
    with pytest.raises(KeyReused):
        await idempotency.reserve(db, "wsp_1", "k", "other")


async def test_that_a_failed_or_dead_request_frees_its_key(db: Database, clock: ManualClock) -> None:
    await idempotency.reserve(db, "wsp_1", "k", "hash")
    await idempotency.release(db, "wsp_1", "k")
    assert await idempotency.reserve(db, "wsp_1", "k", "hash") is None
    clock.advance(timedelta(minutes=1))
    assert await idempotency.reserve(db, "wsp_1", "k", "hash") is None


async def test_that_old_keys_are_forgotten(db: Database, clock: ManualClock) -> None:
    await idempotency.reserve(db, "wsp_1", "k", "hash")
    await idempotency.complete(db, "wsp_1", "k", StoredAnswer(200, "{}"))
    clock.advance(timedelta(hours=25))
    await idempotency.forget_old(db)
    assert await idempotency.reserve(db, "wsp_1", "k", "other") is None
