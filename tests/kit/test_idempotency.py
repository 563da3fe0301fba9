"""A repeated request is answered again and done once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.idempotency import (
    KeyInUse,
    KeyReused,
    StoredAnswer,
    complete,
    forget_old,
    release,
    reserve,
)

ANSWER = StoredAnswer(201, '{"id": "cnv_1", "text": "Grüße"}')


async def test_that_a_repetition_gets_the_first_answer(db: Database) -> None:
    assert await reserve(db, "wsp_1", "k", "hash") is None
    with pytest.raises(KeyInUse):
        await reserve(db, "wsp_1", "k", "hash")
    await complete(db, "wsp_1", "k", ANSWER)
    assert await reserve(db, "wsp_1", "k", "hash") == ANSWER
    async with db.read() as session:
        assert "cnv_1" not in (await session.execute(text("SELECT body FROM idempotency_keys"))).scalar_one()


async def test_that_a_key_with_another_request_is_refused_and_another_workspace_is_not(db: Database) -> None:
    assert await reserve(db, "wsp_1", "k", "hash") is None
    await complete(db, "wsp_1", "k", ANSWER)
    with pytest.raises(KeyReused):
        await reserve(db, "wsp_1", "k", "other hash")
    assert await reserve(db, "wsp_2", "k", "other hash") is None


async def test_that_of_many_at_once_one_does_the_work(db: Database) -> None:
    results = await asyncio.gather(
        *(reserve(db, "wsp_1", "k", "hash") for _ in range(12)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, KeyInUse) for result in results) == 11


async def test_that_a_failed_or_abandoned_request_may_be_tried_again(
    db: Database, clock: ManualClock
) -> None:
    assert await reserve(db, "wsp_1", "k", "hash") is None
    await release(db, "wsp_1", "k")
    assert await reserve(db, "wsp_1", "k", "hash") is None
    clock.advance(timedelta(seconds=61))
    assert await reserve(db, "wsp_1", "k", "hash") is None
    await complete(db, "wsp_1", "k", ANSWER)
    await release(db, "wsp_1", "k")
    assert await reserve(db, "wsp_1", "k", "hash") == ANSWER


async def test_that_a_key_is_kept_for_a_day(db: Database, clock: ManualClock) -> None:
    assert await reserve(db, "wsp_1", "k", "hash") is None
    await complete(db, "wsp_1", "k", ANSWER)
    clock.advance(timedelta(hours=23, minutes=59))
    await forget_old(db)
    assert await reserve(db, "wsp_1", "k", "hash") == ANSWER
    clock.advance(timedelta(minutes=2))
    await forget_old(db)
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM idempotency_keys"))).scalar_one() == 0
    assert await reserve(db, "wsp_1", "k", "another hash") is None
