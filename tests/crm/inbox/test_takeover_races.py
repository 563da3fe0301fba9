"""200 takeovers (more by evals.takeovers), each begun at a named moment of a real answer on its way out.

Times are scaled: a claim is good for 0.2 s (in production 4 s), a takeover waits 0.3 s (5 s). A held-up
sender pauses for longer than either, between its claim and its request, or inside its request.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from channels.livechat import LiveChat
from channels.messages import OutboundMessage, Receipt
from channels.outbox import Claim, Sender
from crm.inbox import service as inbox
from crm.inbox.errors import OwnerChanged
from tests.talk import Talk, reply

AT_ONCE = 25
CLAIM_SECONDS, WAIT_SECONDS = 0.2, 0.3
MOMENTS = ("begun", "first sentence", "last sentence", "stored", "claimed", "requesting", "sent")


@dataclass
class Race:
    """One conversation. The staff member moves when the answer comes to `moment`."""

    talk: Talk
    number: int
    moment: str
    jitter: float
    claimed_pause: float
    request_pause: float
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[float] = field(default_factory=list)
    conversation_id: str = ""
    outcome: str = "sent"
    taken_at: float = 0.0

    def reach(self, moment: str) -> None:
        if moment == self.moment:
            self.reached.set()

    async def run(self) -> None:
        recorded = await self.talk.say("Hello", visitor=f"vis_{self.number}")
        self.conversation_id = recorded.conversation_id
        answering = await self.talk.must_begin(recorded)
        taking = asyncio.create_task(self.take_over())
        self.reach("begun")
        try:
            for _ in range(2):
                await self.talk.sentence(answering)
                self.reach("first sentence")
                await asyncio.sleep(self.jitter)
            self.reach("last sentence")
            finished = await self.talk.finish(answering, reply())
            self.reach("stored")
            sender = HeldUpSender(self)
            await sender.send(finished.outbox_id)
            self.reach("sent")
            await sender.send(finished.outbox_id)
            self.outcome = (await self.talk.row(finished.outbox_id)).state
        except OwnerChanged:
            self.outcome = "refused"
        self.reached.set()
        await taking

    async def take_over(self) -> None:
        await self.reached.wait()
        await asyncio.sleep(self.jitter)
        await inbox.take_over(
            self.talk.db, self.talk.staff, self.conversation_id, wait_seconds=WAIT_SECONDS, poll_seconds=0.05
        )
        self.taken_at = time.monotonic()


class HeldUpSender(Sender):
    """The real sender, paused between claim and request."""

    def __init__(self, race: Race) -> None:
        channels = {"livechat": HeldUpWidget(race)}
        super().__init__(race.talk.db, channels, inbox.may_send, inbox.note_end, claim_seconds=CLAIM_SECONDS)
        self.race = race

    async def _claim(self, outbox_id: str) -> Claim | None:
        claim = await super()._claim(outbox_id)
        if claim is not None:
            self.race.reach("claimed")
            pause, self.race.claimed_pause = self.race.claimed_pause, 0.0
            await asyncio.sleep(pause)
        return claim


class HeldUpWidget(LiveChat):
    """The real channel, paused inside the request."""

    def __init__(self, race: Race) -> None:
        super().__init__(race.talk.db)
        self.race = race

    async def send(self, msg: OutboundMessage) -> Receipt:
        self.race.requests.append(time.monotonic())
        self.race.reach("requesting")
        await asyncio.sleep(self.race.request_pause)
        return await super().send(msg)


def races(talk: Talk, count: int) -> Iterator[Race]:
    draw = random.Random(20260302)
    for number in range(count):
        yield Race(
            talk,
            number,
            moment=MOMENTS[number % len(MOMENTS)],
            jitter=draw.uniform(0, 0.01),
            claimed_pause=draw.choice((0.0, 0.05, CLAIM_SECONDS + 0.15)),
            request_pause=draw.choice((0.0, 0.05, WAIT_SECONDS + 0.15)),
        )


async def check(race: Race) -> None:
    await race.talk.sender.send_pending(race.conversation_id)  # what a later job would still try
    events = await race.talk.events(race.conversation_id)
    [taken] = [event for event in events if event.payload.get("role") == "system"]
    late = [event for event in events if event.cursor > taken.cursor]
    assert [event for event in late if event.kind == "sentence"] == []
    assert [event for event in late if event.kind == "message"] == []
    told = [event for event in events if event.payload.get("role") == "agent"]
    assert len(told) == (race.outcome == "sent")
    messages = await race.talk.messages(race.conversation_id)
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    assert messages[-1].author == "system"
    assert all(begun < race.taken_at for begun in race.requests)
    assert (await race.talk.conversation(race.conversation_id)).owner_kind == "staff"


@pytest.mark.timeout(1800)
async def test_that_after_a_takeover_the_agent_says_and_sends_nothing_in_200_races(
    talk: Talk, race_count: int
) -> None:
    all_races = list(races(talk, race_count))
    for first in range(0, race_count, AT_ONCE):
        await asyncio.gather(*(race.run() for race in all_races[first : first + AT_ONCE]))

    for race in all_races:
        await check(race)
    outcomes = Counter(race.outcome for race in all_races)
    assert sum(outcomes.values()) == race_count
    # Each way that such a race can end has been seen.
    assert outcomes.keys() >= {"refused", "cancelled", "failed", "sent"}
