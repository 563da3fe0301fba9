"""Internal notes: written, changed and binned by staff, and on no way out to the customer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from agentflow import turn
from agentflow.agents.replies import CheckedSentence, Outcome, TurnRequest
from agentflow.bootstrap import load_tables
from agentflow.care import exporting
from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.event_tail import EventTail
from agentflow.kit.events import EventRow
from channels.models import OutboxRow
from crm.contacts.notes import service as contact_notes
from crm.contacts.notes.schemas import ContactNoteWrite
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.schemas import ReminderCreate
from crm.inbox import service as inbox
from crm.inbox.errors import ConversationNotFound
from crm.inbox.events import STAFF_STREAM, VISITOR_KINDS
from crm.inbox.notes import service as notes
from crm.inbox.notes.errors import NotYourNote
from crm.inbox.notes.models import ConversationNote
from crm.inbox.notes.schemas import NoteWrite
from crm.inbox.transcript import messages_csv
from crm.teams.errors import RecordNotFound
from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role
from crm.teams.service import Principal
from tests.talk import Talk, make_talk

SECRET = "Her budget is quincunx"


def as_staff(talk: Talk, staff_id: str | None = None, role: Role = Role.STAFF) -> Principal:
    staff_id = staff_id or talk.staff.id
    return Principal(staff_id, talk.workspace_id, SCOPES[role], staff_id=staff_id, role=role)


async def add(talk: Talk, here: str, text: str = SECRET, *mentions: str) -> ConversationNote:
    async with talk.db.transaction() as session:
        return await notes.add_note(
            session, as_staff(talk), here, NoteWrite(text=text, mentions=list(mentions))
        )


async def texts(talk: Talk, here: str, *, deleted: bool = False) -> list[str]:
    async with talk.db.read() as session:
        found = await notes.list_notes(session, talk.workspace_id, here, deleted=deleted, limit=10)
        return [note.text for note in found]


async def test_that_a_note_is_read_by_staff_and_its_news_names_who_is_mentioned(talk: Talk) -> None:
    here = (await talk.say()).conversation_id
    note = await add(talk, here, SECRET, talk.colleague.id, talk.colleague.id)
    assert notes.read_note(note).mentions == [talk.colleague.id]
    assert await texts(talk, here) == [SECRET]
    news = (await talk.events(STAFF_STREAM, "note"))[0].payload
    assert (news["conversation_id"], news["note_id"], news["change"]) == (here, note.id, "added")
    assert news["mentions"] == [talk.colleague.id]


async def test_that_authors_change_their_notes_and_admins_may_bin_them(
    talk: Talk, clock: ManualClock
) -> None:
    here = (await talk.say()).conversation_id
    note = await add(talk, here)
    other, admin = as_staff(talk, talk.colleague.id), as_staff(talk, talk.colleague.id, Role.ADMIN)
    with pytest.raises(NotYourNote):
        async with talk.db.transaction() as session:
            await notes.edit_note(session, admin, here, note.id, NoteWrite(text="Mine now"))
    with pytest.raises(NotYourNote):
        async with talk.db.transaction() as session:
            await notes.delete_note(session, other, here, note.id)
    async with talk.db.transaction() as session:
        edited = await notes.edit_note(session, as_staff(talk), here, note.id, NoteWrite(text="Better"))
        assert edited.edited_at is not None
        await notes.delete_note(session, admin, here, note.id)
    assert (await texts(talk, here), await texts(talk, here, deleted=True)) == ([], ["Better"])
    async with talk.db.transaction() as session:
        await notes.restore_note(session, admin, here, note.id)
    assert await texts(talk, here) == ["Better"]
    async with talk.db.transaction() as session:
        await notes.delete_note(session, as_staff(talk), here, note.id)
    clock.advance(timedelta(days=30))
    with pytest.raises(TooLateToRestore):
        async with talk.db.transaction() as session:
            await notes.restore_note(session, as_staff(talk), here, note.id)
    await notes.purge(talk.db)
    async with talk.db.read() as session:
        assert (await session.execute(select(ConversationNote))).all() == []


async def test_that_notes_of_elsewhere_and_mentions_of_strangers_are_refused(talk: Talk) -> None:
    here = (await talk.say()).conversation_id
    stranger = await make_talk(talk.db)
    with pytest.raises(ConversationNotFound):
        await add(stranger, here)
    with pytest.raises(RecordNotFound):
        await add(talk, here, SECRET, stranger.staff.id)
    assert await texts(talk, here) == []


class Listener:
    """Answers, and keeps all it was told."""

    def __init__(self) -> None:
        self.told = ""

    async def reply(
        self, request: TurnRequest, on_sentence: Callable[[CheckedSentence], Awaitable[None]]
    ) -> Outcome:
        self.told += repr(request)
        sentence = CheckedSentence("We are open.", (), "fact")
        await on_sentence(sentence)
        return Outcome(action="reply", sentences=(sentence,), language="en")

    over_the_cap = reply


async def test_that_a_note_leaves_by_no_way_out(talk: Talk) -> None:
    """The widget's events, what is sent, what a model is told, the messages, the list, every event."""
    first = await talk.say("one")
    here = first.conversation_id
    note = await add(talk, here)
    listener = Listener()
    desk = turn.Desk(talk.db, listener, talk.sender)
    await turn.answer(desk, here, first.seq)
    await inbox.take_over(talk.db, talk.staff, here, wait_seconds=0.2)
    async with talk.db.transaction() as session:
        await inbox.reply_as_staff(session, talk.staff, here, "Ada here.")
    for job in talk.jobs.named("send"):
        await talk.sender.send(str(job.ids[0]))
    async with talk.db.transaction() as session:
        await inbox.hand_back(session, talk.staff, here)
    second = await talk.say("two")
    await turn.answer(desk, here, second.seq)

    tail = EventTail(talk.db)
    async with tail.subscribe(talk.workspace_id, stream=here, after=0, kinds=VISITOR_KINDS) as poll:
        polled = await poll.next(1)
    await tail.close()
    async with talk.db.read() as session:
        events = list((await session.execute(select(EventRow))).scalars())
        outbox = list((await session.execute(select(OutboxRow))).scalars())
        shown = await inbox.list_conversations(session, talk.workspace_id, limit=10)
    ways = {
        "widget": json.dumps([event.payload for event in polled]),
        "events": " ".join(event.payload for event in events),
        "outbox": " ".join(row.body for row in outbox),
        "model": listener.told,
        "messages": " ".join(message.text for message in await talk.messages(here)),
        "list": " ".join(one.preview or "" for one in shown),
        "jobs": repr(talk.jobs.jobs),
    }
    for way, content in ways.items():
        assert len(content) > 10, f"the test must look at {way}"
        assert "quincunx" not in content, way
    assert note.id not in ways["widget"] + ways["outbox"] + ways["model"]
    assert "two" in ways["model"]
    assert "Ada here." in ways["outbox"]


async def test_that_no_file_for_a_customer_holds_what_staff_wrote_for_each_other(talk: Talk) -> None:
    """Neither a note in the conversation, nor one on the contact, nor a reminder."""
    load_tables()
    here = (await talk.say("What is it?")).conversation_id
    await add(talk, here)
    contact_id = (await talk.conversation(here)).contact_id
    async with talk.db.transaction() as session:
        who = as_staff(talk)
        await contact_notes.add_note(session, who, contact_id, ContactNoteWrite(text=SECRET))
        await reminders.add_reminder(
            session, who, contact_id, ReminderCreate(text=SECRET, due_at=talk.db.clock.now())
        )
        own = await exporting.of_contact(session, talk.workspace_id, contact_id)
    transcript = [part async for part in await messages_csv(talk.db, talk.workspace_id, here)]
    for file in (repr(own), "".join(transcript)):
        assert "What is it?" in file
        assert "quincunx" not in file
