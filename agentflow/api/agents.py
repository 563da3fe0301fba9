"""AI agents: what they are told, which knowledge they answer from, when they hand over."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.agents import service as agents
from agentflow.agents.schemas import AgentCreate, AgentRead, AgentUpdate
from agentflow.api.deps import AgentsReader, AgentsWriter, App, Cursor, Deleted, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of

router = APIRouter(prefix="/agents", tags=["agents"], route_class=IdempotentRoute)


@router.get("")
async def list_agents(
    app: App, who: AgentsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[AgentRead]:
    """Agents, oldest first."""
    async with app.db.read() as session:
        found = await agents.list_agents(
            session, who.workspace_id, after=decode_cursor(cursor), limit=limit + 1, deleted=deleted
        )
    return page_of(
        [agents.read_agent(agent) for agent in found], limit=limit, cursor_of=lambda agent: agent.id
    )


@router.post("", status_code=201)
async def create_agent(data: AgentCreate, app: App, who: AgentsWriter) -> AgentRead:
    """A new agent in version 1."""
    async with app.db.transaction() as session:
        return agents.read_agent(await agents.create_agent(session, who.workspace_id, data))


@router.get("/{agent_id}")
async def get_agent(agent_id: str, app: App, who: AgentsReader) -> AgentRead:
    """One agent."""
    async with app.db.read() as session:
        return agents.read_agent(await agents.get_agent(session, who.workspace_id, agent_id))


@router.patch("/{agent_id}")
async def update_agent(agent_id: str, data: AgentUpdate, app: App, who: AgentsWriter) -> AgentRead:
    """Change what is given; the version counts up and the next answer uses it."""
    async with app.db.transaction() as session:
        return agents.read_agent(await agents.update_agent(session, who.workspace_id, agent_id, data))


@router.delete("/{agent_id}", status_code=204)
async def delete_agent(agent_id: str, app: App, who: AgentsWriter) -> None:
    """Put an agent into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        await agents.delete_agent(session, who.workspace_id, agent_id)


@router.post("/{agent_id}/restore")
async def restore_agent(agent_id: str, app: App, who: AgentsWriter) -> AgentRead:
    """Take an agent out of the bin."""
    async with app.db.transaction() as session:
        return agents.read_agent(await agents.restore_agent(session, who.workspace_id, agent_id))
