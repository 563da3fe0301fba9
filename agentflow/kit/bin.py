"""The bin: for 30 days a deletion can be undone, after that what was deleted is erased for good.

Agents and teams are not erased, and staff lose only their data: conversations go on naming them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from agentflow.kit.db import Database, now
from agentflow.kit.errors import Conflict

BIN_DAYS = 30


class TooLateToRestore(Conflict):
    """It was in the bin for longer than it is kept."""

    code = "too_late_to_restore"


def bin_since(session: AsyncSession) -> datetime:
    """What was deleted by then is past restoring."""
    return now(session) - timedelta(days=BIN_DAYS)


def check_restorable(session: AsyncSession, deleted_at: datetime | None) -> None:
    """Raises TooLateToRestore."""
    if deleted_at is not None and deleted_at <= bin_since(session):
        raise TooLateToRestore(f"What was deleted more than {BIN_DAYS} days ago cannot be restored.")


def shown(session: AsyncSession, deleted_at: Any, deleted: bool) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """What is not in the bin; when `deleted`, what is there and can be restored."""
    found: ColumnElement[bool] = deleted_at > bin_since(session) if deleted else deleted_at.is_(None)
    return found


async def erase_expired(db: Database, table: type[Any], *held: InstrumentedAttribute[str]) -> None:
    """Erase what is past restoring, in all workspaces; first rows that name it in one of these columns."""
    async with db.transaction() as session:
        expired = table.deleted_at <= bin_since(session)
        for column in held:
            await session.execute(delete(column.class_).where(column.in_(select(table.id).where(expired))))
        await session.execute(delete(table).where(expired))
