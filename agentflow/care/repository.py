"""Every query about back-ups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.care.models import Backup


async def find_backup(session: AsyncSession, backup_id: str) -> Backup | None:
    """One back-up by its id."""
    return await session.get(Backup, backup_id)


async def list_backups(session: AsyncSession, *, at: datetime) -> list[Backup]:
    """The back-ups that have not expired, oldest first."""
    query = select(Backup).where(Backup.expires_at > at).order_by(Backup.created_at)
    return list((await session.execute(query)).scalars())
