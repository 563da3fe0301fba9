"""Every query over agents."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.agents.models import Agent
from agentflow.kit.bin import shown


async def find_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> Agent | None:
    """An agent of this workspace that is not in the bin."""
    query = select(Agent).where(
        Agent.workspace_id == workspace_id, Agent.id == agent_id, Agent.deleted_at.is_(None)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_binned_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> Agent | None:
    """An agent in the bin."""
    query = select(Agent).where(
        Agent.workspace_id == workspace_id, Agent.id == agent_id, Agent.deleted_at.is_not(None)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def agents_of_base(session: AsyncSession, workspace_id: str, knowledge_base_id: str) -> list[str]:
    """Ids of the agents that answer from a knowledge base."""
    query = select(Agent.id).where(
        Agent.workspace_id == workspace_id,
        Agent.knowledge_base_id == knowledge_base_id,
        Agent.deleted_at.is_(None),
    )
    return list((await session.execute(query)).scalars())


async def list_agents(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int, deleted: bool
) -> list[Agent]:
    """Agents of this workspace, oldest first; those in the bin when `deleted`."""
    there = shown(session, Agent.deleted_at, deleted)
    query = select(Agent).where(Agent.workspace_id == workspace_id, there).order_by(Agent.id).limit(limit)
    if after is not None:
        query = query.where(Agent.id > after)
    return list((await session.execute(query)).scalars())
