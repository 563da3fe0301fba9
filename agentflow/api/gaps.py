"""Questions without an answer: look, write an answer into the FAQ, dismiss and undo.

They are customers' own words, so whoever may only manage knowledge does not see them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, Cursor, InboxReader, KnowledgeReader, KnowledgeWriter, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from knowledge.gaps import faq
from knowledge.gaps import service as gaps
from knowledge.gaps.schemas import Draft, DraftEdit, DraftRead, GapRead, GapState

router = APIRouter(tags=["knowledge"], route_class=IdempotentRoute)

States = Annotated[list[GapState] | None, Query(description="only these; open and drafted when left out")]


@router.get("/knowledge-bases/{knowledge_base_id}/gaps")
async def list_gaps(
    knowledge_base_id: str,
    app: App,
    who: KnowledgeReader,
    _: InboxReader,
    state: States = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GapRead]:
    """Questions that found no answer, grouped by what they ask for, the most asked first; kept 90 days."""
    await gaps.gather(app.db, app.ingest_deps.embedder, who.workspace_id, knowledge_base_id)
    async with app.db.read() as session:
        found = await gaps.list_gaps(
            session,
            who.workspace_id,
            knowledge_base_id,
            states=state or (),
            after=decode_cursor(cursor),
            limit=limit + 1,
        )
    return page_of(found, limit=limit, cursor_of=gaps.cursor_of_gap)


@router.post("/gaps/{gap_id}/draft")
async def draft(
    gap_id: str, app: App, who: KnowledgeWriter, _: InboxReader, data: DraftEdit | None = None
) -> DraftRead:
    """Begin or change a draft for the FAQ; suggested are the sentences that come nearest to the question."""
    async with app.db.transaction() as session:
        gap = await gaps.draft(session, who.workspace_id, gap_id, data or DraftEdit())
    suggestions = await gaps.suggest(app.searcher, who.workspace_id, gap)
    return DraftRead(gap=gap, suggestions=suggestions)


@router.post("/gaps/{gap_id}/publish")
async def publish(gap_id: str, data: DraftEdit, app: App, who: KnowledgeWriter, _: InboxReader) -> GapRead:
    """Add the draft to the source FAQ.txt; the group closes by itself once its questions are answered."""
    async with app.db.transaction() as session:
        gap = await gaps.draft(session, who.workspace_id, gap_id, data)
    entry = gap.draft or Draft(question=gap.question, answer="")
    await faq.append(app.db, app.files, who.workspace_id, gap.knowledge_base_id, entry)
    async with app.db.transaction() as session:
        return await gaps.mark_published(session, who.workspace_id, gap_id)


@router.post("/gaps/{gap_id}/dismiss")
async def dismiss(gap_id: str, app: App, who: KnowledgeWriter, _: InboxReader) -> GapRead:
    """Take a group, and what is asked like it from now on, off the list."""
    async with app.db.transaction() as session:
        return await gaps.dismiss(session, who.workspace_id, gap_id)


@router.post("/gaps/{gap_id}/reopen")
async def reopen(gap_id: str, app: App, who: KnowledgeWriter, _: InboxReader) -> GapRead:
    """Put a dismissed group back on the list."""
    async with app.db.transaction() as session:
        return await gaps.reopen(session, who.workspace_id, gap_id)
