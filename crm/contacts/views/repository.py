"""Every query over views. A personal one is found for its person alone."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.contacts.models import ContactView


def _visible(staff_id: str | None) -> ColumnElement[bool]:
    return or_(ContactView.staff_id.is_(None), ContactView.staff_id == staff_id)


async def find_view(
    session: AsyncSession, workspace_id: str, staff_id: str | None, view_id: str, *, deleted: bool = False
) -> ContactView | None:
    """A shared view or one's own; when `deleted` one in the bin."""
    query = select(ContactView).where(
        ContactView.workspace_id == workspace_id,
        ContactView.id == view_id,
        _visible(staff_id),
        ContactView.deleted_at.is_not(None) if deleted else ContactView.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_views(
    session: AsyncSession,
    workspace_id: str,
    staff_id: str | None,
    *,
    after: str | None,
    deleted: bool,
    limit: int,
) -> list[ContactView]:
    """One page of the shared ones and one's own, oldest first; those in the bin when `deleted`."""
    query = select(ContactView).where(
        ContactView.workspace_id == workspace_id,
        _visible(staff_id),
        shown(session, ContactView.deleted_at, deleted),
    )
    if after is not None:
        query = query.where(ContactView.id > after)
    return list((await session.execute(query.order_by(ContactView.id).limit(limit))).scalars())


async def count_views(session: AsyncSession, workspace_id: str, staff_id: str | None) -> int:
    """How many shared ones there are, or of one person."""
    query = select(func.count()).where(
        ContactView.workspace_id == workspace_id,
        ContactView.staff_id.is_(None) if staff_id is None else ContactView.staff_id == staff_id,
        ContactView.deleted_at.is_(None),
    )
    return int((await session.execute(query)).scalar_one())


async def clear_default(session: AsyncSession, workspace_id: str) -> None:
    """No view is the default one."""
    await session.execute(
        update(ContactView)
        .where(ContactView.workspace_id == workspace_id, ContactView.is_default)
        .values(is_default=False)
        .execution_options(synchronize_session="fetch")
    )
