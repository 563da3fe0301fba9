"""Every query on questions without an answer. All take the workspace, except those of sweeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Subquery, delete, exists, func, select, tuple_, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.gaps.models import KnowledgeGap, UnansweredQuestion
from knowledge.gaps.schemas import GapState
from knowledge.models import KnowledgeBase

EXAMPLES = 3
WAITING = (GapState.OPEN, GapState.DRAFTED)


@dataclass(frozen=True)
class Group:
    """A gap with what its questions say about it."""

    gap: KnowledgeGap
    count: int
    first_asked_at: datetime
    last_asked_at: datetime
    leader_id: str


async def ungrouped(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, *, limit: int
) -> list[UnansweredQuestion]:
    """Questions that belong to no group yet, oldest first."""
    query = select(UnansweredQuestion).where(
        UnansweredQuestion.workspace_id == workspace_id,
        UnansweredQuestion.knowledge_base_id == knowledge_base_id,
        UnansweredQuestion.gap_id.is_(None),
    )
    return list((await session.execute(query.order_by(UnansweredQuestion.id).limit(limit))).scalars())


async def leaders(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str
) -> list[UnansweredQuestion]:
    """The oldest question of each group."""
    firsts = select(func.min(UnansweredQuestion.id)).where(
        UnansweredQuestion.workspace_id == workspace_id,
        UnansweredQuestion.knowledge_base_id == knowledge_base_id,
        UnansweredQuestion.gap_id.is_not(None),
    )
    query = select(UnansweredQuestion).where(
        UnansweredQuestion.id.in_(firsts.group_by(UnansweredQuestion.gap_id))
    )
    return list((await session.execute(query.order_by(UnansweredQuestion.id))).scalars())


async def put_into(
    session: AsyncSession, workspace_id: str, gap_id: str, question_ids: Sequence[str]
) -> None:
    """Give questions their group."""
    await session.execute(
        update(UnansweredQuestion)
        .where(UnansweredQuestion.workspace_id == workspace_id, UnansweredQuestion.id.in_(question_ids))
        .values(gap_id=gap_id)
    )


async def find_gap(session: AsyncSession, workspace_id: str, gap_id: str) -> KnowledgeGap | None:
    """One group, locked until the transaction ends."""
    query = select(KnowledgeGap).where(KnowledgeGap.workspace_id == workspace_id, KnowledgeGap.id == gap_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def find_group(session: AsyncSession, workspace_id: str, gap_id: str) -> Group | None:
    """One group with its count."""
    counts = _counts(workspace_id)
    query = select(KnowledgeGap, counts).join(counts, counts.c.gap_id == KnowledgeGap.id)
    row = (await session.execute(query.where(KnowledgeGap.id == gap_id))).one_or_none()
    return None if row is None else _group(row)


async def list_groups(
    session: AsyncSession,
    workspace_id: str,
    knowledge_base_id: str,
    *,
    states: Collection[GapState],
    before: tuple[int, str] | None,
    limit: int,
) -> list[Group]:
    """Groups in these states, the most asked one first."""
    counts = _counts(workspace_id)
    order = (counts.c.asked, KnowledgeGap.id)
    query = select(KnowledgeGap, counts).join(counts, counts.c.gap_id == KnowledgeGap.id)
    query = query.where(
        KnowledgeGap.workspace_id == workspace_id,
        KnowledgeGap.knowledge_base_id == knowledge_base_id,
        KnowledgeGap.state.in_(states),
    )
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in order)).limit(limit)
    return [_group(row) for row in (await session.execute(query)).all()]


async def groups_to_check(
    session: AsyncSession, workspace_id: str, knowledge_base_id: str, generation: int
) -> list[Group]:
    """Groups that wait for an answer and were not asked again of this generation."""
    counts = _counts(workspace_id)
    query = select(KnowledgeGap, counts).join(counts, counts.c.gap_id == KnowledgeGap.id)
    query = query.where(
        KnowledgeGap.workspace_id == workspace_id,
        KnowledgeGap.knowledge_base_id == knowledge_base_id,
        KnowledgeGap.state.in_(WAITING),
        KnowledgeGap.checked_generation < generation,
    )
    return [_group(row) for row in (await session.execute(query)).all()]


def _counts(workspace_id: str) -> Subquery:
    return (
        select(
            UnansweredQuestion.gap_id,
            func.count().label("asked"),
            func.min(UnansweredQuestion.asked_at).label("first_asked_at"),
            func.max(UnansweredQuestion.asked_at).label("last_asked_at"),
            func.min(UnansweredQuestion.id).label("leader_id"),
        )
        .where(UnansweredQuestion.workspace_id == workspace_id)
        .group_by(UnansweredQuestion.gap_id)
        .subquery()
    )


def _group(row: Row[Any]) -> Group:
    return Group(row[0], row.asked, row.first_asked_at, row.last_asked_at, row.leader_id)


async def questions_of(
    session: AsyncSession, workspace_id: str, groups: Sequence[Group]
) -> dict[str, list[UnansweredQuestion]]:
    """The oldest question of each group, then its newest ones, by the group's id."""
    newest = (
        select(
            UnansweredQuestion.id,
            func.row_number()
            .over(partition_by=UnansweredQuestion.gap_id, order_by=UnansweredQuestion.id.desc())
            .label("place"),
        )
        .where(
            UnansweredQuestion.workspace_id == workspace_id,
            UnansweredQuestion.gap_id.in_([group.gap.id for group in groups]),
        )
        .subquery()
    )
    leaders_of = {group.gap.id: group.leader_id for group in groups}
    query = select(UnansweredQuestion).where(
        UnansweredQuestion.workspace_id == workspace_id,
        UnansweredQuestion.id.in_(select(newest.c.id).where(newest.c.place <= EXAMPLES))
        | UnansweredQuestion.id.in_(leaders_of.values()),
    )
    found: dict[str, list[UnansweredQuestion]] = {group.gap.id: [] for group in groups}
    for question in (await session.execute(query.order_by(UnansweredQuestion.id.desc()))).scalars():
        if question.gap_id is not None:
            first = question.id == leaders_of[question.gap_id]
            found[question.gap_id].insert(0 if first else len(found[question.gap_id]), question)
    return found


async def bases_with_work(session: AsyncSession) -> list[tuple[str, str]]:
    """(workspace, knowledge base) with questions to group, or with groups that a generation may answer."""
    fresh = select(UnansweredQuestion.workspace_id, UnansweredQuestion.knowledge_base_id).where(
        UnansweredQuestion.gap_id.is_(None)
    )
    behind = (
        select(KnowledgeGap.workspace_id, KnowledgeGap.knowledge_base_id)
        .join(KnowledgeBase, KnowledgeBase.id == KnowledgeGap.knowledge_base_id)
        .where(KnowledgeGap.state.in_(WAITING), KnowledgeGap.checked_generation < KnowledgeBase.generation)
    )
    return [(row[0], row[1]) for row in (await session.execute(union(fresh, behind))).all()]


async def set_checked(
    session: AsyncSession,
    workspace_id: str,
    gap_ids: Sequence[str],
    *,
    generation: int,
    state: GapState | None = None,
) -> None:
    """Note that groups were asked again of a generation; those nobody decided on meanwhile get `state`."""
    values: dict[str, object] = {"checked_generation": generation}
    if state is not None:
        values["state"] = state
    await session.execute(
        update(KnowledgeGap)
        .where(
            KnowledgeGap.workspace_id == workspace_id,
            KnowledgeGap.id.in_(gap_ids),
            KnowledgeGap.state.in_(WAITING),
        )
        .values(values)
    )


async def forget_before(session: AsyncSession, moment: datetime) -> None:
    """Erase what was asked before, in every workspace, and groups that are left without a question."""
    await session.execute(delete(UnansweredQuestion).where(UnansweredQuestion.asked_at < moment))
    held = exists().where(UnansweredQuestion.gap_id == KnowledgeGap.id)
    await session.execute(delete(KnowledgeGap).where(~held, KnowledgeGap.created_at < moment))
