"""The rules of agent records: one knowledge base each, teams that exist, a new version per change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.agents import repository
from agentflow.agents.errors import AgentNotFound, BadAgentFile, KnowledgeBaseMissing, UnknownTeam
from agentflow.agents.models import Agent
from agentflow.agents.schemas import (
    ROLE_INSTRUCTIONS,
    AgentCreate,
    AgentRead,
    AgentUpdate,
    AnswerLength,
    Guardrail,
    HandoffRule,
    Role,
)
from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.errors import NotFound
from agentflow.kit.ids import new_id
from crm.teams import service as teams
from knowledge import service as knowledge

_GUARDRAILS: TypeAdapter[list[Guardrail]] = TypeAdapter(list[Guardrail])
_HANDOFF_RULES: TypeAdapter[list[HandoffRule]] = TypeAdapter(list[HandoffRule])


def parse_agent(values: object) -> AgentCreate:
    """The configuration in a parsed YAML or JSON file.

    Raises BadAgentFile with one line that names every wrong field.
    """
    if not isinstance(values, dict):
        raise BadAgentFile("An agent file holds keys and values, such as `name: Support`.")
    try:
        return AgentCreate.model_validate(values)
    except ValidationError as wrong:
        raise BadAgentFile(
            " ".join(_complaint(error["loc"], error["msg"]) for error in wrong.errors())
        ) from wrong


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in place)
    return f"Unknown key {name}." if message.startswith("Extra inputs") else f"{name}: {message}."


def teams_named(data: AgentCreate) -> list[str]:
    """The teams that the handoff rules name, each once, in order."""
    return list(dict.fromkeys(rule.team for rule in data.handoff_rules if rule.team is not None))


async def create_agent(session: AsyncSession, workspace_id: str, data: AgentCreate) -> Agent:
    """A new agent in version 1.

    Raises KnowledgeBaseMissing, UnknownTeam, and NotFound for an unknown knowledge base.
    """
    if data.knowledge_base_id is None:
        raise KnowledgeBaseMissing("Name the knowledge base this agent answers from in knowledge_base_id.")
    await knowledge.get_knowledge_base(session, workspace_id, data.knowledge_base_id)
    at = now(session)
    agent = Agent(
        id=new_id("agt"),
        workspace_id=workspace_id,
        knowledge_base_id=data.knowledge_base_id,
        version=1,
        name=data.name,
        role=data.role,
        instructions=ROLE_INSTRUCTIONS[data.role] if data.instructions is None else data.instructions,
        tone=data.tone,
        answer_length=data.answer_length,
        language=data.language,
        guardrails=_as_json(data.guardrails),
        handoff_rules=_as_json(await _with_team_ids(session, workspace_id, data.handoff_rules)),
        created_at=at,
        updated_at=at,
    )
    session.add(agent)
    await session.flush()
    return agent


async def update_agent(session: AsyncSession, workspace_id: str, agent_id: str, data: AgentUpdate) -> Agent:
    """Change what is given and count the version up.

    A new role brings its preset instructions only where the old ones were still the old preset.
    Raises AgentNotFound, UnknownTeam, and NotFound for an unknown knowledge base.
    """
    agent = await get_agent(session, workspace_id, agent_id)
    if data.knowledge_base_id is not None:
        await knowledge.get_knowledge_base(session, workspace_id, data.knowledge_base_id)
    changes: dict[str, object] = data.model_dump(exclude_none=True)
    if data.guardrails is not None:
        changes["guardrails"] = _as_json(data.guardrails)
    if data.handoff_rules is not None:
        changes["handoff_rules"] = _as_json(await _with_team_ids(session, workspace_id, data.handoff_rules))
    if data.role is not None and agent.instructions in ROLE_INSTRUCTIONS.values():
        changes.setdefault("instructions", ROLE_INSTRUCTIONS[data.role])
    for field, value in changes.items():
        setattr(agent, field, value)
    agent.version += 1
    agent.updated_at = now(session)
    await session.flush()
    return agent


async def get_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> Agent:
    """The agent. Raises AgentNotFound."""
    agent = await repository.find_agent(session, workspace_id, agent_id)
    if agent is None:
        raise AgentNotFound("There is no such agent.")
    return agent


async def exists(session: AsyncSession, workspace_id: str, agent_id: str) -> bool:
    """Whether there is such an agent, outside the bin."""
    try:
        await get_agent(session, workspace_id, agent_id)
    except AgentNotFound:
        return False
    return True


async def list_agents(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
    deleted: bool = False,
) -> list[Agent]:
    """Agents by id, oldest first, after the id given; those in the bin when `deleted`."""
    return await repository.list_agents(session, workspace_id, after=after, limit=limit, deleted=deleted)


async def agents_of(session: AsyncSession, workspace_id: str, knowledge_base_id: str) -> list[str]:
    """Ids of the agents that answer from a knowledge base."""
    return await repository.agents_of_base(session, workspace_id, knowledge_base_id)


async def delete_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> None:
    """Put the agent into the bin. Raises AgentNotFound."""
    agent = await get_agent(session, workspace_id, agent_id)
    agent.deleted_at = now(session)


async def restore_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> Agent:
    """Take an agent out of the bin within 30 days. Raises AgentNotFound, TooLateToRestore."""
    agent = await repository.find_binned_agent(session, workspace_id, agent_id)
    if agent is None:
        raise AgentNotFound("There is no such agent in the bin.")
    check_restorable(session, agent.deleted_at)
    agent.deleted_at = None
    return agent


def read_agent(agent: Agent) -> AgentRead:
    """The record as the API shows it and the runner uses it."""
    return AgentRead(
        id=agent.id,
        version=agent.version,
        name=agent.name,
        role=Role(agent.role),
        instructions=agent.instructions,
        tone=agent.tone,
        answer_length=AnswerLength(agent.answer_length),
        language=agent.language,
        guardrails=_GUARDRAILS.validate_json(agent.guardrails),
        handoff_rules=_HANDOFF_RULES.validate_json(agent.handoff_rules),
        knowledge_base_id=agent.knowledge_base_id,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
        deleted_at=agent.deleted_at,
    )


async def _with_team_ids(
    session: AsyncSession, workspace_id: str, rules: Sequence[HandoffRule]
) -> list[HandoffRule]:
    """Names become ids, so that renaming a team breaks no rule."""
    return [
        rule.model_copy(update={"team": await _team_id(session, workspace_id, rule.team)}) for rule in rules
    ]


async def _team_id(session: AsyncSession, workspace_id: str, named: str | None) -> str | None:
    if named is None:
        return None
    team = await teams.find_team_by_name(session, workspace_id, named)
    if team is not None:
        return team.id
    try:
        return (await teams.get_team(session, workspace_id, named)).id
    except NotFound as unknown:
        raise UnknownTeam(f"A handoff rule names the team {named!r}, which does not exist.") from unknown


def _as_json(values: Iterable[BaseModel]) -> str:
    return json.dumps([value.model_dump() for value in values], ensure_ascii=False)
