"""Staff take over, answer and hand back; the agent keeps quiet meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from crm.inbox import service as inbox
from crm.inbox.errors import (
    ConversationNotFound,
    MessageNotFound,
    NoAgent,
    NotYourConversation,
    OwnerChanged,
    TakeoverLost,
)
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import MessageStatus, StaffLike
from tests.talk import Talk, handoff, make_talk


async def take_over(talk: Talk, conversation_id: str, who: StaffLike | None = None) -> Conversation:
    return await inbox.take_over(talk.db, who or talk.staff, conversation_id, wait_seconds=0.2)


async def answer_as(talk: Talk, who: StaffLike, conversation_id: str, text: str = "Ada here.") -> Message:
    async with talk.db.transaction() as session:
        return await inbox.reply_as_staff(session, who, conversation_id, text)


async def hand_back(talk: Talk, conversation_id: str) -> Conversation:
    async with talk.db.transaction() as session:
        return await inbox.hand_back(session, talk.staff, conversation_id)


async def test_that_a_takeover_ends_the_answer_being_written(talk: Talk) -> None:
    recorded = await talk.say()
    answering = await talk.must_begin(recorded)
    await talk.sentence(answering)
    conversation = await take_over(talk, recorded.conversation_id)

    assert (conversation.owner_kind, conversation.staff_id) == ("staff", talk.staff.id)
    assert conversation.owner_epoch == answering.owner_epoch + 1
    with pytest.raises(OwnerChanged):
        await talk.sentence(answering)
    with pytest.raises(OwnerChanged):
        await talk.finish(answering)
    assert await talk.begin(recorded) is None
    events = await talk.events(recorded.conversation_id)
    assert [event.kind for event in events] == ["message", "status", "message"]
    assert events[1].payload == {"message_id": answering.message_id, "status": "failed"}
    assert (events[2].payload["role"], events[2].payload["text"]) == ("system", "You are now talking to Ada.")


async def test_that_an_answer_not_yet_sent_is_withdrawn_and_its_question_open_again(talk: Talk) -> None:
    recorded = await talk.say()
    finished = await talk.answer(recorded)
    await take_over(talk, recorded.conversation_id)
    await talk.sender.send(finished.outbox_id)
    await talk.sender.send_pending(recorded.conversation_id)

    assert (await talk.row(finished.outbox_id)).state == "cancelled"
    [_, withdrawn, _] = await talk.messages(recorded.conversation_id)
    assert (withdrawn.status, withdrawn.answers_seq) == ("failed", None)
    assert (await talk.conversation(recorded.conversation_id)).answered_seq == 0
    await hand_back(talk, recorded.conversation_id)
    assert talk.jobs.named("turn")[-1].ids == (recorded.conversation_id, 1)
    again = await talk.must_begin(recorded)
    assert again.message_id != withdrawn.id
    await talk.finish(again)


async def test_that_staff_answer_only_what_they_own_and_the_visitor_reads_it(talk: Talk) -> None:
    recorded = await talk.say()
    with pytest.raises(NotYourConversation):
        await answer_as(talk, talk.staff, recorded.conversation_id)
    await take_over(talk, recorded.conversation_id)
    with pytest.raises(NotYourConversation):
        await answer_as(talk, talk.colleague, recorded.conversation_id)
    message = await answer_as(talk, talk.staff, recorded.conversation_id, "Ada here.")
    [job] = talk.jobs.named("send")
    await talk.sender.send(str(job.ids[0]))

    told = (await talk.events(recorded.conversation_id, "message"))[-1].payload
    assert (told["message_id"], told["role"], told["text"]) == (message.id, "staff", "Ada here.")
    assert (await talk.messages(recorded.conversation_id))[-1].status == "sent"


async def test_that_a_hand_back_returns_to_the_agent_who_answers_what_is_open(talk: Talk) -> None:
    recorded = await talk.say("one")
    await take_over(talk, recorded.conversation_id)
    await answer_as(talk, talk.staff, recorded.conversation_id)
    quiet = await hand_back(talk, recorded.conversation_id)
    assert len(talk.jobs.named("turn")) == 1, "nothing was open"

    await take_over(talk, recorded.conversation_id)
    open_one = await talk.say("two")
    assert len(talk.jobs.named("turn")) == 1, "staff own it"
    back = await hand_back(talk, recorded.conversation_id)

    assert (quiet.owner_kind, back.owner_kind) == ("agent", "agent")
    assert talk.jobs.named("turn")[-1].ids == (recorded.conversation_id, open_one.seq)
    assert (await talk.must_begin(open_one)).question == "two"


async def test_that_after_a_handoff_staff_can_take_over_and_hand_back(talk: Talk) -> None:
    recorded = await talk.say()
    await talk.answer(recorded, handoff())
    assert (await take_over(talk, recorded.conversation_id)).team_id is None
    assert (await hand_back(talk, recorded.conversation_id)).owner_kind == "agent"
    assert (await hand_back(talk, recorded.conversation_id)).owner_kind == "agent"


async def test_that_a_conversation_without_any_agent_cannot_go_back(db: Database) -> None:
    talk = await make_talk(db, routed=False)
    recorded = await talk.say()
    await take_over(talk, recorded.conversation_id)

    with pytest.raises(NoAgent):
        await hand_back(talk, recorded.conversation_id)


async def test_that_taking_over_twice_changes_nothing_and_a_colleague_may_take_it(talk: Talk) -> None:
    recorded = await talk.say()
    first = await take_over(talk, recorded.conversation_id)
    again = await take_over(talk, recorded.conversation_id)
    other = await take_over(talk, recorded.conversation_id, talk.colleague)

    assert first.owner_epoch == again.owner_epoch
    assert (other.staff_id, other.owner_epoch) == (talk.colleague.id, first.owner_epoch + 1)


async def test_that_of_two_taking_over_at_once_exactly_one_owns_it(talk: Talk) -> None:
    for number in range(5):
        recorded = await talk.say(visitor=f"vis_{number}")
        ends = await asyncio.gather(
            take_over(talk, recorded.conversation_id, talk.staff),
            take_over(talk, recorded.conversation_id, talk.colleague),
            return_exceptions=True,
        )
        owner = (await talk.conversation(recorded.conversation_id)).staff_id
        for who, end in zip((talk.staff, talk.colleague), ends, strict=True):
            assert isinstance(end, Conversation | TakeoverLost)
            if who.id == owner:
                assert isinstance(end, Conversation)


async def test_that_a_takeover_cut_off_halfway_completes_itself(talk: Talk, clock: ManualClock) -> None:
    recorded = await talk.say()
    answering = await talk.must_begin(recorded)
    finished = await talk.finish(answering)
    claimed = await talk.sender._claim(finished.outbox_id)
    assert claimed is not None
    cut = asyncio.create_task(inbox.take_over(talk.db, talk.staff, recorded.conversation_id))
    for _ in range(500):
        if (await talk.conversation(recorded.conversation_id)).closing_for is not None:
            break
        await asyncio.sleep(0.01)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    assert (await talk.conversation(recorded.conversation_id)).owner_kind == "agent"
    clock.advance(timedelta(seconds=11))
    await talk.say("Hello?")

    conversation = await talk.conversation(recorded.conversation_id)
    assert (conversation.owner_kind, conversation.staff_id) == ("staff", talk.staff.id)
    assert (await talk.row(finished.outbox_id)).state == "unknown"


async def test_that_another_workspace_finds_nothing(talk: Talk) -> None:
    recorded = await talk.say()
    finished = await talk.answer(recorded)
    stranger = await make_talk(talk.db)

    for refused in (
        take_over(stranger, recorded.conversation_id),
        hand_back(stranger, recorded.conversation_id),
        answer_as(stranger, stranger.staff, recorded.conversation_id),
        stranger.conversation(recorded.conversation_id),
        stranger.messages(recorded.conversation_id),
    ):
        with pytest.raises(ConversationNotFound):
            await refused
    async with talk.db.read() as session:
        assert await inbox.list_conversations(session, stranger.workspace_id, limit=10) == []
    other = await stranger.say()
    mine = await stranger.conversation(other.conversation_id)
    with pytest.raises(MessageNotFound):
        async with talk.db.transaction() as session:
            await inbox.mark_up_to(session, mine, finished.message_id, MessageStatus.READ)
