"""The bin that contacts and most of what is kept with them share: for 30 days a deletion can be undone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from crm.contacts.errors import TooLateToRestore

BIN_DAYS = 30


def bin_since(session: AsyncSession) -> datetime:
    """What was deleted by then is past restoring."""
    return now(session) - timedelta(days=BIN_DAYS)


def check_restorable(session: AsyncSession, deleted_at: datetime | None) -> None:
    """Raises TooLateToRestore."""
    if deleted_at is not None and deleted_at <= bin_since(session):
        raise TooLateToRestore(f"What was deleted more than {BIN_DAYS} days ago cannot be restored.")
