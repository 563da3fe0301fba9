from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates


async def test_that_the_limit_holds_under_concurrency(db: Database) -> None:
    rates = Rates(db)

    async def once() -> bool:
        try:
            await rates.check("messages", "v_1", limit=5, seconds=3600)
        except TooMany:
            return False
        return True

    assert sum(await asyncio.gather(*(once() for _ in range(12)))) == 5


async def test_that_a_refusal_says_when_to_come_back(db: Database, clock: ManualClock) -> None:
    rates = Rates(db)
    await rates.check("messages", "v_1", limit=1, seconds=60)
    with pytest.raises(TooMany) as refused:
        await rates.check("messages", "v_1", limit=1, seconds=60)
    assert 1 <= refused.value.retry_after <= 60
    await rates.check("messages", "v_2", limit=1, seconds=60)
    clock.advance(timedelta(seconds=refused.value.retry_after))
    await rates.check("messages", "v_1", limit=1, seconds=60)
