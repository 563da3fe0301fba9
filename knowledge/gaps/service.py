"""Questions without an answer, from the turn that gave none to the generation that holds one.

A turn only adds a row. Grouping is done when somebody looks or a sweep comes by, one at a time for a
knowledge base, so that no customer waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError, NotFound
from agentflow.kit.ids import new_id
from agentflow.kit.pagination import BadCursor
from knowledge import service as knowledge
from knowledge.embedding import Embedder
from knowledge.explain import best_sentence
from knowledge.gaps import repository
from knowledge.gaps.grouping import Asked, asked, assign
from knowledge.gaps.models import KnowledgeGap, UnansweredQuestion
from knowledge.gaps.repository import Group
from knowledge.gaps.schemas import Draft, DraftEdit, GapRead, GapState, SuggestedQuote, Unanswered
from knowledge.search import Searcher

log = logging.getLogger(__name__)

KEPT_DAYS = 90
_BATCH = 200  # questions grouped at a time
_QUESTION_CHARS = 2000
_HEADING_CHARS = 190
_SUGGESTIONS = 3


def note(
    session: AsyncSession, workspace_id: str, agent_id: str, conversation_id: str, unanswered: Unanswered
) -> None:
    """Keep a question that ended without an answer; one row in the caller's transaction."""
    session.add(
        UnansweredQuestion(
            id=new_id("unq"),
            workspace_id=workspace_id,
            knowledge_base_id=unanswered.knowledge_base_id,
            agent_id=agent_id,
            conversation_id=conversation_id,
            gap_id=None,
            question=unanswered.question[:_QUESTION_CHARS],
            language=unanswered.language,
            known=unanswered.known,
            vector=unanswered.vector.astype(np.float32).tobytes(),
            asked_at=now(session),
        )
    )


async def gather(db: Database, embedder: Embedder, workspace_id: str, knowledge_base_id: str) -> None:
    """Put every question that has no group yet into one. Raises NotFound."""
    while True:
        async with db.read() as session:
            await knowledge.get_knowledge_base(session, workspace_id, knowledge_base_id)
            fresh = await repository.ungrouped(session, workspace_id, knowledge_base_id, limit=_BATCH)
            leaders = await repository.leaders(session, workspace_id, knowledge_base_id) if fresh else []
        if not fresh:
            return
        groups = await asyncio.to_thread(_assign, embedder, leaders, fresh)
        async with db.transaction() as session:
            base = await knowledge.get_knowledge_base(session, workspace_id, knowledge_base_id, lock=True)
            left = await repository.ungrouped(session, workspace_id, knowledge_base_id, limit=_BATCH)
            # Oldest go first, so whoever was quicker has taken at least the first of ours.
            if left and left[0].id == fresh[0].id:
                await _put(session, leaders, fresh, groups, base.generation)


def _assign(
    embedder: Embedder, leaders: Sequence[UnansweredQuestion], fresh: Sequence[UnansweredQuestion]
) -> list[int]:
    def ready(question: UnansweredQuestion) -> Asked:
        return asked(embedder, question.question, np.frombuffer(question.vector, dtype=np.float32))

    return assign([ready(one) for one in leaders], [ready(one) for one in fresh])


async def _put(
    session: AsyncSession,
    leaders: Sequence[UnansweredQuestion],
    fresh: Sequence[UnansweredQuestion],
    groups: Sequence[int],
    generation: int,
) -> None:
    members: defaultdict[int, list[UnansweredQuestion]] = defaultdict(list)
    for question, group in zip(fresh, groups, strict=True):
        members[group].append(question)
    for number, questions in members.items():
        first = questions[0]
        gap_id = leaders[number].gap_id if number < len(leaders) else None
        gap = await repository.find_gap(session, first.workspace_id, gap_id) if gap_id else None
        if gap is None:
            gap = _new_gap(session, first)
            await session.flush()
        elif gap.state == GapState.CLOSED:  # it was thought to be answered, and is asked in vain again
            gap.state = _waiting(gap)
            gap.checked_generation = generation
        await repository.put_into(session, first.workspace_id, gap.id, [one.id for one in questions])


def _new_gap(session: AsyncSession, first: UnansweredQuestion) -> KnowledgeGap:
    gap = KnowledgeGap(
        id=new_id("gap"),
        workspace_id=first.workspace_id,
        knowledge_base_id=first.knowledge_base_id,
        state=GapState.OPEN,
        draft_question=None,
        draft_answer=None,
        published_at=None,
        checked_generation=0,
        created_at=now(session),
    )
    session.add(gap)
    return gap


def _waiting(gap: KnowledgeGap) -> GapState:
    return GapState.OPEN if gap.draft_question is None else GapState.DRAFTED


async def list_gaps(
    session: AsyncSession,
    workspace_id: str,
    knowledge_base_id: str,
    *,
    states: Collection[GapState] = (),
    after: str | None = None,
    limit: int = 50,
) -> list[GapRead]:
    """Groups in these states, else those that wait for an answer, the most asked one first.

    `after` is of `cursor_of_gap`. Raises BadCursor.
    """
    groups = await repository.list_groups(
        session,
        workspace_id,
        knowledge_base_id,
        states=states or repository.WAITING,
        before=_position(after),
        limit=limit,
    )
    questions = await repository.questions_of(session, workspace_id, groups)
    return [_read(group, questions[group.gap.id]) for group in groups]


def cursor_of_gap(gap: GapRead) -> str:
    """Where a group stands in the list."""
    return f"{gap.count}|{gap.id}"


def _position(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    count, _, gap_id = after.partition("|")
    if not (count.isascii() and count.isdigit() and len(count) < 10 and gap_id):
        raise BadCursor("The cursor is not one of this list.")
    return int(count), gap_id


def _read(group: Group, questions: Sequence[UnansweredQuestion]) -> GapRead:
    """`questions` are the oldest one, then the newest ones."""
    gap, (leader, *newest) = group.gap, questions
    texts = dict.fromkeys(one.question for one in (*newest, leader))
    drafted = gap.draft_question is not None
    return GapRead(
        id=gap.id,
        knowledge_base_id=gap.knowledge_base_id,
        state=GapState(gap.state),
        count=group.count,
        question=leader.question,
        language=leader.language,
        examples=list(texts)[: repository.EXAMPLES],
        first_asked_at=group.first_asked_at,
        last_asked_at=group.last_asked_at,
        draft=Draft(question=gap.draft_question or "", answer=gap.draft_answer or "") if drafted else None,
        published_at=gap.published_at,
    )


async def get_gap(session: AsyncSession, workspace_id: str, gap_id: str) -> GapRead:
    """One group. Raises NotFound."""
    group = await repository.find_group(session, workspace_id, gap_id)
    if group is None:
        raise _no_gap()
    questions = await repository.questions_of(session, workspace_id, [group])
    return _read(group, questions[gap_id])


async def draft(session: AsyncSession, workspace_id: str, gap_id: str, edit: DraftEdit) -> GapRead:
    """Begin a draft, or change the one there is. Raises NotFound."""
    gap = await _lock(session, workspace_id, gap_id)
    read = await get_gap(session, workspace_id, gap_id)
    gap.draft_question = edit.question or gap.draft_question or heading_of(read.question)
    gap.draft_answer = gap.draft_answer or "" if edit.answer is None else edit.answer
    gap.state = GapState.DRAFTED
    await session.flush()
    return await get_gap(session, workspace_id, gap_id)


def heading_of(question: str) -> str:
    """A question as one line that a text file may have as a heading."""
    return " ".join(question.split()).lstrip("#*=- ")[:_HEADING_CHARS].strip() or "?"


async def suggest(searcher: Searcher, workspace_id: str, gap: GapRead) -> list[SuggestedQuote]:
    """What the knowledge holds nearest to a group, word for word, to write an answer from."""
    found = await searcher.search(workspace_id, gap.knowledge_base_id, gap.question, limit=_SUGGESTIONS)
    quotes = []
    for passage in found.passages:
        if sentence := best_sentence(passage, found.query_vector):
            row = passage.row if sentence.row is None else sentence.row
            quotes.append(
                SuggestedQuote(
                    source_id=passage.source_id,
                    source=passage.source,
                    page=passage.page,
                    sheet=passage.sheet,
                    row=row,
                    quote=sentence.text,
                )
            )
    return quotes


async def dismiss(session: AsyncSession, workspace_id: str, gap_id: str) -> GapRead:
    """Show the group no more, and what is asked like it neither. Raises NotFound."""
    gap = await _lock(session, workspace_id, gap_id)
    gap.state = GapState.DISMISSED
    await session.flush()
    return await get_gap(session, workspace_id, gap_id)


async def reopen(session: AsyncSession, workspace_id: str, gap_id: str) -> GapRead:
    """Take a dismissal back. Raises NotFound."""
    gap = await _lock(session, workspace_id, gap_id)
    if gap.state == GapState.DISMISSED:
        gap.state = _waiting(gap)
    await session.flush()
    return await get_gap(session, workspace_id, gap_id)


async def mark_published(session: AsyncSession, workspace_id: str, gap_id: str) -> GapRead:
    """The draft stands in the FAQ; the group closes once its questions find it. Raises NotFound."""
    gap = await _lock(session, workspace_id, gap_id)
    gap.published_at = now(session)
    gap.checked_generation = 0  # the answer may have gone live before this was written down
    await session.flush()
    return await get_gap(session, workspace_id, gap_id)


async def _lock(session: AsyncSession, workspace_id: str, gap_id: str) -> KnowledgeGap:
    gap = await repository.find_gap(session, workspace_id, gap_id)
    if gap is None:
        raise _no_gap()
    return gap


def _no_gap() -> NotFound:
    return NotFound("There is no such group of questions.", code="gap_not_found")


async def sweep(db: Database, searcher: Searcher, embedder: Embedder) -> None:
    """Group what was asked, and close what a new generation has come to answer, in every workspace."""
    async with db.read() as session:
        due = await repository.bases_with_work(session)
    for workspace_id, knowledge_base_id in due:
        try:
            await gather(db, embedder, workspace_id, knowledge_base_id)
            await close_answered(db, searcher, workspace_id, knowledge_base_id)
        except AppError as refused:  # another embedder, or one out of reach: the next sweep tries again
            log.info("questions of %s wait: %s", knowledge_base_id, refused.detail)


async def close_answered(db: Database, searcher: Searcher, workspace_id: str, knowledge_base_id: str) -> None:
    """Ask the newest generation again and close the groups whose examples it now knows.

    Raises NotFound, and what a search raises.
    """
    async with db.read() as session:
        base = await knowledge.get_knowledge_base(session, workspace_id, knowledge_base_id)
        groups = await repository.groups_to_check(session, workspace_id, knowledge_base_id, base.generation)
        questions = await repository.questions_of(session, workspace_id, groups)
    if not groups:
        return
    closed: list[str] = []
    open_: list[str] = []
    for group in groups:
        known = await _known(searcher, group.gap, questions[group.gap.id])
        (closed if known else open_).append(group.gap.id)
    async with db.transaction() as session:
        await repository.set_checked(
            session, workspace_id, closed, generation=base.generation, state=GapState.CLOSED
        )
        await repository.set_checked(session, workspace_id, open_, generation=base.generation)


async def _known(searcher: Searcher, gap: KnowledgeGap, questions: Sequence[UnansweredQuestion]) -> bool:
    """Whether each example finds its answer. One that the search knew in vain needs an answer of its own."""
    for question in questions:
        if question.known and gap.published_at is None:
            return False
        found = await searcher.search(gap.workspace_id, gap.knowledge_base_id, question.question, limit=1)
        if not found.known:
            return False
    return True


async def forget(db: Database) -> None:
    """Erase what was asked more than 90 days ago."""
    async with db.transaction() as session:
        await repository.forget_before(session, now(session) - timedelta(days=KEPT_DAYS))
