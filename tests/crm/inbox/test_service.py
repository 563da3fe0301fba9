"""Lists, statuses and routes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.kit.clock import ManualClock
from agentflow.kit.pagination import BadCursor, position_in_time
from channels.errors import ChannelAccountNotFound
from channels.messages import DeliveryStatus, ErrorClass, ErrorInfo, EventKind
from crm.inbox import service as inbox
from crm.inbox.schemas import ConversationFilter, MessageStatus, OwnerKind, advance
from tests.talk import AGENT, Talk, make_talk, reply, said


@given(st.lists(st.sampled_from(MessageStatus), max_size=6))
def test_that_a_status_never_goes_back_and_order_does_not_matter(reports: list[MessageStatus]) -> None:
    ends = set()
    for order in itertools.islice(itertools.permutations(reports), 120):
        current, seen = MessageStatus.QUEUED, [MessageStatus.QUEUED]
        for report in order:
            current = advance(current, report)
            seen.append(current)
        ranks = [list(MessageStatus).index(status) for status in seen]
        assert ranks == sorted(ranks)
        ends.add(current)
    assert len(ends) == 1
    delivered = {MessageStatus.DELIVERED, MessageStatus.READ} & set(reports)
    assert (MessageStatus.FAILED in ends) == (MessageStatus.FAILED in reports and not delivered)


async def test_that_all_24_orders_of_sent_delivered_read_and_failed_end_in_read(talk: Talk) -> None:
    """And failed, with its reason, wins where neither delivered nor read ever comes."""
    every: tuple[DeliveryStatus, ...] = ("sent", "delivered", "read", "failed")
    orders: list[tuple[DeliveryStatus, ...]] = [*itertools.permutations(every)]
    assert len(orders) == 24
    undelivered: list[tuple[DeliveryStatus, ...]] = [("sent", "failed"), ("failed", "sent")]
    for number, order in enumerate([*orders, *undelivered]):
        recorded = await talk.say(visitor=f"vis_{number}")
        finished = await talk.answer(recorded)
        async with talk.db.transaction() as session:
            for status in order:
                report = replace(
                    said(talk.account, "", visitor=f"vis_{number}", key=status),
                    kind=EventKind.STATUS,
                    payload=finished.message_id,
                    status=status,
                    error=ErrorInfo(ErrorClass.BAD_REQUEST, "131026", "Undeliverable")
                    if status == "failed"
                    else None,
                )
                await inbox.receive(session, talk.account, report)
        shown = inbox.read_message((await talk.messages(recorded.conversation_id))[-1])
        expected = ("failed", "131026 Undeliverable") if order in undelivered else ("read", None)
        assert (shown.status, shown.failure) == expected, order


async def test_that_conversations_are_paged_with_the_newest_message_first(
    talk: Talk, clock: ManualClock
) -> None:
    made = []
    for number in range(5):
        made.append((await talk.say(visitor=f"vis_{number}")).conversation_id)
        clock.advance(timedelta(seconds=number % 2))  # some at the same moment
    clock.advance(timedelta(seconds=1))
    await talk.say(visitor="vis_0")

    seen: list[str] = []
    after = None
    while True:
        async with talk.db.read() as session:
            page = await inbox.list_conversations(session, talk.workspace_id, after=after, limit=2)
        if not page:
            break
        seen += [one.id for one in page]
        after = position_in_time(page[-1].last_message_at, page[-1].id)
    assert sorted(seen) == sorted(made)
    assert seen[0] == made[0]
    async with talk.db.read() as session:
        assert not await inbox.list_conversations(
            session, talk.workspace_id, ConversationFilter(owner=OwnerKind.STAFF), limit=10
        )
        for wrong in ("nonsense", "2026-01-01T00:00:00|cnv_1"):
            with pytest.raises(BadCursor):
                await inbox.list_conversations(session, talk.workspace_id, after=wrong, limit=2)


async def test_that_messages_are_paged_in_order_and_show_staff_the_trace(talk: Talk) -> None:
    recorded = await talk.say()
    outcome = reply()
    await talk.answer(recorded, outcome)

    async with talk.db.read() as session:
        [second] = await inbox.list_messages(
            session, talk.workspace_id, recorded.conversation_id, after="1", limit=5
        )
        with pytest.raises(BadCursor):
            await inbox.list_messages(
                session, talk.workspace_id, recorded.conversation_id, after="x", limit=5
            )
    shown = inbox.read_message(second)
    assert (shown.seq, shown.author, shown.status) == (2, "agent", "queued")
    assert shown.sentences[0].citations[0].quote == "We are open."
    assert shown.trace == {}


async def test_that_reading_marks_what_was_sent_before_but_not_what_was_withdrawn(talk: Talk) -> None:
    recorded = await talk.say("one")
    withdrawn = await talk.answer(recorded)
    await inbox.take_over(talk.db, talk.staff, recorded.conversation_id, wait_seconds=0.1)
    async with talk.db.transaction() as session:
        await inbox.hand_back(session, talk.staff, recorded.conversation_id)
    sent = await talk.answer(recorded)
    await talk.sender.send(sent.outbox_id)
    unsettled = await talk.answer(await talk.say("two"))

    conversation = await talk.conversation(recorded.conversation_id)
    for status in (MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.DELIVERED):
        async with talk.db.transaction() as session:
            await inbox.mark_up_to(session, conversation, unsettled.message_id, status)
    await talk.sender.send(unsettled.outbox_id)

    statuses = {one.id: one.status for one in await talk.messages(recorded.conversation_id)}
    assert statuses[withdrawn.message_id] == "failed"
    assert statuses[sent.message_id] == "read"
    assert statuses[unsettled.message_id] == "read"


async def test_that_a_route_belongs_to_an_account_of_the_same_workspace(talk: Talk) -> None:
    stranger = await make_talk(talk.db)

    async with talk.db.transaction() as session:
        route = await inbox.set_route(session, talk.workspace_id, talk.account.id, "agt_other")
        with pytest.raises(ChannelAccountNotFound):
            await inbox.set_route(session, stranger.workspace_id, talk.account.id, AGENT)
    assert route.agent_id == "agt_other"
    recorded = await talk.say(visitor="vis_new")
    assert (await talk.conversation(recorded.conversation_id)).agent_id == "agt_other"
