"""News: one `events` table whose cursor is given in commit order; a reader who tails it misses none.

Each workspace has one counter row. A transaction takes it last, just before its commit, and holds
it until the commit is done: a lower cursor is therefore always visible before a higher one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, ForeignKey, Index, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime, now, upsert


class EventCursor(Base):
    """The last cursor given in a workspace."""

    __tablename__ = "event_cursors"

    workspace_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger, default=0)


class EventRow(Base):
    """One event. `stream` names what it is about (a conversation's id), `kind` what happened."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "workspace_id", "stream", "cursor"),)

    workspace_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("event_cursors.workspace_id"), primary_key=True
    )
    cursor: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    stream: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(60))
    payload: Mapped[str] = mapped_column(EncryptedText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Event:
    """An event as a reader gets it."""

    cursor: int
    stream: str
    kind: str
    payload: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class _Published:
    workspace_id: str
    stream: str
    kind: str
    payload: dict[str, Any]


def publish(
    session: AsyncSession, workspace_id: str, *, stream: str, kind: str, payload: dict[str, Any]
) -> None:
    """Add an event to this transaction; it gets its cursor just before the commit."""
    waiting: list[_Published] = session.info.setdefault("published", [])
    if _write_published not in session.info["before_commit"]:
        session.info["before_commit"].append(_write_published)
    waiting.append(_Published(workspace_id, stream, kind, payload))


async def _write_published(session: AsyncSession) -> None:
    waiting: list[_Published] = session.info.pop("published", [])
    session.info["news_in"] = {event.workspace_id for event in waiting}
    await session.flush()  # everything else first: the counter's lock is held for the shortest time
    for workspace_id in sorted({event.workspace_id for event in waiting}):
        batch = [event for event in waiting if event.workspace_id == workspace_id]
        first = await _take_cursors(session, workspace_id, len(batch))
        rows = [
            {
                "workspace_id": workspace_id,
                "cursor": first + index,
                "stream": event.stream,
                "kind": event.kind,
                "payload": json.dumps(event.payload, ensure_ascii=False),
                "created_at": now(session),
            }
            for index, event in enumerate(batch)
        ]
        await session.execute(
            insert(cast(Table, EventRow.__table__)), rows
        )  # past the session, which is done: cheaper


async def _take_cursors(session: AsyncSession, workspace_id: str, count: int) -> int:
    """Lock the workspace's counter until commit; return the first of `count` new cursors."""
    statement = (
        upsert(session, EventCursor)
        .values(workspace_id=workspace_id, last=count)
        .on_conflict_do_update(index_elements=["workspace_id"], set_={"last": EventCursor.last + count})
        .returning(EventCursor.last)
    )
    last: int = (await session.execute(statement)).scalar_one()
    return last - count + 1


async def read_events(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: int,
    stream: str | Collection[str] | None = None,
    kinds: Sequence[str] | None = None,
    limit: int = 200,
) -> list[Event]:
    """Events with a cursor above `after`, oldest first; of one or several streams and kinds if given."""
    query = (
        select(EventRow)
        .where(EventRow.workspace_id == workspace_id, EventRow.cursor > after)
        .order_by(EventRow.cursor)
        .limit(limit)
    )
    if stream is not None:
        query = query.where(EventRow.stream.in_([stream] if isinstance(stream, str) else list(stream)))
    if kinds is not None:
        query = query.where(EventRow.kind.in_(kinds))
    return [_read(row) for row in (await session.execute(query)).scalars()]


async def find_last_event(
    session: AsyncSession,
    workspace_id: str,
    *,
    stream: str,
    kind: str,
    up_to: int | None = None,
    skip: int = 0,
) -> Event | None:
    """The newest event of a kind in a stream, at most at the cursor `up_to`, passing over `skip` of them."""
    query = (
        select(EventRow)
        .where(EventRow.workspace_id == workspace_id, EventRow.stream == stream, EventRow.kind == kind)
        .order_by(EventRow.cursor.desc())
        .offset(skip)
        .limit(1)
    )
    if up_to is not None:
        query = query.where(EventRow.cursor <= up_to)
    row = (await session.execute(query)).scalar_one_or_none()
    return None if row is None else _read(row)


def _read(row: EventRow) -> Event:
    return Event(row.cursor, row.stream, row.kind, json.loads(row.payload), row.created_at)


async def last_cursor(session: AsyncSession, workspace_id: str) -> int:
    """The highest cursor given so far; 0 before the first event."""
    query = select(EventCursor.last).where(EventCursor.workspace_id == workspace_id)
    return (await session.execute(query)).scalar_one_or_none() or 0


async def last_cursors(session: AsyncSession, workspace_ids: Collection[str]) -> dict[str, int]:
    """The highest cursor of each of these workspaces that has one."""
    query = select(EventCursor.workspace_id, EventCursor.last).where(
        EventCursor.workspace_id.in_(list(workspace_ids))
    )
    return {row.workspace_id: row.last for row in await session.execute(query)}


async def prune_events(
    session: AsyncSession, workspace_id: str, *, stream: str, kinds: Collection[str]
) -> None:
    """Delete the events of some kinds in a stream (sentences of an answer that is now final)."""
    await session.execute(
        delete(EventRow).where(
            EventRow.workspace_id == workspace_id,
            EventRow.stream == stream,
            EventRow.kind.in_(kinds),
        )
    )
