"""A workspace with a widget, an agent's route and two staff members, for tests of talk in both stores."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.events import Event, read_events
from agentflow.kit.ids import new_id
from agentflow.kit.settings import TurnSettings
from channels import service as channels
from channels.livechat import make_token
from channels.messages import AccountKeys, EventKind, InboundEvent, InboundRequest
from channels.models import ChannelAccount, OutboxRow
from channels.outbox import Sender
from channels.registry import build_channels
from channels.schemas import ChannelAccountCreate
from crm.inbox import service as inbox
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import Answering, AnswerOutcome, Finished, Recorded
from crm.teams import service as teams
from crm.teams.models import StaffMember

AGENT = "agt_of_the_tests"
BURST = TurnSettings(burst_seconds=4.0, debounce_seconds=1)


@dataclass(frozen=True)
class Job:
    name: str
    ids: tuple[str | int, ...]
    job_id: str
    partition: str | None
    delay_seconds: int


@dataclass
class JobRecorder:
    """A job queue that writes down what it was given, once per id, as the real one does."""

    jobs: list[Job] = field(default_factory=list)

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        *ids: str | int,
        job_id: str,
        partition: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        if job_id not in {job.job_id for job in self.jobs}:
            self.jobs.append(Job(name, ids, job_id, partition, delay_seconds))

    def named(self, name: str) -> list[Job]:
        return [job for job in self.jobs if job.name == name]


@dataclass(frozen=True)
class Talk:
    db: Database
    jobs: JobRecorder
    workspace_id: str
    account: ChannelAccount
    staff: StaffMember
    colleague: StaffMember

    @property
    def sender(self) -> Sender:
        return Sender(self.db, build_channels(self.db), inbox.may_send, inbox.note_end)

    async def say(self, text: str = "Hello", *, visitor: str = "vis_1", key: str | None = None) -> Recorded:
        """The visitor writes."""
        event = said(self.account, text, visitor=visitor, key=key or new_id("c"))
        async with self.db.transaction() as session:
            return await inbox.record(session, self.account, event, BURST)

    async def begin(self, said: Recorded) -> Answering | None:
        async with self.db.transaction() as session:
            return await inbox.begin_answer(session, said.conversation_id, said.seq)

    async def must_begin(self, said: Recorded) -> Answering:
        answering = await self.begin(said)
        assert answering is not None
        return answering

    async def sentence(self, answering: Answering, text: str = "We are open.") -> None:
        async with self.db.transaction() as session:
            await inbox.add_sentences(session, answering, [sentence(text)])

    async def finish(self, answering: Answering, outcome: AnswerOutcome | None = None) -> Finished:
        async with self.db.transaction() as session:
            return await inbox.finish_answer(session, answering, outcome or reply())

    async def answer(self, said: Recorded, outcome: AnswerOutcome | None = None) -> Finished:
        return await self.finish(await self.must_begin(said), outcome)

    async def conversation(self, conversation_id: str) -> Conversation:
        async with self.db.read() as session:
            return await inbox.get_conversation(session, self.workspace_id, conversation_id)

    async def messages(self, conversation_id: str) -> list[Message]:
        async with self.db.read() as session:
            return await inbox.list_messages(session, self.workspace_id, conversation_id, limit=200)

    async def events(self, conversation_id: str, *kinds: str) -> list[Event]:
        async with self.db.read() as session:
            return await read_events(
                session, self.workspace_id, after=0, stream=conversation_id, kinds=kinds or None
            )

    async def rows(self, conversation_id: str) -> list[OutboxRow]:
        query = select(OutboxRow).where(OutboxRow.conversation_id == conversation_id).order_by(OutboxRow.seq)
        async with self.db.read() as session:
            return list((await session.execute(query)).scalars())

    async def row(self, outbox_id: str) -> OutboxRow:
        async with self.db.read() as session:
            return (await session.execute(select(OutboxRow).where(OutboxRow.id == outbox_id))).scalar_one()


def widget_request(keys: AccountKeys, body: bytes, at: datetime, *, visitor: str = "vis_1") -> InboundRequest:
    """What a visitor's widget sends, with a token that holds for a month."""
    token = make_token(keys, visitor, at + timedelta(days=30))
    headers = {"Authorization": f"Bearer {token}"}
    return InboundRequest("POST", "http://test/widget/v1/messages", headers, {}, body, at, keys)


async def make_talk(db: Database, *, routed: bool = True) -> Talk:
    """Everything a conversation needs. `db.jobs` becomes a recorder."""
    jobs = db.jobs if isinstance(db.jobs, JobRecorder) else JobRecorder()
    db.jobs = jobs
    async with db.transaction() as session:
        workspace = await teams.create_workspace(
            session, name="Harbour", time_zone="Europe/Amsterdam", locale="en"
        )
        account = await channels.create_account(
            session,
            workspace.id,
            ChannelAccountCreate(name="Site", allowed_origins=["https://shop.example", "*.pine.example"]),
        )
        staff = await _staff(session, workspace.id, "Ada")
        colleague = await _staff(session, workspace.id, "Ben")
        if routed:
            await inbox.set_route(session, workspace.id, account.id, AGENT)
    return Talk(db, jobs, workspace.id, account, staff, colleague)


async def _staff(session: AsyncSession, workspace_id: str, name: str) -> StaffMember:
    staff = StaffMember(
        id=new_id("stf"),
        workspace_id=workspace_id,
        email=f"{new_id('mail')}@harbour.example",
        name=name,
        role="staff",
        password_hash="none",
        created_at=now(session),
    )
    session.add(staff)
    await session.flush()
    return staff


def said(account: ChannelAccount, text: str, *, visitor: str, key: str) -> InboundEvent:
    """A message as the widget's channel gives it."""
    return InboundEvent(
        kind=EventKind.MESSAGE,
        channel=account.channel,
        account_ref=account.ref,
        dedupe_key=f"{visitor}:{key}",
        contact_ref=visitor,
        provider_ts=account.created_at,
        client_ref=key,
        text=text,
    )


def sentence(
    text: str, *, page: int | None = 3, public: bool = False, quote: str | None = None
) -> dict[str, Any]:
    """A checked sentence with one citation, as the turn hands it over."""
    citation = {
        "source_id": "src_1",
        "source": "hours.pdf",
        "version": 1,
        "page": page,
        "sheet": None,
        "row": None,
        "start": 10,
        "end": 40,
        "quote": quote or text,
        "public": public,
        "heading": "Opening hours",
    }
    return {"text": text, "citations": [citation], "kind": "fact"}


def reply(text: str = "We are open.", *, failed: bool = False) -> AnswerOutcome:
    return AnswerOutcome("reply", text, [sentence(text)], "en", failed=failed)


def handoff(team_id: str | None = None) -> AnswerOutcome:
    text = "I am passing you to our team."
    return AnswerOutcome("handoff", text, [sentence(text)], "en", team_id=team_id, reason="customer_asks")


def payloads(events: list[Event]) -> str:
    """What a stream's events hold, as text to search in."""
    return json.dumps([event.payload for event in events])
