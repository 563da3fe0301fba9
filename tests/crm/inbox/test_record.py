"""What comes in is stored once, in order, and has a job."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.settings import Settings
from channels.messages import EventKind, InboundEvent
from crm.contacts.models import Contact, ContactIdentity
from crm.inbox import service as inbox
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import Recorded
from tests.talk import BURST, Talk, make_talk, said


async def test_that_a_message_brings_contact_conversation_event_and_job(
    talk: Talk,
) -> None:
    recorded = await talk.say("When are you open?", key="c-1")

    conversation = await talk.conversation(recorded.conversation_id)
    assert (conversation.owner_kind, conversation.agent_id) == ("agent", "agt_of_the_tests")
    assert (recorded.seq, recorded.duplicate) == (1, False)
    [event] = await talk.events(recorded.conversation_id)
    assert event.kind == "message"
    assert event.payload["text"] == "When are you open?"
    assert event.payload["client_msg_id"] == "c-1"
    [job] = talk.jobs.named("turn")
    assert job.ids == (recorded.conversation_id, 1)
    assert (job.job_id, job.partition) == (f"turn:{recorded.message_id}", recorded.conversation_id)


async def test_that_a_message_told_five_times_at_once_is_recorded_once(talk: Talk) -> None:
    told = await asyncio.gather(*(talk.say("Hi", key="same") for _ in range(5)))

    assert len({recorded.message_id for recorded in told}) == 1
    assert sorted(recorded.duplicate for recorded in told) == [False, True, True, True, True]
    assert len(talk.jobs.named("turn")) == 1
    assert len(await talk.events(told[0].conversation_id)) == 1


async def test_that_twenty_first_messages_at_once_make_one_contact_and_a_gapless_row(talk: Talk) -> None:
    told = await asyncio.gather(*(talk.say(f"message {number}") for number in range(20)))

    assert len({recorded.conversation_id for recorded in told}) == 1
    assert sorted(recorded.seq for recorded in told) == list(range(1, 21))
    async with talk.db.read() as session:
        for table in (Contact, ContactIdentity, Conversation):
            assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 1
    assert (await talk.conversation(told[0].conversation_id)).last_seq == 20


async def test_that_twenty_first_messages_at_four_workers_make_one_conversation_in_order_of_receipt(
    talk: Talk, settings: Settings
) -> None:
    """Each worker has connections of its own, as processes do; the clock is the real one."""
    workers = [Database(settings) for _ in range(4)]
    for worker in workers:
        worker.jobs = talk.jobs

    async def say(number: int) -> Recorded:
        event = said(talk.account, f"message {number}", visitor="vis_new", key=f"c-{number}")
        async with workers[number % 4].transaction() as session:
            return await inbox.record(session, talk.account, event, BURST)

    told = await asyncio.gather(*(say(number) for number in range(20)))
    for worker in workers:
        await worker.close()

    [here] = {recorded.conversation_id for recorded in told}
    assert sorted(recorded.seq for recorded in told) == list(range(1, 21))
    messages = await talk.messages(here)
    assert [message.seq for message in messages] == list(range(1, 21))
    times = [message.created_at for message in messages]
    assert times == sorted(times)
    events = [event.payload["seq"] for event in await talk.events(here, "message")]
    assert events == list(range(1, 21)), "and told in that order"
    async with talk.db.read() as session:
        for table in (Contact, ContactIdentity, Conversation):
            assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 1


async def test_that_a_first_message_is_answered_at_once_and_a_burst_waits(
    talk: Talk, clock: ManualClock
) -> None:
    await talk.say("Hello")
    clock.advance(timedelta(seconds=3.9))
    await talk.say("I have a question")
    clock.advance(timedelta(seconds=4))
    await talk.say("About shipping")

    assert [job.delay_seconds for job in talk.jobs.named("turn")] == [0, 1, 0]


async def test_that_without_a_route_nobody_owns_and_no_job_runs(db: Database) -> None:
    talk = await make_talk(db, routed=False)

    recorded = await talk.say()

    assert (await talk.conversation(recorded.conversation_id)).owner_kind == "nobody"
    assert talk.jobs.jobs == []
    assert await talk.begin(recorded) is None


async def test_that_the_same_provider_id_from_two_visitors_is_two_messages(talk: Talk) -> None:
    one, other = await talk.say(visitor="vis_1", key="c-1"), await talk.say(visitor="vis_2", key="c-1")

    assert one.conversation_id != other.conversation_id
    assert not other.duplicate


async def test_that_message_bodies_and_events_are_unreadable_in_the_database(talk: Talk) -> None:
    await talk.say("my secret address")

    async with talk.db.read() as session:
        connection = await session.connection()
        stored = str((await connection.exec_driver_sql("SELECT text FROM messages")).all())
        stored += str((await connection.exec_driver_sql("SELECT payload FROM events")).all())
    assert "secret" not in stored


async def test_that_typing_reading_and_opting_out_are_taken_without_a_message(talk: Talk) -> None:
    recorded = await talk.say()
    finished = await talk.answer(recorded)
    await talk.sender.send(finished.outbox_id)

    await receive(talk, EventKind.TYPING, payload="on")
    await receive(talk, EventKind.STATUS, payload=finished.message_id, status="read")
    await receive(talk, EventKind.OPT_OUT)
    await receive(talk, EventKind.UNKNOWN)

    assert [event.payload for event in await talk.events(recorded.conversation_id, "typing", "status")] == [
        {"on": True, "role": "contact"},
        {"message_id": finished.message_id, "status": "read"},
    ]
    async with talk.db.read() as session:
        assert (await session.execute(select(ContactIdentity.opted_out_at))).scalar_one() is not None
        assert (await session.execute(select(func.count()).select_from(Message))).scalar_one() == 2


async def receive(talk: Talk, kind: EventKind, **fields: object) -> None:
    event = said(talk.account, "", visitor="vis_1", key="x")
    values = {**event.__dict__, "kind": kind, **fields}
    async with talk.db.transaction() as session:
        assert await inbox.receive(session, talk.account, InboundEvent(**values), BURST) is None
