"""Every query on routing rules."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from crm.inbox.routing.models import RoutingRule


async def list_rules(session: AsyncSession, workspace_id: str, *, deleted: bool = False) -> list[RoutingRule]:
    """All rules in their order; those in the bin when `deleted`."""
    query = select(RoutingRule).where(
        RoutingRule.workspace_id == workspace_id, shown(session, RoutingRule.deleted_at, deleted)
    )
    return list((await session.execute(query.order_by(RoutingRule.position, RoutingRule.id))).scalars())


async def find_rule(session: AsyncSession, workspace_id: str, rule_id: str) -> RoutingRule | None:
    """A rule, also one in the bin."""
    query = select(RoutingRule).where(RoutingRule.workspace_id == workspace_id, RoutingRule.id == rule_id)
    return (await session.execute(query)).scalar_one_or_none()


async def lock_rule(session: AsyncSession, workspace_id: str, rule_id: str) -> RoutingRule:
    """A rule that is there, locked: whose turn it is changes for one at a time."""
    query = select(RoutingRule).where(RoutingRule.workspace_id == workspace_id, RoutingRule.id == rule_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


async def last_position(session: AsyncSession, workspace_id: str) -> int:
    """The highest position; -1 for none."""
    query = select(func.max(RoutingRule.position)).where(RoutingRule.workspace_id == workspace_id)
    found = (await session.execute(query)).scalar_one()
    return -1 if found is None else found
