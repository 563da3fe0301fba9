"""Idempotency keys: a request that is repeated with its key is answered again, not done again.

A key belongs to a workspace and is kept for 24 hours. It is reserved before the work and completed after it;
a reservation whose process died is free again after a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, Database, EncryptedText, UtcDateTime, now, upsert
from agentflow.kit.errors import Conflict

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=1)


class IdempotencyKey(Base):
    """A key that a caller sent, and the answer once there is one."""

    __tablename__ = "idempotency_keys"

    workspace_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(EncryptedText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class KeyReused(Conflict):
    """The key came with another request."""

    code = "idempotency_key_reused"


class KeyInUse(Conflict):
    """The first request with this key is still being worked on."""

    code = "idempotency_key_in_use"


@dataclass(frozen=True)
class StoredAnswer:
    """What the first request was answered."""

    status: int
    body: str


async def reserve(db: Database, workspace_id: str, key: str, request_hash: str) -> StoredAnswer | None:
    """Take the key: None means that the caller shall do the work and then `complete` or `release`.

    `request_hash` is over route and body. Raises KeyReused and KeyInUse.
    """
    async with db.transaction() as session:
        at = now(session)
        await session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.workspace_id == workspace_id,
                IdempotencyKey.key == key,
                (IdempotencyKey.created_at <= at - KEPT)
                | (IdempotencyKey.status.is_(None) & (IdempotencyKey.created_at <= at - ABANDONED)),
            )
        )
        taken = await session.execute(
            upsert(session, IdempotencyKey)
            .values(workspace_id=workspace_id, key=key, request_hash=request_hash, created_at=at)
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.key)
        )
        if taken.scalar_one_or_none() is not None:
            return None
        query = select(IdempotencyKey).where(
            IdempotencyKey.workspace_id == workspace_id, IdempotencyKey.key == key
        )
        known = (await session.execute(query)).scalar_one()
    if known.request_hash != request_hash:
        raise KeyReused("This Idempotency-Key was sent with another request in the last 24 hours.")
    if known.status is None or known.body is None:
        raise KeyInUse("The first request with this Idempotency-Key is still running; try again in a moment.")
    return StoredAnswer(known.status, known.body)


async def complete(db: Database, workspace_id: str, key: str, answer: StoredAnswer) -> None:
    """Keep the answer for whoever repeats the request."""
    async with db.transaction() as session:
        await session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.workspace_id == workspace_id, IdempotencyKey.key == key)
            .values(status=answer.status, body=answer.body)
        )


async def release(db: Database, workspace_id: str, key: str) -> None:
    """Give the key back: the request was refused or failed, so a repetition may try again."""
    async with db.transaction() as session:
        await session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.workspace_id == workspace_id,
                IdempotencyKey.key == key,
                IdempotencyKey.status.is_(None),
            )
        )


async def forget_old(db: Database) -> None:
    """Delete keys older than 24 hours."""
    async with db.transaction() as session:
        await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now(session) - KEPT))
