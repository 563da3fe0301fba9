"""The agent's turn: what it may answer, how it streams, what is stored."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from agentflow.kit.ids import new_id
from crm.inbox import service as inbox
from crm.inbox.errors import AnswerSuperseded, OwnerChanged
from crm.inbox.schemas import AnswerOutcome, HistoryLine
from crm.teams import service as teams
from crm.teams.schemas import TeamCreate
from tests.talk import AGENT, Talk, handoff, reply, sentence


async def test_that_an_answer_is_streamed_stored_sent_and_told_once(talk: Talk) -> None:
    recorded = await talk.say("When are you open?")
    answering = await talk.must_begin(recorded)
    await talk.sentence(answering, "We open at nine.")
    await talk.sentence(answering, "We close at six.")
    streamed = await talk.events(recorded.conversation_id, "sentence")
    finished = await talk.finish(answering, reply("We open at nine. We close at six."))
    await talk.sender.send(finished.outbox_id)
    await talk.sender.send(finished.outbox_id)

    assert [event.payload["n"] for event in streamed] == [1, 2]
    assert {event.payload["message_id"] for event in streamed} == {finished.message_id}
    assert await talk.events(recorded.conversation_id, "sentence") == []
    [question, told] = await talk.events(recorded.conversation_id, "message")
    assert question.payload["role"] == "contact"
    assert (told.payload["message_id"], told.payload["role"]) == (finished.message_id, "agent")
    assert (told.payload["seq"], told.payload["status"]) == (2, "sent")
    stored = (await talk.messages(recorded.conversation_id))[1]
    assert (stored.status, stored.answers_seq, stored.agent_id) == ("sent", 1, AGENT)


async def test_that_a_burst_is_answered_once_by_the_last_message(talk: Talk) -> None:
    first, second = await talk.say("Hello"), await talk.say("When are you open?")

    assert await talk.begin(first) is None
    answering = await talk.must_begin(second)
    assert answering.question == "Hello\nWhen are you open?"
    await talk.finish(answering)
    assert await talk.begin(second) is None


async def test_that_history_holds_what_was_said_before_the_question(talk: Talk) -> None:
    await talk.answer(await talk.say("Hello"), reply("Good morning."))
    answering = await talk.must_begin(await talk.say("And on Sunday?"))

    assert answering.question == "And on Sunday?"
    assert answering.history == (HistoryLine("contact", "Hello"), HistoryLine("agent", "Good morning."))


async def test_that_a_long_silence_of_ours_still_ends_in_the_newest_question(talk: Talk) -> None:
    for number in range(60):
        last = await talk.say(f"line {number}")
    answering = await talk.must_begin(last)

    assert answering.question.endswith("line 59")
    assert len(answering.question.splitlines()) <= 60


async def test_that_a_second_attempt_keeps_the_message_and_replaces_the_first(talk: Talk) -> None:
    recorded = await talk.say()
    dead = await talk.must_begin(recorded)
    await talk.sentence(dead)
    again = await talk.must_begin(recorded)
    await talk.sentence(again)

    assert (again.message_id, again.attempt) == (dead.message_id, 2)
    assert [
        event.payload["attempt"] for event in await talk.events(recorded.conversation_id, "sentence")
    ] == [2]
    with pytest.raises(AnswerSuperseded):
        await talk.sentence(dead)
    with pytest.raises(AnswerSuperseded):
        await talk.finish(dead)
    await talk.finish(again)


async def test_that_of_two_finishing_at_once_one_answer_is_stored(talk: Talk) -> None:
    recorded = await talk.say()
    answering = await talk.must_begin(recorded)
    ends = await asyncio.gather(*(talk.finish(answering) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(end, AnswerSuperseded) for end in ends) == 3
    assert [message.author for message in await talk.messages(recorded.conversation_id)] == [
        "contact",
        "agent",
    ]


async def test_that_citations_are_numbered_through_the_answer_and_say_where(talk: Talk) -> None:
    recorded = await talk.say()
    answering = await talk.must_begin(recorded)
    said = [
        sentence("Open at nine.", page=3, public=True),
        sentence("Closed at six.", page=4),
        sentence("Open at nine.", page=3, public=True),
        sentence("On Sundays too.", page=None),
    ]
    said[1]["citations"][0] |= {"page": None, "sheet": "Hours", "row": 7}
    async with talk.db.transaction() as session:
        await inbox.add_sentences(session, answering, said, language="nl")
    cited = [
        event.payload["citations"][0] for event in await talk.events(recorded.conversation_id, "sentence")
    ]
    outcome = AnswerOutcome("reply", "…", said, "nl")
    finished = await talk.finish(answering, outcome)
    await talk.sender.send(finished.outbox_id)
    told = (await talk.events(recorded.conversation_id, "message"))[-1].payload["sentences"]

    assert [one["n"] for one in cited] == [1, 2, 1, 3]
    assert [one["place"] for one in cited] == ["pagina 3", "Hours, rij 7", "pagina 3", "Opening hours"]
    assert cited[0]["title"] == "hours.pdf"
    assert cited[0]["url"].endswith("src_1")
    assert cited[1]["url"] is None
    assert [one["citations"][0] for one in told] == cited
    stored = json.loads((await talk.messages(recorded.conversation_id))[1].sentences or "")
    assert stored[1]["citations"][0] == said[1]["citations"][0]


async def test_that_a_handoff_leaves_the_conversation_to_a_team_and_the_agent_silent(talk: Talk) -> None:
    async with talk.db.transaction() as session:
        sales = await teams.create_team(session, talk.workspace_id, TeamCreate(name="Sales"))
    recorded = await talk.say("A human please")
    finished = await talk.answer(recorded, handoff(sales.id))
    await talk.sender.send(finished.outbox_id)
    later = await talk.say("Are you there?")

    conversation = await talk.conversation(recorded.conversation_id)
    assert (conversation.owner_kind, conversation.team_id) == ("nobody", sales.id)
    assert conversation.handoff_reason == "customer_asks"
    kinds = [event.kind for event in await talk.events(recorded.conversation_id, "handoff", "message")]
    assert kinds == ["message", "handoff", "message", "message"]
    assert (await talk.row(finished.outbox_id)).state == "sent"
    assert await talk.begin(later) is None
    assert len(talk.jobs.named("turn")) == 1


@pytest.mark.parametrize("team_id", [None, "tea_of_nobody"])
async def test_that_a_handoff_to_no_or_a_foreign_team_goes_to_the_default_one(
    talk: Talk, team_id: str | None
) -> None:
    recorded = await talk.say()
    await talk.answer(recorded, handoff(team_id))

    async with talk.db.read() as session:
        default = await teams.get_team(session, talk.workspace_id, None)
    assert (await talk.conversation(recorded.conversation_id)).team_id == default.id


async def test_that_failed_turns_count_in_a_row(talk: Talk) -> None:
    await talk.answer(await talk.say(), reply(failed=True))
    await talk.answer(await talk.say(), reply(failed=True))
    third = await talk.must_begin(await talk.say())
    await talk.finish(third, reply())

    assert third.failed_turns == 2
    assert (await talk.must_begin(await talk.say())).failed_turns == 0


async def test_that_an_answer_for_an_older_epoch_is_refused(talk: Talk) -> None:
    answering = await talk.must_begin(await talk.say())
    stale = replace(answering, owner_epoch=answering.owner_epoch - 1)

    with pytest.raises(OwnerChanged):
        await talk.sentence(stale)
    with pytest.raises(OwnerChanged):
        await talk.finish(stale)


async def test_that_an_unknown_conversation_is_nothing_to_answer(talk: Talk) -> None:
    async with talk.db.transaction() as session:
        assert await inbox.begin_answer(session, new_id("cnv"), 1) is None
