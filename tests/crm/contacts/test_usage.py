"""Who counts as active in a month, and in which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import InvalidInput
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.merging import service as merging
from crm.contacts.usage import service as usage
from crm.inbox import service as inbox
from crm.inbox.schemas import Assignment, ConversationStatus, StatusUpdate
from tests.crm.contacts.records import log_of, new_contact, staff_of
from tests.talk import AGENT, Talk, make_talk


async def active(talk: Talk, month: str | None = None) -> int:
    async with talk.db.read() as session:
        return (await usage.monthly_active_contacts(session, talk.workspace_id, month)).active


async def test_that_a_contact_that_is_only_stored_or_only_written_at_is_not_active(talk: Talk) -> None:
    for number in range(3):
        await new_contact(talk, f"Stored {number}")
    async with talk.db.transaction() as session:
        # A widget that is opened makes a contact and a conversation; nothing is said.
        await inbox.open_conversation(session, talk.account, "vis_silent")
    assert await active(talk) == 0


async def test_that_whoever_writes_or_is_answered_is_active_once(talk: Talk, clock: ManualClock) -> None:
    said = await talk.say("Hello")
    assert await active(talk) == 1
    await talk.answer(said)
    await talk.say("Thank you")
    await talk.say("Hello", visitor="vis_2")
    assert await active(talk) == 2
    clock.advance(timedelta(days=31))
    assert await active(talk) == 0
    await inbox.take_over(talk.db, talk.staff, said.conversation_id)
    assert await active(talk) == 0
    async with talk.db.transaction() as session:
        await inbox.reply_as_staff(session, talk.staff, said.conversation_id, "A late answer")
    assert (await active(talk), await active(talk, "2026-03")) == (1, 2)


async def test_that_a_month_is_the_workspaces_own(talk: Talk, clock: ManualClock) -> None:
    clock.time = datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC)
    await talk.say("Still March in Amsterdam")
    clock.advance(timedelta(seconds=1))
    await talk.say("April", visitor="vis_2")
    assert (await active(talk, "2026-03"), await active(talk, "2026-04")) == (1, 1)
    assert await active(talk) == 1
    clock.time = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    await talk.say("Happy new year")
    assert (await active(talk, "2026-12"), await active(talk, "2027-01")) == (0, 1)
    with pytest.raises(InvalidInput):
        await active(talk, "2026-13")


async def test_that_workspaces_are_counted_apart_and_a_merged_person_once(talk: Talk) -> None:
    stranger = await make_talk(talk.db)
    one, two = await talk.say("Hi", visitor="vis_1"), await talk.say("Hi", visitor="vis_2")
    assert (await active(talk), await active(stranger)) == (2, 0)
    ids = [(await talk.conversation(said.conversation_id)).contact_id for said in (one, two)]
    async with talk.db.transaction() as session:
        done = await merging.merge(session, staff_of(talk), ids[0], ids[1])
    assert await active(talk) == 1
    async with talk.db.transaction() as session:
        await merging.undo(session, staff_of(talk), done.id)
    assert await active(talk) == 2


async def test_that_the_log_tells_what_happened_in_a_talk(talk: Talk) -> None:
    said = await talk.say("Hello")
    finished = await talk.answer(said)
    contact_id = (await talk.conversation(said.conversation_id)).contact_id
    to_ada = Assignment(staff_id=talk.staff.id)
    await inbox.assign(talk.db, talk.colleague, said.conversation_id, to_ada)
    async with talk.db.transaction() as session:
        written = await inbox.reply_as_staff(session, talk.staff, said.conversation_id, "I am Ada")
        closed = StatusUpdate(status=ConversationStatus.CLOSED)
        await inbox.change_status(session, talk.colleague, said.conversation_id, closed)
        await inbox.hand_back(session, talk.staff, said.conversation_id)
    log = (await log_of(talk, contact_id))[::-1]
    assert [(line.kind, line.subject_id, line.actor_id) for line in log] == [
        (ActivityKind.MESSAGE_RECEIVED, said.message_id, None),
        (ActivityKind.MESSAGE_SENT, finished.message_id, AGENT),
        (ActivityKind.ASSIGNED, said.conversation_id, talk.colleague.id),
        (ActivityKind.MESSAGE_SENT, written.id, talk.staff.id),
        (ActivityKind.STATUS_CHANGED, said.conversation_id, talk.colleague.id),
        (ActivityKind.ASSIGNED, said.conversation_id, talk.staff.id),
    ]
    owners = [line.detail["id"] for line in log if line.kind is ActivityKind.ASSIGNED]
    assert owners == [talk.staff.id, AGENT]
