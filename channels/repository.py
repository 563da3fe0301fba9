"""Every query over channel accounts, the outbox and the widget's deliveries.

Outbox rows are reached by an id from one of our own jobs or by their conversation, which the caller has
already found within its workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import upsert
from channels.models import ChannelAccount, OutboxRow, WidgetDelivery


async def find_account(session: AsyncSession, workspace_id: str, account_id: str) -> ChannelAccount | None:
    """An account of this workspace."""
    query = select(ChannelAccount).where(
        ChannelAccount.workspace_id == workspace_id, ChannelAccount.id == account_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_account_by_ref(session: AsyncSession, channel: str, ref: str) -> ChannelAccount | None:
    """The account behind a public name, which is how a visitor or a provider names it."""
    query = select(ChannelAccount).where(ChannelAccount.channel == channel, ChannelAccount.ref == ref)
    return (await session.execute(query)).scalar_one_or_none()


async def list_accounts(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[ChannelAccount]:
    """Accounts, oldest first."""
    query = (
        select(ChannelAccount)
        .where(ChannelAccount.workspace_id == workspace_id)
        .order_by(ChannelAccount.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(ChannelAccount.id > after)
    return list((await session.execute(query)).scalars())


async def read_row(session: AsyncSession, outbox_id: str) -> OutboxRow | None:
    """An outbox row as it is now, not locked."""
    query = select(OutboxRow).where(OutboxRow.id == outbox_id).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def lock_row(session: AsyncSession, outbox_id: str) -> OutboxRow | None:
    """An outbox row, locked until the transaction ends."""
    query = (
        select(OutboxRow)
        .where(OutboxRow.id == outbox_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def lock_rows_of_conversation(
    session: AsyncSession, conversation_id: str, *, actor: str, states: Sequence[str]
) -> list[OutboxRow]:
    """The rows of one actor in one conversation that are in one of `states`, locked, oldest first."""
    query = (
        select(OutboxRow)
        .where(
            OutboxRow.conversation_id == conversation_id,
            OutboxRow.actor == actor,
            OutboxRow.state.in_(states),
        )
        .order_by(OutboxRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(query)).scalars())


async def count_rows(session: AsyncSession, conversation_id: str, *, actor: str, state: str) -> int:
    """How many rows of one actor in one conversation are in `state`."""
    query = (
        select(func.count())
        .select_from(OutboxRow)
        .where(
            OutboxRow.conversation_id == conversation_id,
            OutboxRow.actor == actor,
            OutboxRow.state == state,
        )
    )
    return (await session.execute(query)).scalar_one()


async def list_open_rows(session: AsyncSession, conversation_id: str, *, actor: str) -> list[str]:
    """Ids of one actor's rows in one conversation that have not come to an end, oldest first."""
    query = (
        select(OutboxRow.id)
        .where(
            OutboxRow.conversation_id == conversation_id,
            OutboxRow.actor == actor,
            OutboxRow.state.in_(("pending", "sending")),
        )
        .order_by(OutboxRow.seq)
    )
    return list((await session.execute(query)).scalars())


async def note_widget_delivery(session: AsyncSession, outbox_id: str, at: datetime) -> bool:
    """Remember that the widget has this row; False when it already had."""
    statement = (
        upsert(session, WidgetDelivery)
        .values(outbox_id=outbox_id, delivered_at=at)
        .on_conflict_do_nothing()
        .returning(WidgetDelivery.outbox_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None
