"""Every query over labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert
from crm.contacts.models import Label


async def find_label(
    session: AsyncSession, workspace_id: str, label_id: str, *, deleted: bool = False
) -> Label | None:
    """A label; when `deleted` one in the bin."""
    query = select(Label).where(
        Label.workspace_id == workspace_id,
        Label.id == label_id,
        Label.deleted_at.is_not(None) if deleted else Label.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def labels_named(session: AsyncSession, workspace_id: str, keys: Collection[str]) -> dict[str, str]:
    """Ids of labels by the keys of their names, as far as there are such labels."""
    query = select(Label.name_key, Label.id).where(
        Label.workspace_id == workspace_id, Label.name_key.in_(keys), Label.deleted_at.is_(None)
    )
    return {row.name_key: row.id for row in (await session.execute(query)).all()}


async def labels_among(session: AsyncSession, workspace_id: str, ids: Collection[str]) -> set[str]:
    """Those of the ids that are labels of this workspace."""
    query = select(Label.id).where(
        Label.workspace_id == workspace_id, Label.id.in_(ids), Label.deleted_at.is_(None)
    )
    return set((await session.execute(query)).scalars())


async def names_of(session: AsyncSession, workspace_id: str, ids: Collection[str]) -> dict[str, str]:
    """The names of labels by their ids."""
    query = select(Label.id, Label.name).where(Label.workspace_id == workspace_id, Label.id.in_(ids))
    return {row.id: row.name for row in (await session.execute(query)).all()}


async def add_labels(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those whose names are not taken; waits for whoever is inserting one just now."""
    statement = upsert(session, Label).values([dict(row) for row in rows])
    await session.execute(
        statement.on_conflict_do_nothing(
            index_elements=["workspace_id", "name_key"], index_where=text("deleted_at IS NULL")
        )
    )


async def list_labels(
    session: AsyncSession, workspace_id: str, *, after: str | None, deleted: bool, limit: int
) -> list[Label]:
    """One page, oldest first; of those in the bin when `deleted`."""
    query = select(Label).where(
        Label.workspace_id == workspace_id,
        shown(session, Label.deleted_at, deleted),
    )
    if after is not None:
        query = query.where(Label.id > after)
    return list((await session.execute(query.order_by(Label.id).limit(limit))).scalars())


async def count_labels(session: AsyncSession, workspace_id: str) -> int:
    """How many are not in the bin."""
    query = select(func.count()).where(Label.workspace_id == workspace_id, Label.deleted_at.is_(None))
    return int((await session.execute(query)).scalar_one())
