"""How often a job failed or took its worker down with it; the engine forgets this when a job is adopted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, String, delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime, now, upsert


class JobAttempts(Base):
    """Only jobs that failed at least once have a row."""

    __tablename__ = "job_attempts"

    job_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    failures: Mapped[int] = mapped_column(Integer)
    crashes: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str] = mapped_column(EncryptedText)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    dead_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Attempts:
    """`failures`: the handler raised. `crashes`: the worker died while the job ran."""

    failures: int
    crashes: int


async def count_attempt(
    session: AsyncSession, job_id: str, name: str, *, failures: int = 0, crashes: int = 0, error: str
) -> Attempts:
    """Add to a job's counts and return them."""
    statement = (
        upsert(session, JobAttempts)
        .values(
            job_id=job_id,
            name=name,
            failures=failures,
            crashes=crashes,
            last_error=error,
            updated_at=now(session),
        )
        .on_conflict_do_update(
            index_elements=["job_id"],
            set_={
                "failures": JobAttempts.failures + failures,
                "crashes": JobAttempts.crashes + crashes,
                "last_error": error,
                "updated_at": now(session),
            },
        )
        .returning(JobAttempts.failures, JobAttempts.crashes)
    )
    row = (await session.execute(statement)).one()
    return Attempts(row.failures, row.crashes)


async def mark_dead(session: AsyncSession, job_id: str) -> None:
    """Note that the job is given up."""
    await session.execute(
        update(JobAttempts).where(JobAttempts.job_id == job_id).values(dead_at=now(session))
    )


async def forget_attempts(session: AsyncSession, before: datetime) -> None:
    """Delete counts that were last touched before that time."""
    await session.execute(delete(JobAttempts).where(JobAttempts.updated_at < before))
