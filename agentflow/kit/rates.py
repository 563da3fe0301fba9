"""Rate limits whose counters live in the database, so that every worker counts together."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sqlalchemy import Integer, String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, Database, UtcDateTime, now, upsert
from agentflow.kit.errors import TooMany


class RateCounter(Base):
    """How often something happened in a window that began at `window_start`."""

    __tablename__ = "rate_counters"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


async def seconds_to_wait(session: AsyncSession, kind: str, who: str, *, limit: int, seconds: int) -> int:
    """Count one more in this transaction: 0 when it is within the limit, else until the window ends."""
    at = now(session)
    start = datetime.fromtimestamp(at.timestamp() // seconds * seconds, at.tzinfo)
    ends = start + timedelta(seconds=seconds)
    statement = (
        upsert(session, RateCounter)
        .values(name=f"{kind}:{who}"[:300], window_start=start, hits=1, expires_at=ends)
        .on_conflict_do_update(index_elements=["name", "window_start"], set_={"hits": RateCounter.hits + 1})
        .returning(RateCounter.hits)
    )
    hits = (await session.execute(statement)).scalar_one()
    return 0 if hits <= limit else max(1, math.ceil((ends - at).total_seconds()))


class Rates:
    """Counts in fixed windows: at most `limit` a window, so at most twice that across a border."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def check(self, kind: str, who: str, *, limit: int, seconds: int) -> None:
        """Count one more; raises TooMany with the seconds until the window ends."""
        async with self._db.transaction() as session:
            wait = await seconds_to_wait(session, kind, who, limit=limit, seconds=seconds)
        if wait:
            raise TooMany(
                f"At most {limit} in {seconds} seconds; try again in {wait}.",
                retry_after=wait,
                limit=limit,
                seconds=seconds,
            )

    async def forget(self) -> None:
        """Delete the counters of windows that are over."""
        async with self._db.transaction() as session:
            await session.execute(delete(RateCounter).where(RateCounter.expires_at < now(session)))
