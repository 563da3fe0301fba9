"""The outbox: one request per row, whatever fails, whenever a process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from channels.base import Capabilities
from channels.livechat import LiveChat
from channels.messages import ErrorClass, ErrorInfo, OutboundMessage, Receipt
from channels.models import OutboxRow
from channels.outbox import Sender
from crm.inbox import service as inbox
from tests.talk import Talk


class Scripted(LiveChat):
    """The widget with a wire that fails as told before it works."""

    def __init__(self, talk: Talk, *script: Receipt | Exception | None, idempotent: bool = True) -> None:
        super().__init__(talk.db)
        self.script = list(script)
        self.requests = 0
        values = {**self.caps.__dict__, "idempotent_send": idempotent}
        self.caps = Capabilities(**values)

    async def send(self, msg: OutboundMessage) -> Receipt:
        self.requests += 1
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        return step or await super().send(msg)


def sender_of(talk: Talk, channel: LiveChat, **more: float) -> Sender:
    return Sender(talk.db, {"livechat": channel}, inbox.may_send, inbox.note_end, **more)


async def stored_answer(talk: Talk) -> tuple[str, str]:
    finished = await talk.answer(await talk.say())
    row = await talk.row(finished.outbox_id)
    return row.id, row.conversation_id


async def told(talk: Talk, conversation_id: str) -> Sequence[str]:
    events = await talk.events(conversation_id, "message")
    return [str(event.payload["message_id"]) for event in events if event.payload["role"] == "agent"]


def rejected(cls: ErrorClass, retry_after: float | None = None) -> Receipt:
    return Receipt("rejected", error=ErrorInfo(cls, "told so", retry_after=retry_after))


async def test_that_a_row_found_sending_after_a_kill_is_sent_again_and_arrives_once(talk: Talk) -> None:
    before_request, conversation_id = await stored_answer(talk)
    assert await talk.sender._claim(before_request) is not None  # the process dies here
    await talk.sender.send_pending(conversation_id)
    assert len(await told(talk, conversation_id)) == 1

    after_request, conversation_id = await stored_answer(talk)
    claim = await talk.sender._claim(after_request)
    assert claim is not None
    await claim.channel.send(claim.message)  # the process dies here: no receipt
    await talk.sender.send(after_request)

    assert len(await told(talk, conversation_id)) == 2
    for outbox_id in (before_request, after_request):
        row = await talk.row(outbox_id)
        assert (row.state, row.attempts) == ("sent", 2)


async def test_that_eight_senders_of_one_row_tell_the_visitor_once(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    await asyncio.gather(*(talk.sender.send(outbox_id) for _ in range(8)))

    assert len(await told(talk, conversation_id)) == 1
    assert (await talk.row(outbox_id)).state == "sent"


async def test_that_a_row_found_sending_is_not_sent_again_where_it_could_arrive_twice(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk, idempotent=False)
    assert await sender_of(talk, channel)._claim(outbox_id) is not None
    await sender_of(talk, channel).send(outbox_id)

    assert channel.requests == 0
    assert (await talk.row(outbox_id)).state == "unknown"
    assert await told(talk, conversation_id) == []


async def test_that_a_receipt_that_comes_late_still_settles_an_unknown_row(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    claim = await talk.sender._claim(outbox_id)
    assert claim is not None
    receipt = await claim.channel.send(claim.message)
    await inbox.take_over(talk.db, talk.staff, conversation_id, wait_seconds=0.05)
    assert (await talk.row(outbox_id)).state == "unknown"
    await talk.sender._settle(claim, receipt)

    assert (await talk.row(outbox_id)).state == "sent"
    assert (await talk.messages(conversation_id))[1].status == "sent"


@pytest.mark.parametrize(
    ("first", "delays"),
    [
        (rejected(ErrorClass.TRANSIENT), range(1, 2)),
        (rejected(ErrorClass.THROTTLED_CONTACT, retry_after=7.2), range(7, 8)),
        (RuntimeError("the wire broke"), range(1, 2)),
    ],
)
async def test_that_what_may_pass_is_tried_again_by_a_job(
    talk: Talk, first: Receipt | Exception, delays: range
) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk, first)
    await sender_of(talk, channel).send(outbox_id)

    [job] = talk.jobs.named("send")
    assert job.ids == (outbox_id,)
    assert job.delay_seconds in delays
    assert (await talk.row(outbox_id)).state == "pending"
    await sender_of(talk, channel).send(outbox_id)
    assert (await talk.row(outbox_id)).state == "sent"
    assert len(await told(talk, conversation_id)) == 1


async def test_that_trying_ends_after_six_requests(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk, *[rejected(ErrorClass.TRANSIENT)] * 9)
    for _ in range(8):
        await sender_of(talk, channel).send(outbox_id)

    assert channel.requests == 6
    assert (await talk.row(outbox_id)).state == "failed"
    assert (await talk.messages(conversation_id))[1].status == "failed"
    [failed] = await talk.events(conversation_id, "status")
    assert failed.payload["status"] == "failed"
    waits = [job.delay_seconds for job in talk.jobs.named("send")]
    assert waits == sorted(waits)
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("step", "state", "status"),
    [
        (rejected(ErrorClass.TRANSIENT), "failed", "failed"),
        (RuntimeError("the wire broke"), "unknown", "queued"),
    ],
    ids=["failed", "unknown"],
)
async def test_that_an_answer_that_may_not_have_arrived_is_left_to_people(
    talk: Talk, step: Receipt | Exception, state: str, status: str
) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk, *[step] * 6)
    for _ in range(6):
        await sender_of(talk, channel).send(outbox_id)

    assert (await talk.row(outbox_id)).state == state
    assert (await talk.messages(conversation_id))[1].status == status
    conversation = await talk.conversation(conversation_id)
    assert (conversation.owner_kind, conversation.handoff_reason) == ("nobody", "send_failed")
    assert conversation.team_id is not None
    assert len(await talk.events(conversation_id, "handoff")) == 1
    async with talk.db.transaction() as session:
        await inbox.hand_back(session, talk.staff, conversation_id)
    again = [job for job in talk.jobs.named("turn") if job.job_id.startswith(f"turn:{conversation_id}:")]
    assert len(again) == (state == "failed")  # a question without an answer is answered anew


async def test_that_people_keep_the_conversation_in_which_an_answer_failed(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    claim = await talk.sender._claim(outbox_id)
    assert claim is not None
    taking = asyncio.create_task(inbox.take_over(talk.db, talk.staff, conversation_id, wait_seconds=2.0))
    while (await talk.conversation(conversation_id)).closing_for is None:  # noqa: ASYNC110 - another's doing
        await asyncio.sleep(0.01)
    await talk.sender._settle(claim, rejected(ErrorClass.BAD_REQUEST))
    await taking

    conversation = await talk.conversation(conversation_id)
    assert (conversation.owner_kind, conversation.staff_id) == ("staff", talk.staff.id)
    assert (conversation.answered_seq, conversation.last_inbound_seq) == (0, 1)
    assert (await talk.messages(conversation_id))[1].status == "failed"
    assert await talk.events(conversation_id, "handoff") == []


async def test_that_a_takeover_and_the_end_of_a_send_do_not_wait_for_each_other(talk: Talk) -> None:
    async def end_slowly(session: AsyncSession, row: OutboxRow) -> None:
        await asyncio.sleep(0.3)
        await inbox.note_end(session, row)

    outbox_id, conversation_id = await stored_answer(talk)
    sender = Sender(talk.db, {"livechat": LiveChat(talk.db)}, inbox.may_send, end_slowly)
    claim = await sender._claim(outbox_id)
    assert claim is not None
    await asyncio.gather(
        sender._settle(claim, rejected(ErrorClass.BAD_REQUEST)),
        inbox.take_over(talk.db, talk.staff, conversation_id, wait_seconds=0.05),
    )
    assert (await talk.row(outbox_id)).state == "failed"
    assert (await talk.conversation(conversation_id)).owner_kind == "staff"


@pytest.mark.parametrize("cls", [ErrorClass.BAD_REQUEST, ErrorClass.AUTH, ErrorClass.WINDOW_CLOSED])
async def test_that_a_final_refusal_fails_at_once(talk: Talk, cls: ErrorClass) -> None:
    outbox_id, _ = await stored_answer(talk)
    await sender_of(talk, Scripted(talk, rejected(cls))).send(outbox_id)

    assert (await talk.row(outbox_id)).state == "failed"
    assert talk.jobs.named("send") == []


async def test_that_a_timeout_is_unknown_where_a_repeat_could_arrive_twice(talk: Talk) -> None:
    outbox_id, _ = await stored_answer(talk)
    await sender_of(talk, Scripted(talk, TimeoutError(), idempotent=False)).send(outbox_id)

    assert (await talk.row(outbox_id)).state == "unknown"
    assert talk.jobs.named("send") == []


async def test_that_a_claim_too_old_is_given_back_and_tried_later(talk: Talk) -> None:
    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk)
    await sender_of(talk, channel, claim_seconds=0.0).send(outbox_id)

    assert channel.requests == 0
    assert (await talk.row(outbox_id)).state == "pending"
    assert len(talk.jobs.named("send")) == 1
    await sender_of(talk, channel).send(outbox_id)
    assert len(await told(talk, conversation_id)) == 1


async def test_that_a_predicate_from_above_can_withdraw_a_row(talk: Talk) -> None:
    async def never(session: AsyncSession, row: OutboxRow) -> bool:
        return False

    outbox_id, conversation_id = await stored_answer(talk)
    channel = Scripted(talk)
    await Sender(talk.db, {"livechat": channel}, never, inbox.note_end).send(outbox_id)

    assert (channel.requests, (await talk.row(outbox_id)).state) == (0, "cancelled")
    assert (await talk.messages(conversation_id))[1].status == "failed"


async def test_that_nothing_is_sent_inside_a_transaction(talk: Talk) -> None:
    outbox_id, _ = await stored_answer(talk)
    async with talk.db.transaction():
        with pytest.raises(RuntimeError, match="transaction"):
            await talk.sender.send(outbox_id)
    assert (await talk.row(outbox_id)).state == "pending"


async def test_that_the_text_to_send_is_unreadable_in_the_database(talk: Talk) -> None:
    await stored_answer(talk)
    async with talk.db.read() as session:
        connection = await session.connection()
        stored = str((await connection.exec_driver_sql("SELECT body FROM outbox")).all())
    assert "open" not in stored


async def test_that_typing_is_shown_and_never_fails(talk: Talk) -> None:
    recorded = await talk.say()
    await talk.sender.typing("livechat", recorded.conversation_id, talk.workspace_id)
    await talk.sender.typing("carrier pigeon", recorded.conversation_id, talk.workspace_id)

    [sign] = await talk.events(recorded.conversation_id, "typing")
    assert sign.payload == {"on": True, "role": "agent"}
