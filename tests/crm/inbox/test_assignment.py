"""Who is to deal with a conversation, whether there is anything to do in it, and who has read it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import InvalidInput
from crm.inbox import service as inbox
from crm.inbox.errors import OwnerChanged
from crm.inbox.events import STAFF_STREAM, VISITOR_KINDS
from crm.inbox.models import Conversation
from crm.inbox.schemas import (
    Assignment,
    ConversationFilter,
    ConversationRead,
    ConversationStatus,
    OwnerKind,
    StatusUpdate,
)
from crm.teams import service as teams
from crm.teams.errors import NotAccepted, RecordNotFound
from crm.teams.schemas import TeamCreate
from tests.talk import AGENT, Talk

OPEN, PENDING, CLOSED = ConversationStatus


async def assign(talk: Talk, conversation_id: str, to: Assignment) -> Conversation:
    return await inbox.assign(talk.db, talk.staff, conversation_id, to)


async def change(talk: Talk, conversation_id: str, data: StatusUpdate) -> Conversation:
    async with talk.db.transaction() as session:
        return await inbox.change_status(session, talk.staff, conversation_id, data)


async def listed(
    talk: Talk, wanted: ConversationFilter, *, staff_id: str | None = None
) -> list[ConversationRead]:
    async with talk.db.read() as session:
        found = await inbox.list_conversations(session, talk.workspace_id, wanted, limit=50)
        return await inbox.read_conversations(session, talk.workspace_id, found, staff_id=staff_id)


async def told(talk: Talk) -> list[tuple[str, object]]:
    """What staff alone were told: kinds, with the status or the owner."""
    events = await talk.events(STAFF_STREAM)
    return [(event.kind, event.payload.get("status") or event.payload.get("owner_kind")) for event in events]


async def test_that_a_person_a_team_nobody_and_an_agent_can_get_a_conversation(talk: Talk) -> None:
    async with talk.db.transaction() as session:
        team = await teams.create_team(session, talk.workspace_id, TeamCreate(name="Returns"))
    here = (await talk.say()).conversation_id

    person = await assign(talk, here, Assignment(staff_id=talk.colleague.id))
    assert (person.owner_kind, person.staff_id) == (OwnerKind.STAFF, talk.colleague.id)
    waiting = await assign(talk, here, Assignment(team_id=team.id))
    assert (waiting.owner_kind, waiting.staff_id, waiting.team_id) == (OwnerKind.NOBODY, None, team.id)
    nobody = await assign(talk, here, Assignment(nobody=True))
    assert (nobody.owner_kind, nobody.team_id) == (OwnerKind.NOBODY, None)
    agent = await assign(talk, here, Assignment(agent_id="agt_other"))
    assert (agent.owner_kind, agent.agent_id) == (OwnerKind.AGENT, "agt_other")
    assert talk.jobs.named("turn")[-1].ids == (here, 1), "the agent answers what is open"
    assert (await told(talk))[1:] == [
        ("assignment", "staff"),
        ("assignment", "nobody"),
        ("assignment", "nobody"),
        ("assignment", "agent"),
    ]
    assert not {"conversation", "assignment", "note"} & set(VISITOR_KINDS)


@pytest.mark.parametrize("to", ["staff", "team", "nobody"])
async def test_that_an_agents_answer_under_way_ends_whoever_else_gets_it(talk: Talk, to: str) -> None:
    async with talk.db.read() as session:
        team = await teams.get_team(session, talk.workspace_id, None)
    assignment = {
        "staff": Assignment(staff_id=talk.colleague.id),
        "team": Assignment(team_id=team.id),
        "nobody": Assignment(nobody=True),
    }[to]
    recorded = await talk.say()
    answering = await talk.must_begin(recorded)
    await talk.sentence(answering)
    await assign(talk, recorded.conversation_id, assignment)

    with pytest.raises(OwnerChanged):
        await talk.finish(answering)
    assert await talk.begin(recorded) is None
    assert await talk.events(recorded.conversation_id, "sentence") == []


async def test_that_a_move_to_a_team_cut_off_halfway_completes_itself(talk: Talk, clock: ManualClock) -> None:
    async with talk.db.transaction() as session:
        team = await teams.create_team(session, talk.workspace_id, TeamCreate(name="Returns"))
    here = (await talk.say()).conversation_id
    async with talk.db.transaction() as session:
        conversation = await inbox.open_conversation(session, talk.account, "vis_1")
        conversation.closing_for, conversation.closing_name = team.id, team.name
        conversation.closing_until = clock.now() + timedelta(seconds=10)
    clock.advance(timedelta(seconds=11))
    await talk.say("Hello?")

    conversation = await talk.conversation(here)
    assert (conversation.owner_kind, conversation.team_id) == (OwnerKind.NOBODY, team.id)


async def test_that_nobody_unknown_and_nobody_of_elsewhere_can_get_it(talk: Talk) -> None:
    here = (await talk.say()).conversation_id
    for to in (Assignment(staff_id="stf_none"), Assignment(team_id="tea_none")):
        with pytest.raises(RecordNotFound):
            await assign(talk, here, to)
    for wrong in ({}, {"nobody": False}, {"staff_id": "stf_1", "team_id": "tea_1"}):
        with pytest.raises(ValidationError):
            Assignment.model_validate(wrong)
    assert (await talk.conversation(here)).agent_id == AGENT


async def test_that_a_new_message_opens_what_is_closed_or_waits_for_its_time(
    talk: Talk, clock: ManualClock
) -> None:
    here = (await talk.say()).conversation_id
    tomorrow = clock.now() + timedelta(days=1)
    for data in (StatusUpdate(status=CLOSED), StatusUpdate(status=PENDING, until=tomorrow)):
        changed = await change(talk, here, data)
        assert (changed.status, changed.snoozed_until) == (data.status, data.until)
        await talk.say("One more thing")
        again = await talk.conversation(here)
        assert (again.status, again.snoozed_until) == (OPEN, None)
    assert [status for _, status in await told(talk)] == ["open", "closed", "open", "pending", "open"]


async def test_that_what_was_set_aside_opens_at_its_time_and_not_before(
    talk: Talk, clock: ManualClock
) -> None:
    here = (await talk.say()).conversation_id
    await change(talk, here, StatusUpdate(status=PENDING, until=clock.now() + timedelta(hours=1)))
    await inbox.wake(talk.db)
    assert [one.status for one in await listed(talk, ConversationFilter(status=(OPEN,)))] == []
    clock.advance(timedelta(hours=1))
    await inbox.wake(talk.db)
    assert [one.id for one in await listed(talk, ConversationFilter(status=(OPEN,)))] == [here]


async def test_that_a_time_belongs_to_pending_alone_and_lies_ahead(talk: Talk, clock: ManualClock) -> None:
    here = (await talk.say()).conversation_id
    for wrong in (
        StatusUpdate(status=PENDING),
        StatusUpdate(status=OPEN, until=clock.now() + timedelta(hours=1)),
        StatusUpdate(status=PENDING, until=clock.now()),
    ):
        with pytest.raises(InvalidInput):
            await change(talk, here, wrong)


async def test_that_unread_counts_are_of_each_staff_member_and_never_go_up_by_reading(talk: Talk) -> None:
    here = (await talk.say("one")).conversation_id
    await talk.say("two")
    other = (await talk.say("three", visitor="vis_2")).conversation_id

    async def unread(staff_id: str) -> list[tuple[str, int | None]]:
        found = await listed(talk, ConversationFilter(unread_by=staff_id), staff_id=staff_id)
        return sorted((one.id, one.unread) for one in found)

    async def read(staff_id: str, seq: int | None) -> None:
        async with talk.db.transaction() as session:
            await inbox.mark_read(session, talk.workspace_id, here, staff_id, seq=seq)

    assert await unread(talk.staff.id) == [(here, 2), (other, 1)]
    await read(talk.staff.id, 1)
    assert await unread(talk.staff.id) == [(here, 1), (other, 1)]
    await read(talk.staff.id, None)
    await read(talk.staff.id, 1)
    assert await unread(talk.staff.id) == [(other, 1)]
    assert await unread(talk.colleague.id) == [(here, 2), (other, 1)]
    await talk.say("four")
    assert await unread(talk.staff.id) == [(here, 1), (other, 1)]
    assert {one.unread for one in await listed(talk, ConversationFilter())} == {None}, "a key reads nothing"


async def test_that_the_list_shows_the_last_thing_said_and_its_author(talk: Talk) -> None:
    recorded = await talk.say("Do  you\nhave " + "x" * 300)
    [shown] = await listed(talk, ConversationFilter())
    assert (shown.preview_author, len(shown.preview or "")) == ("contact", 160)
    assert (shown.preview or "").startswith("Do you have xxx")
    await talk.answer(recorded)
    await assign(talk, recorded.conversation_id, Assignment(staff_id=talk.staff.id))
    [shown] = await listed(talk, ConversationFilter())
    assert (shown.preview_author, shown.preview) == ("agent", "We are open."), (
        "what the system says is no news"
    )


async def test_that_the_list_is_filtered_by_what_a_conversation_is(talk: Talk) -> None:
    first, second = [(await talk.say(visitor=name)).conversation_id for name in ("vis_1", "vis_2")]
    await assign(talk, first, Assignment(staff_id=talk.staff.id))
    await change(talk, second, StatusUpdate(status=CLOSED))
    cases = {
        ConversationFilter(): {first, second},
        ConversationFilter(status=(OPEN,)): {first},
        ConversationFilter(status=(OPEN, CLOSED)): {first, second},
        ConversationFilter(owner=OwnerKind.STAFF, staff_id=talk.staff.id): {first},
        ConversationFilter(staff_id=talk.colleague.id): set(),
        ConversationFilter(owner=OwnerKind.AGENT, agent_id=AGENT): {second},
        ConversationFilter(channel=talk.account.channel): {first, second},
        ConversationFilter(channel="fax"): set(),
        ConversationFilter(language="nl"): set(),
    }
    for wanted, expected in cases.items():
        assert {one.id for one in await listed(talk, wanted)} == expected, wanted


async def test_that_only_somebody_who_has_accepted_gets_a_conversation(talk: Talk) -> None:
    here = (await talk.say()).conversation_id
    async with talk.db.transaction() as session:
        invited = await teams.create_staff_member(
            session, talk.workspace_id, email="new@shop.example", name="Cas", password_hash=""
        )
    with pytest.raises(NotAccepted):
        await assign(talk, here, Assignment(staff_id=invited.id))
    async with talk.db.transaction() as session:
        accepted = await teams.get_staff_member(session, talk.workspace_id, invited.id)
        accepted.password_hash = "a hash"
    assert (await assign(talk, here, Assignment(staff_id=invited.id))).staff_id == invited.id
