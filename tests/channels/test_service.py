"""Connected accounts: secrets stay inside, other workspaces find nothing."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from channels import service as channels
from channels.errors import ChannelAccountNotFound
from channels.schemas import ChannelAccountCreate, ChannelAccountUpdate, PublicSettings
from tests.talk import Talk, make_talk


async def test_that_what_is_shown_holds_no_secret_and_the_database_holds_none_readable(talk: Talk) -> None:
    keys = channels.keys_of(talk.account)
    secrets = {*keys.signing_keys, keys.identity_secret}
    shown = channels.read_account(talk.account).model_dump_json()
    async with talk.db.read() as session:
        connection = await session.connection()
        stored = str((await connection.exec_driver_sql("SELECT * FROM channel_accounts")).all())

    assert all(len(secret or "") == 64 for secret in secrets)
    for where in (shown, stored, repr(keys)):
        assert not any(str(secret) in where for secret in secrets)


async def test_that_an_account_is_found_in_its_workspace_and_by_its_public_name(talk: Talk) -> None:
    stranger = await make_talk(talk.db)
    async with talk.db.transaction() as session:
        with pytest.raises(ChannelAccountNotFound):
            await channels.get_account(session, stranger.workspace_id, talk.account.id)
        with pytest.raises(ChannelAccountNotFound):
            await channels.update_account(
                session, stranger.workspace_id, talk.account.id, ChannelAccountUpdate(name="x")
            )
        found = await channels.get_account_by_ref(session, "livechat", talk.account.ref)
        assert found.id == talk.account.id
        listed = await channels.list_accounts(session, talk.workspace_id, after=None, limit=5)
        assert [one.id for one in listed] == [talk.account.id]
        assert await channels.list_accounts(session, talk.workspace_id, after=found.id, limit=5) == []


@pytest.mark.parametrize("ref", ["", "no_such_site", "\x00", "\ud800", "é" * 200, "x" * 10_000])
async def test_that_a_made_up_public_name_is_not_found(talk: Talk, ref: str) -> None:
    async with talk.db.read() as session:
        with pytest.raises(ChannelAccountNotFound):
            await channels.get_account_by_ref(session, "livechat", ref)


async def test_that_an_account_that_is_off_is_not_found_by_visitors(talk: Talk) -> None:
    change = ChannelAccountUpdate(
        enabled=False, name="Shop", allowed_origins=["https://new.example"], identity_required=True
    )
    async with talk.db.transaction() as session:
        changed = await channels.update_account(session, talk.workspace_id, talk.account.id, change)
        with pytest.raises(ChannelAccountNotFound):
            await channels.get_account_by_ref(session, "livechat", talk.account.ref)
        assert await channels.find_account_by_ref(session, "livechat", talk.account.ref) is not None
    shown = channels.read_account(changed)
    assert (shown.name, shown.allowed_origins, shown.identity_required) == (
        "Shop",
        ["https://new.example"],
        True,
    )
    assert shown.public_settings == PublicSettings()


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/path", "*", "*.com", "ftp://x", ""])
def test_that_an_origin_must_be_an_origin(origin: str) -> None:
    with pytest.raises(ValidationError):
        ChannelAccountCreate(name="Site", allowed_origins=[origin])
