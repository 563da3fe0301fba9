"""Every query over model connections."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.llm.models import ModelConnection


async def find_connection(
    session: AsyncSession, workspace_id: str, connection_id: str
) -> ModelConnection | None:
    """A connection of this workspace that is not in the bin."""
    query = select(ModelConnection).where(
        ModelConnection.workspace_id == workspace_id,
        ModelConnection.id == connection_id,
        ModelConnection.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_binned_connection(
    session: AsyncSession, workspace_id: str, connection_id: str
) -> ModelConnection | None:
    """A connection in the bin."""
    query = select(ModelConnection).where(
        ModelConnection.workspace_id == workspace_id,
        ModelConnection.id == connection_id,
        ModelConnection.deleted_at.is_not(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_environment_connection(session: AsyncSession, workspace_id: str) -> ModelConnection | None:
    """The connection that the environment variables made."""
    query = select(ModelConnection).where(
        ModelConnection.workspace_id == workspace_id,
        ModelConnection.created_by_environment.is_(True),
        ModelConnection.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_connections(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int, deleted: bool
) -> list[ModelConnection]:
    """Connections, oldest first; those in the bin when `deleted`."""
    there = shown(session, ModelConnection.deleted_at, deleted)
    query = (
        select(ModelConnection)
        .where(ModelConnection.workspace_id == workspace_id, there)
        .order_by(ModelConnection.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(ModelConnection.id > after)
    return list((await session.execute(query)).scalars())


async def usable_connections(
    session: AsyncSession, workspace_id: str, *, at: datetime
) -> list[ModelConnection]:
    """Connections whose circuit is closed, in the order to try them."""
    query = (
        select(ModelConnection)
        .where(
            ModelConnection.workspace_id == workspace_id,
            ModelConnection.deleted_at.is_(None),
            ModelConnection.circuit_open_until.is_(None) | (ModelConnection.circuit_open_until <= at),
        )
        .order_by(ModelConnection.position, ModelConnection.id)
    )
    return list((await session.execute(query)).scalars())
