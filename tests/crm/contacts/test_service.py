"""One contact per name on an account, invisible to other workspaces."""

from __future__ import annotations

import asyncio

import pytest

from crm.contacts import service as contacts
from crm.contacts.errors import ContactNotFound
from tests.talk import Talk, make_talk


async def open_contact(talk: Talk, ref: str) -> str:
    async with talk.db.transaction() as session:
        return await contacts.open_contact(
            session, talk.workspace_id, channel="livechat", account_id=talk.account.id, ref=ref, locale="nl"
        )


async def test_that_first_sights_at_once_are_one_contact(talk: Talk) -> None:
    seen = await asyncio.gather(*(open_contact(talk, "vis_1") for _ in range(8)))

    assert len(set(seen)) == 1
    async with talk.db.read() as session:
        [only] = await contacts.list_contacts(session, talk.workspace_id, after=None, limit=9)
    assert only.id == seen[0]


async def test_that_a_contact_is_found_in_its_own_workspace_only(talk: Talk) -> None:
    contact_id = await open_contact(talk, "vis_1")
    stranger = await make_talk(talk.db)

    async with talk.db.read() as session:
        assert (await contacts.get_contact(session, talk.workspace_id, contact_id)).locale == "nl"
        with pytest.raises(ContactNotFound):
            await contacts.get_contact(session, stranger.workspace_id, contact_id)
        assert await contacts.list_contacts(session, stranger.workspace_id, after=None, limit=9) == []


async def test_that_contacts_are_paged(talk: Talk) -> None:
    made = [await open_contact(talk, f"vis_{number}") for number in range(3)]

    async with talk.db.read() as session:
        first = await contacts.list_contacts(session, talk.workspace_id, after=None, limit=2)
        rest = await contacts.list_contacts(session, talk.workspace_id, after=first[-1].id, limit=2)
    assert [one.id for one in [*first, *rest]] == made
