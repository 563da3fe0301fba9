"""A reminder is told once: by one event and one mail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.events import Event, read_events
from agentflow.kit.mail import Mail, MailDeps, MailFailed
from crm.contacts import service as contacts
from crm.contacts.reminders import firing
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.errors import NobodyToRemind, ReminderNotFound
from crm.contacts.reminders.schemas import ReminderCreate, ReminderRead, ReminderState, ReminderUpdate
from crm.teams import service as teams
from tests.crm.contacts.records import key_of, new_contact, staff_of
from tests.talk import Talk, make_talk

Changes = Mapping[str, object]


@dataclass
class Postbox:
    """Keeps mails; `broken` refuses them as a mail server does."""

    mails: list[Mail] = field(default_factory=list)
    broken: bool = False

    async def send(self, mail: Mail) -> None:
        if self.broken:
            raise MailFailed("The mail server did not take the mail.")
        self.mails.append(mail)


async def set_reminder(
    talk: Talk, clock: ManualClock, contact_id: str, words: str = "Call back", **fields: object
) -> str:
    data = {"text": words, "due_at": clock.now() + timedelta(hours=1), **fields}
    async with talk.db.transaction() as session:
        made = await reminders.add_reminder(
            session, staff_of(talk), contact_id, ReminderCreate.model_validate(data)
        )
        return made.id


async def change(talk: Talk, contact_id: str, reminder_id: str, changes: Changes) -> ReminderRead:
    async with talk.db.transaction() as session:
        changed = await reminders.update_reminder(
            session, staff_of(talk), contact_id, reminder_id, ReminderUpdate.model_validate(changes)
        )
        return ReminderRead.model_validate(changed)


async def told(talk: Talk, contact_id: str) -> list[Event]:
    async with talk.db.read() as session:
        return await read_events(session, talk.workspace_id, after=0, stream=contact_id, kinds=[firing.EVENT])


async def states(talk: Talk, contact_id: str, state: ReminderState | None = None) -> list[str]:
    async with talk.db.read() as session:
        found = await reminders.list_reminders(
            session, talk.workspace_id, contact_id=contact_id, state=state, limit=9
        )
    return [one.text for one in found]


async def test_that_a_reminder_fires_once_at_its_time_however_many_look(
    talk: Talk, clock: ManualClock
) -> None:
    contact_id = await new_contact(talk, owner_id=talk.colleague.id)
    reminder_id = await set_reminder(talk, clock, contact_id)
    await firing.fire_due(talk.db)
    assert await told(talk, contact_id) == []
    clock.advance(timedelta(hours=1))
    await asyncio.gather(*(firing.fire_due(talk.db) for _ in range(4)))
    await firing.fire_due(talk.db)
    (event,) = await told(talk, contact_id)
    assert event.payload["reminder_id"] == reminder_id
    assert event.payload["staff_id"] == talk.colleague.id
    assert await states(talk, contact_id, ReminderState.FIRED) == ["Call back"]
    (job,) = talk.jobs.named(firing.JOB)
    postbox = Postbox()
    deps = MailDeps(talk.db, postbox)
    await asyncio.gather(*(firing.send_mail(deps, reminder_id, 1) for _ in range(4)))
    (mail,) = postbox.mails
    assert job.ids == (reminder_id, 1)
    assert mail.to == (talk.colleague.email,)
    assert (mail.subject, mail.text.splitlines()[0]) == ("Reminder: Maria", "Call back")


async def test_that_a_firing_that_does_not_commit_is_done_again_whole(talk: Talk, clock: ManualClock) -> None:
    contact_id = await new_contact(talk)
    await set_reminder(talk, clock, contact_id)
    clock.advance(timedelta(hours=2))
    jobs, talk.db.jobs = talk.db.jobs, None  # the worker dies while it adds the mail's job
    with pytest.raises(AttributeError):
        await firing.fire_due(talk.db)
    assert await told(talk, contact_id) == []
    talk.db.jobs = jobs
    await firing.fire_due(talk.db)
    assert len(await told(talk, contact_id)) == 1


async def test_that_a_mail_the_server_refused_is_tried_again(talk: Talk, clock: ManualClock) -> None:
    contact_id = await new_contact(talk)
    reminder_id = await set_reminder(talk, clock, contact_id)
    clock.advance(timedelta(hours=2))
    await firing.fire_due(talk.db)
    postbox = Postbox(broken=True)
    deps = MailDeps(talk.db, postbox)
    with pytest.raises(MailFailed):
        await firing.send_mail(deps, reminder_id, 1)
    postbox.broken = False
    await firing.send_mail(deps, reminder_id, 1)
    await firing.send_mail(deps, reminder_id, 1)
    assert [mail.to for mail in postbox.mails] == [(talk.staff.email,)]


async def test_that_what_is_completed_deleted_or_put_off_is_not_told(talk: Talk, clock: ManualClock) -> None:
    contact_id = await new_contact(talk)
    done, gone, later = [
        await set_reminder(talk, clock, contact_id, words) for words in ("Done", "Gone", "Later")
    ]
    await change(talk, contact_id, done, {"completed": True})
    await change(talk, contact_id, later, {"due_at": clock.now() + timedelta(days=2)})
    async with talk.db.transaction() as session:
        await reminders.delete_reminder(session, staff_of(talk), contact_id, gone)
        with pytest.raises(ReminderNotFound):
            await reminders.update_reminder(
                session, staff_of(talk), contact_id, gone, ReminderUpdate(text="x")
            )
    clock.advance(timedelta(hours=2))
    await firing.fire_due(talk.db)
    assert await told(talk, contact_id) == []
    assert await states(talk, contact_id, ReminderState.WAITING) == ["Later"]
    assert await states(talk, contact_id, ReminderState.COMPLETED) == ["Done"]
    async with talk.db.transaction() as session:
        await reminders.restore_reminder(session, staff_of(talk), contact_id, gone)
    await firing.fire_due(talk.db)
    assert [event.payload["text"] for event in await told(talk, contact_id)] == ["Gone"]


async def test_that_a_reminder_on_a_contact_in_the_bin_is_told_once_it_is_back(
    talk: Talk, clock: ManualClock
) -> None:
    contact_id = await new_contact(talk)
    await set_reminder(talk, clock, contact_id)
    async with talk.db.transaction() as session:
        await contacts.delete_contact(session, talk.workspace_id, contact_id)
    clock.advance(timedelta(hours=2))
    await firing.fire_due(talk.db)
    assert await told(talk, contact_id) == []
    async with talk.db.transaction() as session:
        await contacts.restore_contact(session, talk.workspace_id, contact_id)
    await firing.fire_due(talk.db)
    await firing.fire_due(talk.db)
    assert [event.payload["text"] for event in await told(talk, contact_id)] == ["Call back"]


async def test_that_a_new_time_lets_a_reminder_be_told_again(talk: Talk, clock: ManualClock) -> None:
    contact_id = await new_contact(talk)
    reminder_id = await set_reminder(talk, clock, contact_id)
    clock.advance(timedelta(hours=2))
    await firing.fire_due(talk.db)
    await change(talk, contact_id, reminder_id, {"due_at": clock.now() + timedelta(hours=1)})
    clock.advance(timedelta(hours=1))
    await firing.fire_due(talk.db)
    assert len(await told(talk, contact_id)) == 2
    assert [job.ids for job in talk.jobs.named(firing.JOB)] == [(reminder_id, 1), (reminder_id, 2)]


async def test_that_a_reminder_needs_somebody_to_tell(talk: Talk, clock: ManualClock) -> None:
    contact_id = await new_contact(talk)
    stranger = await make_talk(talk.db)
    due = clock.now()
    async with talk.db.transaction() as session:
        for data in (
            ReminderCreate(text="x", due_at=due),
            ReminderCreate(text="x", due_at=due, staff_id=stranger.staff.id),
        ):
            with pytest.raises(NobodyToRemind):
                await reminders.add_reminder(session, key_of(talk), contact_id, data)


async def test_that_nothing_about_a_contact_is_mailed_to_somebody_who_has_not_accepted(
    talk: Talk, clock: ManualClock
) -> None:
    async with talk.db.transaction() as session:
        invited = await teams.create_staff_member(
            session, talk.workspace_id, email="new@shop.example", name="Cas", password_hash=""
        )
    contact_id = await new_contact(talk, owner_id=invited.id)
    with pytest.raises(NobodyToRemind, match="has not accepted"):
        await set_reminder(talk, clock, contact_id, staff_id=invited.id)
    reminder_id = await set_reminder(talk, clock, contact_id)
    clock.advance(timedelta(hours=1))
    await firing.fire_due(talk.db)
    postbox = Postbox()
    await firing.send_mail(MailDeps(talk.db, postbox), reminder_id, 1)
    assert (len(await told(talk, contact_id)), postbox.mails) == (1, [])
