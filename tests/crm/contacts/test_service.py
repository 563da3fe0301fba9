"""One contact per name on an account, apart from other workspaces."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from crm.contacts import service as contacts
from crm.contacts.models import Contact
from tests.talk import Talk, make_talk


async def open_contact(talk: Talk, ref: str) -> str:
    async with talk.db.transaction() as session:
        return await contacts.open_contact(
            session, talk.workspace_id, channel="livechat", account_id=talk.account.id, ref=ref, locale="nl"
        )


async def contacts_of(talk: Talk) -> list[str]:
    async with talk.db.read() as session:
        query = select(Contact.id).where(Contact.workspace_id == talk.workspace_id)
        return list((await session.execute(query)).scalars())


async def test_that_first_sights_at_once_are_one_contact(talk: Talk) -> None:
    seen = await asyncio.gather(*(open_contact(talk, "vis_1") for _ in range(8)))

    assert len(set(seen)) == 1
    assert await contacts_of(talk) == [seen[0]]


async def test_that_two_workspaces_have_a_contact_each(talk: Talk) -> None:
    stranger = await make_talk(talk.db)
    ours, theirs = await open_contact(talk, "vis_1"), await open_contact(stranger, "vis_1")

    assert await contacts_of(talk) == [ours]
    assert await contacts_of(stranger) == [theirs]
