"""Whoever has a number that the provider vouches for is known by it; what somebody typed proves nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from agentflow.kit.db import Base, Database
from agentflow.kit.settings import Settings
from channels import service as channels
from channels.livechat import LiveChat
from channels.models import ChannelAccount
from channels.schemas import ChannelAccountCreate
from crm.contacts import service as contacts
from crm.contacts.errors import DuplicateContact
from crm.contacts.merging import service as merging
from crm.contacts.schemas import ContactRead, ContactSource, ContactUpdate
from crm.inbox import service as inbox
from tests.crm.contacts.records import new_contact
from tests.talk import BURST, Talk, make_talk, said, widget_request

NUMBER = "+31612345678"


async def text_from(
    talk: Talk,
    phone: str,
    *,
    account: ChannelAccount | None = None,
    key: str = "1",
    at: Database | None = None,
) -> ContactRead:
    """A message from this number, as a channel gives it whose provider vouches for numbers; who sent it."""
    account, db = account or talk.account, at or talk.db
    event = replace(said(account, "Hello", visitor=phone.lstrip("+"), key=key), phone=phone)
    async with db.transaction() as session:
        recorded = await inbox.record(session, account, event, BURST)
    sent_in = await talk.conversation(recorded.conversation_id)
    async with db.read() as session:
        return await contacts.get_contact(session, account.workspace_id, sent_in.contact_id)


async def count(db: Database, *tables: str) -> list[int]:
    async with db.read() as session:
        queries = [select(func.count()).select_from(Base.metadata.tables[name]) for name in tables]
        return [(await session.execute(query)).scalar_one() for query in queries]


@pytest.mark.parametrize(
    ("known_as", "writes_as"),
    [
        ("06 12345678", NUMBER),
        ("+55 11 98765-4321", "+551187654321"),
        ("+52 55 1234 5678", "+5215512345678"),
        ("+54 11 2345-6789", "+5491123456789"),
    ],
    ids=["the workspace's country", "Brazil", "Mexico", "Argentina"],
)
async def test_that_a_known_number_in_any_spelling_is_its_contact(
    talk: Talk, known_as: str, writes_as: str
) -> None:
    maria = await new_contact(talk, phones=[known_as])
    found = await text_from(talk, writes_as)
    assert (found.id, found.phones, found.source) == (maria, [known_as], ContactSource.MANUAL)
    assert [one.ref for one in found.identities] == [writes_as.lstrip("+")], "as the provider wants it back"
    assert found.last_contact_at is not None


async def test_that_twenty_first_messages_of_a_number_over_two_accounts_are_one_contact(
    talk: Talk, settings: Settings
) -> None:
    """Each worker has connections of its own, as processes do."""
    async with talk.db.transaction() as session:
        other = await channels.create_account(session, talk.workspace_id, ChannelAccountCreate(name="Other"))
    workers = [Database(settings) for _ in range(4)]
    for worker in workers:
        worker.jobs = talk.jobs
    found = await asyncio.gather(
        *(
            text_from(talk, NUMBER, account=(talk.account, other)[n % 2], key=f"{n}", at=workers[n % 4])
            for n in range(20)
        )
    )
    for worker in workers:
        await worker.close()
    assert len({one.id for one in found}) == 1
    assert (found[-1].phone_numbers, found[-1].source) == ([NUMBER], ContactSource.CHANNEL)
    tables = ("contacts", "contact_addresses", "contact_identities", "conversations", "messages")
    assert await count(talk.db, *tables) == [1, 1, 2, 2, 20]


async def test_that_a_first_message_beside_the_same_person_made_by_hand_is_one_contact(talk: Talk) -> None:
    made = await asyncio.gather(
        text_from(talk, NUMBER), new_contact(talk, phones=[NUMBER]), return_exceptions=True
    )
    assert [type(one) for one in made if isinstance(one, Exception)] in ([], [DuplicateContact])
    assert await count(talk.db, "contacts") == [1]


async def test_that_a_number_two_contacts_share_is_neithers_and_staff_are_shown_them(talk: Talk) -> None:
    maria, pedro = await new_contact(talk, phones=[NUMBER]), await new_contact(talk, "Pedro")
    async with talk.db.transaction() as session:
        shared = ContactUpdate(phones=[NUMBER])
        await contacts.update_contact(session, talk.workspace_id, pedro, shared, allow_duplicate=True)
    found = await text_from(talk, NUMBER)
    assert found.id not in (maria, pedro)
    async with talk.db.read() as session:
        alike = await merging.list_duplicates(session, talk.workspace_id, found.id)
    assert [one.id for one in alike] == [maria, pedro]


async def test_that_a_number_is_known_in_its_own_workspace_alone_and_not_from_the_bin(talk: Talk) -> None:
    stranger = await make_talk(talk.db)
    theirs = await new_contact(stranger, phones=[NUMBER])
    gone = await new_contact(talk, phones=[NUMBER])
    async with talk.db.transaction() as session:
        await contacts.delete_contact(session, talk.workspace_id, gone)
    assert (await text_from(talk, NUMBER)).id not in (theirs, gone)


async def test_that_a_short_code_makes_a_contact_without_a_number(talk: Talk) -> None:
    found = await text_from(talk, "20303")
    assert (found.phones, [one.ref for one in found.identities]) == ([], ["20303"])


async def test_that_what_a_visitor_types_takes_over_nobody(talk: Talk) -> None:
    maria = await new_contact(talk, emails=["maria@example.com"], phones=[NUMBER])
    channel = LiveChat(talk.db)
    body = {
        "type": "text",
        "client_msg_id": "c-1",
        "text": f"I am maria@example.com, {NUMBER}",
        "email": "maria@example.com",
        "phone": NUMBER,
        "contact_ref": maria,
        "entry": "qr_code",
    }
    keys = channels.keys_of(talk.account)
    request = widget_request(keys, json.dumps(body).encode(), talk.account.created_at, visitor="vis_eve")
    assert channel.verify(request).ok
    (event,) = channel.parse(request)
    async with talk.db.transaction() as session:
        recorded = await inbox.record(session, talk.account, event, BURST)
    eve = (await talk.conversation(recorded.conversation_id)).contact_id
    async with talk.db.read() as session:
        found = await contacts.get_contact(session, talk.workspace_id, eve)
    assert eve != maria
    assert (found.emails, found.phones, found.source) == ([], [], ContactSource.WIDGET)
