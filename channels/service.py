"""Connected accounts: make, find, change."""

from __future__ import annotations

import json
import secrets

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from channels import repository
from channels.errors import ChannelAccountNotFound
from channels.messages import AccountKeys
from channels.models import ChannelAccount
from channels.schemas import (
    ChannelAccountCreate,
    ChannelAccountRead,
    ChannelAccountUpdate,
    PublicSettings,
)


async def create_account(
    session: AsyncSession, workspace_id: str, data: ChannelAccountCreate, *, ref: str | None = None
) -> ChannelAccount:
    """A new account with fresh secrets and a public name, `ref` if one is wanted."""
    account = ChannelAccount(
        id=new_id("acc"),
        workspace_id=workspace_id,
        channel=data.channel,
        name=data.name,
        ref=ref or new_id("site"),
        allowed_origins=json.dumps(data.allowed_origins),
        signing_key=secrets.token_hex(32),
        identity_secret=secrets.token_hex(32),
        identity_required=data.identity_required,
        public_settings=data.public_settings.model_dump_json(),
        enabled=True,
        created_at=now(session),
    )
    session.add(account)
    await session.flush()
    return account


async def get_account(session: AsyncSession, workspace_id: str, account_id: str) -> ChannelAccount:
    """Raises ChannelAccountNotFound."""
    account = await repository.find_account(session, workspace_id, account_id)
    if account is None:
        raise ChannelAccountNotFound("There is no such channel account.")
    return account


async def get_account_by_ref(session: AsyncSession, channel: str, ref: str) -> ChannelAccount:
    """The account that a visitor or a provider names. Raises ChannelAccountNotFound, also when it is off."""
    account = await find_account_by_ref(session, channel, ref)
    if account is None or not account.enabled:
        raise ChannelAccountNotFound("There is no such site.")
    return account


async def find_account_by_ref(session: AsyncSession, channel: str, ref: str) -> ChannelAccount | None:
    """The account of this public name, enabled or not."""
    if not (ref.isascii() and ref.isprintable()):  # a visitor's word; PostgreSQL cannot even ask for some
        return None
    return await repository.find_account_by_ref(session, channel, ref)


async def list_accounts(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[ChannelAccount]:
    """Accounts, oldest first."""
    return await repository.list_accounts(session, workspace_id, after=after, limit=limit)


async def update_account(
    session: AsyncSession, workspace_id: str, account_id: str, data: ChannelAccountUpdate
) -> ChannelAccount:
    """Change what is given, keep the rest. Raises ChannelAccountNotFound."""
    account = await get_account(session, workspace_id, account_id)
    if data.name is not None:
        account.name = data.name
    if data.allowed_origins is not None:
        account.allowed_origins = json.dumps(data.allowed_origins)
    if data.identity_required is not None:
        account.identity_required = data.identity_required
    if data.public_settings is not None:
        account.public_settings = data.public_settings.model_dump_json()
    if data.enabled is not None:
        account.enabled = data.enabled
    await session.flush()
    return account


def read_account(account: ChannelAccount) -> ChannelAccountRead:
    """An account as the API shows it."""
    return ChannelAccountRead(
        id=account.id,
        channel=account.channel,
        name=account.name,
        ref=account.ref,
        allowed_origins=json.loads(account.allowed_origins),
        identity_required=account.identity_required,
        public_settings=PublicSettings.model_validate_json(account.public_settings),
        enabled=account.enabled,
        created_at=account.created_at,
    )


def keys_of(account: ChannelAccount) -> AccountKeys:
    """What a channel needs to judge a request to this account."""
    return AccountKeys(
        account_id=account.id,
        account_ref=account.ref,
        signing_keys=(account.signing_key,),
        identity_secret=account.identity_secret,
        identity_required=account.identity_required,
        allowed_origins=tuple(json.loads(account.allowed_origins)),
    )
