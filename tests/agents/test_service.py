"""Agent records: one knowledge base, teams that exist, versions, the bin, and configuration files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentflow.agents import service
from agentflow.agents.errors import AgentNotFound, BadAgentFile, KnowledgeBaseMissing, UnknownTeam
from agentflow.agents.schemas import ROLE_INSTRUCTIONS, AgentCreate, AgentUpdate, Role
from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import NotFound
from crm.teams import service as teams
from crm.teams.schemas import TeamCreate
from knowledge import service as knowledge
from knowledge.schemas import KnowledgeBaseCreate


@pytest.fixture
async def workspace_id(db: Database) -> str:
    async with db.transaction() as session:
        return (await teams.create_workspace(session, name="Shop", time_zone="UTC", locale="en")).id


@pytest.fixture
async def base_id(db: Database, workspace_id: str) -> str:
    async with db.transaction() as session:
        base = await knowledge.create_knowledge_base(session, workspace_id, KnowledgeBaseCreate(name="Shop"))
        return base.id


def configuration(**changes: object) -> AgentCreate:
    return service.parse_agent({"name": "Robin", **changes})


async def test_that_an_agent_keeps_what_it_was_given(db: Database, workspace_id: str, base_id: str) -> None:
    given = configuration(
        role="sales",
        tone="like a pirate",
        answer_length="short",
        language="nl",
        guardrails=[{"name": "rivals", "kind": "phrase", "phrases": ["Acme"], "reply": "No comment."}],
        handoff_rules=[{"kind": "failed_turns", "n": 2}],
        knowledge_base_id=base_id,
    )
    async with db.transaction() as session:
        made = await service.create_agent(session, workspace_id, given)
    async with db.read() as session:
        found = service.read_agent(await service.get_agent(session, workspace_id, made.id))
    assert found.version == 1
    assert found.instructions == ROLE_INSTRUCTIONS[Role.SALES]
    assert found.guardrails == given.guardrails
    assert found.handoff_rules == given.handoff_rules
    assert (found.tone, found.answer_length, found.language) == ("like a pirate", "short", "nl")


async def test_that_an_agent_has_exactly_one_knowledge_base(
    db: Database, workspace_id: str, base_id: str
) -> None:
    async with db.transaction() as session:
        with pytest.raises(KnowledgeBaseMissing):
            await service.create_agent(session, workspace_id, configuration())
        with pytest.raises(NotFound):
            await service.create_agent(session, workspace_id, configuration(knowledge_base_id="kb_none"))
        other = await teams.create_workspace(session, name="Other", time_zone="UTC", locale="en")
        with pytest.raises(NotFound):
            await service.create_agent(session, other.id, configuration(knowledge_base_id=base_id))


async def test_that_every_change_is_a_new_version(db: Database, workspace_id: str, base_id: str) -> None:
    async with db.transaction() as session:
        made = await service.create_agent(session, workspace_id, configuration(knowledge_base_id=base_id))
        for version, tone in ((2, "friendly"), (3, "informal")):
            changed = await service.update_agent(session, workspace_id, made.id, AgentUpdate(tone=tone))
            assert (changed.version, changed.tone) == (version, tone)
        assert changed.name == "Robin"


async def test_that_a_new_role_brings_its_preset_but_keeps_own_instructions(
    db: Database, workspace_id: str, base_id: str
) -> None:
    async with db.transaction() as session:
        preset = await service.create_agent(session, workspace_id, configuration(knowledge_base_id=base_id))
        await service.update_agent(session, workspace_id, preset.id, AgentUpdate(role=Role.SALES))
        assert preset.instructions == ROLE_INSTRUCTIONS[Role.SALES]
        own = configuration(knowledge_base_id=base_id, instructions="Sell boats.")
        written = await service.create_agent(session, workspace_id, own)
        await service.update_agent(session, workspace_id, written.id, AgentUpdate(role=Role.SALES))
        assert written.instructions == "Sell boats."


async def test_that_a_rule_names_a_team_by_name_or_id_and_keeps_the_id(
    db: Database, workspace_id: str, base_id: str
) -> None:
    async with db.transaction() as session:
        team = await teams.create_team(session, workspace_id, TeamCreate(name="Repairs"))
        for named in ("repairs", team.id):
            rules = [{"kind": "no_answer", "team": named}, {"kind": "customer_asks"}]
            given = configuration(knowledge_base_id=base_id, handoff_rules=rules)
            made = await service.create_agent(session, workspace_id, given)
            kept = service.read_agent(made).handoff_rules
            assert [rule.team for rule in kept] == [team.id, None]
        given = configuration(
            knowledge_base_id=base_id, handoff_rules=[{"kind": "no_answer", "team": "Nobody"}]
        )
        with pytest.raises(UnknownTeam, match="'Nobody'"):
            await service.create_agent(session, workspace_id, given)
    assert service.teams_named(given) == ["Nobody"]


async def test_that_a_deleted_agent_comes_back_within_thirty_days(
    db: Database, clock: ManualClock, workspace_id: str, base_id: str
) -> None:
    async with db.transaction() as session:
        made = await service.create_agent(session, workspace_id, configuration(knowledge_base_id=base_id))
        await service.delete_agent(session, workspace_id, made.id)
        with pytest.raises(AgentNotFound):
            await service.get_agent(session, workspace_id, made.id)
        assert await service.list_agents(session, workspace_id) == []
    clock.advance(timedelta(days=29))
    async with db.transaction() as session:
        await service.restore_agent(session, workspace_id, made.id)
        assert [agent.id for agent in await service.list_agents(session, workspace_id)] == [made.id]
        await service.delete_agent(session, workspace_id, made.id)
    clock.advance(timedelta(days=31))
    async with db.transaction() as session:
        with pytest.raises(TooLateToRestore):
            await service.restore_agent(session, workspace_id, made.id)


async def test_that_another_workspace_does_not_see_an_agent(
    db: Database, workspace_id: str, base_id: str
) -> None:
    async with db.transaction() as session:
        made = await service.create_agent(session, workspace_id, configuration(knowledge_base_id=base_id))
        with pytest.raises(AgentNotFound):
            await service.get_agent(session, "wsp_other", made.id)
        assert await service.list_agents(session, "wsp_other") == []


async def test_that_agents_are_listed_in_pages(db: Database, workspace_id: str, base_id: str) -> None:
    async with db.transaction() as session:
        made = [
            await service.create_agent(session, workspace_id, configuration(knowledge_base_id=base_id))
            for _ in range(3)
        ]
        first = await service.list_agents(session, workspace_id, limit=2)
        rest = await service.list_agents(session, workspace_id, after=first[-1].id, limit=2)
    assert [agent.id for agent in [*first, *rest]] == [agent.id for agent in made]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (["name"], "keys and values"),
        ({}, "name: Field required"),
        ({"name": "R", "tonne": "friendly"}, "Unknown key tonne."),
        ({"name": "R", "answer_length": "huge"}, "answer_length: Input should be"),
        (
            {"name": "R", "handoff_rules": [{"kind": "failed_turns"}]},
            "handoff_rules.0.failed_turns.n: Field required",
        ),
        (
            {"name": "R", "guardrails": [{"name": "g", "kind": "topic", "reply": "No."}]},
            "examples: Field required",
        ),
        ({"name": "R", "guardrails": [{"name": "g", "kind": "mood", "reply": "No."}]}, "guardrails.0: "),
    ],
    ids=str,
)
def test_that_a_wrong_agent_file_is_refused_by_the_field(values: object, complaint: str) -> None:
    with pytest.raises(BadAgentFile) as refused:
        service.parse_agent(values)
    assert complaint in refused.value.detail
    assert "\n" not in refused.value.detail
