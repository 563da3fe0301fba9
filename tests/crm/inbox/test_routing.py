"""Routing rules: the first that holds says who gets a new conversation; what is gone is passed over."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from pydantic import ValidationError

from agentflow.kit.clock import ManualClock
from crm.contacts import service as contacts
from crm.contacts.filters.schemas import Comparison, Operator
from crm.contacts.schemas import ContactUpdate
from crm.inbox import service as inbox
from crm.inbox.models import Conversation
from crm.inbox.routing import service as routing
from crm.inbox.routing.deciding import PORT
from crm.inbox.routing.errors import BadCondition, BadOrder, BadTarget, RuleNotFound, TooManyRules
from crm.inbox.routing.schemas import (
    Conditions,
    RuleCreate,
    RuleOrder,
    RuleProblem,
    RuleRead,
    RuleUpdate,
    Target,
)
from crm.teams import service as teams
from crm.teams.hours import Hours
from crm.teams.models import TeamMember
from crm.teams.opening import set_hours
from crm.teams.schemas import TeamCreate
from tests.e2e.live import LiveApp
from tests.talk import AGENT, Talk, make_talk

ALWAYS = Conditions()


async def add_rule(talk: Talk, target: Target, conditions: Conditions = ALWAYS, name: str = "rule") -> str:
    async with talk.db.transaction() as session:
        data = RuleCreate(name=name, conditions=conditions, target=target)
        return (await routing.create_rule(session, talk.workspace_id, data)).id


async def add_team(talk: Talk, name: str, *staff_ids: str) -> str:
    async with talk.db.transaction() as session:
        team = await teams.create_team(session, talk.workspace_id, TeamCreate(name=name))
        for staff_id in staff_ids:
            session.add(
                TeamMember(
                    team_id=team.id,
                    staff_id=staff_id,
                    workspace_id=talk.workspace_id,
                    created_at=talk.db.clock.now(),
                )
            )
        return team.id


async def opened(talk: Talk, visitor: str, *, locale: str | None = None) -> Conversation:
    async with talk.db.transaction() as session:
        return await inbox.open_conversation(session, talk.account, visitor, locale=locale)


async def rules(talk: Talk) -> list[RuleRead]:
    async with talk.db.read() as session:
        return await routing.list_rules(session, talk.workspace_id)


async def test_that_the_first_rule_that_holds_decides_and_else_the_accounts_agent(talk: Talk) -> None:
    team = await add_team(talk, "Dutch")
    fax = await add_rule(talk, Target(agent_id="agt_fax"), Conditions(channels=["livechat"]))
    async with talk.db.transaction() as session:  # of a time when there was such a channel
        rule = await routing.get_rule(session, talk.workspace_id, fax)
        rule.conditions = Conditions(channels=["fax"]).model_dump_json()
    await add_rule(talk, Target(team_id=team), Conditions(languages=["nl"]))
    await add_rule(talk, Target(staff_id=talk.staff.id), Conditions(languages=["nl", "en_GB"]))

    dutch = await opened(talk, "vis_1", locale="nl-BE")
    assert (dutch.owner_kind, dutch.team_id, dutch.agent_id) == ("nobody", team, AGENT)
    british = await opened(talk, "vis_2", locale="en-GB")
    assert (british.owner_kind, british.staff_id) == ("staff", talk.staff.id)
    other = await opened(talk, "vis_3", locale="en")
    assert (other.owner_kind, other.agent_id) == ("agent", AGENT)
    await talk.say(visitor="vis_1")
    assert talk.jobs.named("turn") == [], "no agent owns it"
    again = await opened(talk, "vis_1", locale="en")
    assert again.team_id == team, "a conversation is routed when it opens, not at each message"


async def test_that_a_round_robin_gives_each_member_a_turn(talk: Talk) -> None:
    team = await add_team(talk, "Support 2", talk.staff.id, talk.colleague.id)
    await add_rule(talk, Target(round_robin_team_id=team))
    got = [(await opened(talk, f"vis_{number}")).staff_id for number in range(4)]
    assert got[:2] == got[2:] == sorted((talk.staff.id, talk.colleague.id))


async def test_that_working_hours_decide(talk: Talk, clock: ManualClock) -> None:
    """The clock stands at half past ten on a Monday in Amsterdam."""
    team = await add_team(talk, "Day shift")
    hours = Hours.model_validate(
        {"time_zone": "Europe/Amsterdam", "week": {"monday": [{"start": "09:00", "end": "17:00"}]}}
    )
    async with talk.db.transaction() as session:
        await set_hours(session, talk.workspace_id, team, hours)
    await add_rule(talk, Target(team_id=team), Conditions(hours="open", hours_of_team_id=team))
    assert (await opened(talk, "vis_1")).team_id == team
    clock.advance(timedelta(hours=8))
    assert (await opened(talk, "vis_2")).owner_kind == "agent"


async def test_that_a_contacts_property_decides_when_it_is_routed_anew(talk: Talk) -> None:
    here = (await talk.say()).conversation_id
    condition = Comparison(property="label", operator=Operator.HAS, value="vip")
    contact_id = (await talk.conversation(here)).contact_id
    async with talk.db.transaction() as session:
        await contacts.update_contact(session, talk.workspace_id, contact_id, ContactUpdate(labels=["vip"]))
    await add_rule(talk, Target(staff_id=talk.colleague.id), Conditions(contact=condition))
    assert (await opened(talk, "vis_other")).owner_kind == "agent"
    routed = await inbox.route_again(talk.db, talk.staff, here)
    assert (routed.owner_kind, routed.staff_id) == ("staff", talk.colleague.id)
    async with talk.db.transaction() as session:
        await contacts.update_contact(session, talk.workspace_id, contact_id, ContactUpdate(labels=[]))
    assert (await inbox.route_again(talk.db, talk.staff, here)).owner_kind == "agent"


async def test_that_a_rule_whose_target_is_gone_is_passed_over_and_says_so(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    gone: set[str] = set()

    async def exists(session: object, workspace_id: str, agent_id: str) -> bool:
        return agent_id not in gone

    talk.db.ports[PORT] = exists
    empty = await add_team(talk, "Soon empty", talk.colleague.id)
    await add_rule(talk, Target(agent_id="agt_old"))
    await add_rule(talk, Target(round_robin_team_id=empty))
    await add_rule(talk, Target(staff_id=talk.colleague.id))
    await add_rule(talk, Target(staff_id=talk.staff.id))
    assert [rule.problem for rule in await rules(talk)] == [None] * 4
    gone.add("agt_old")
    async with talk.db.transaction() as session:
        colleague = await teams.get_staff_member(session, talk.workspace_id, talk.colleague.id)
        colleague.deleted_at = talk.db.clock.now()

    with caplog.at_level(logging.WARNING):
        assert (await opened(talk, "vis_1")).staff_id == talk.staff.id
    assert caplog.text.count("is passed over") == 3
    assert [rule.problem for rule in await rules(talk)] == [
        RuleProblem.TARGET_GONE,
        RuleProblem.NO_MEMBERS,
        RuleProblem.TARGET_GONE,
        None,
    ]


async def test_that_rules_are_reordered_switched_off_binned_and_restored(talk: Talk) -> None:
    first = await add_rule(talk, Target(staff_id=talk.staff.id), name="first")
    second = await add_rule(talk, Target(staff_id=talk.colleague.id), name="second")
    async with talk.db.transaction() as session:
        for wrong in ([first], [first, first], [first, second, "rul_none"]):
            with pytest.raises(BadOrder):
                await routing.reorder(session, talk.workspace_id, RuleOrder(ids=wrong))
        await routing.reorder(session, talk.workspace_id, RuleOrder(ids=[second, first]))
    assert [rule.name for rule in await rules(talk)] == ["second", "first"]
    assert (await opened(talk, "vis_1")).staff_id == talk.colleague.id
    async with talk.db.transaction() as session:
        await routing.update_rule(session, talk.workspace_id, second, RuleUpdate(enabled=False))
    assert (await opened(talk, "vis_2")).staff_id == talk.staff.id
    async with talk.db.transaction() as session:
        await routing.delete_rule(session, talk.workspace_id, first)
    assert (await opened(talk, "vis_3")).owner_kind == "agent"
    async with talk.db.transaction() as session:
        await routing.restore_rule(session, talk.workspace_id, first)
    assert [rule.id for rule in await rules(talk)] == [second, first]


async def test_that_bad_rules_and_those_of_elsewhere_are_refused(talk: Talk) -> None:
    stranger = await make_talk(talk.db)
    mine = await add_rule(talk, Target(staff_id=talk.staff.id))
    for target in (
        Target(staff_id=stranger.staff.id),
        Target(team_id="tea_none"),
        Target(round_robin_team_id=await add_team(talk, "Empty")),
    ):
        with pytest.raises(BadTarget):
            await add_rule(talk, target)
    for never in (
        {"channels": ["livechat", "fax"]},
        {"languages": ["nl", "xx"]},
        {"languages": ["dutch"]},
        {"languages": ["nl-"]},
    ):
        with pytest.raises(BadCondition):
            await add_rule(talk, Target(staff_id=talk.staff.id), Conditions.model_validate(never))
    for wrong in ({}, {"staff_id": "a", "team_id": "b"}):
        with pytest.raises(ValidationError):
            Target.model_validate(wrong)
    with pytest.raises(RuleNotFound):
        async with talk.db.transaction() as session:
            await routing.delete_rule(session, stranger.workspace_id, mine)
    async with talk.db.transaction() as session:
        data = RuleCreate(name="more", target=Target(staff_id=talk.staff.id))
        for _ in range(99):
            await routing.create_rule(session, talk.workspace_id, data)
        with pytest.raises(TooManyRules):
            await routing.create_rule(session, talk.workspace_id, data)


def test_that_a_condition_that_can_never_hold_is_refused_with_what_is_allowed(live_app: LiveApp) -> None:
    rule = {"name": "never", "target": {"team_id": live_app.api("GET", "/teams")[1]["items"][0]["id"]}}
    for conditions, place, allowed in (
        ({"channels": ["telex"]}, "conditions.channels", ["livechat"]),
        ({"languages": ["xx"]}, "conditions.languages", "ISO 639-1"),
    ):
        status, problem = live_app.api("POST", "/routing-rules", rule | {"conditions": conditions})
        assert (status, problem["code"], problem["field"]) == (422, "bad_routing_condition", place)
        assert problem["allowed"][: len(allowed)] == allowed
