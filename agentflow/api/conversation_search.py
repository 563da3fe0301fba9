"""Search in conversations; with POST the words stay out of the addresses that servers write down."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, Cursor, InboxReader, Limit
from agentflow.kit.pagination import Page
from crm.inbox.search import service as search
from crm.inbox.search.schemas import MAX_CHARS, ConversationSearch, Found

router = APIRouter(prefix="/conversations/search", tags=["inbox"])


@router.get("")
async def search_conversations(
    app: App,
    who: InboxReader,
    query: Annotated[str, Query(min_length=1, max_length=MAX_CHARS)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Found]:
    """Conversations in which every word was said, or belongs to the contact; newest first."""
    wanted = ConversationSearch(query=query, limit=limit, cursor=cursor)
    async with app.db.read() as session:
        return await search.search(session, who.workspace_id, wanted, staff_id=who.staff_id)


@router.post("")
async def search_by_body(data: ConversationSearch, app: App, who: InboxReader) -> Page[Found]:
    """The same, with the words in the body."""
    async with app.db.read() as session:
        return await search.search(session, who.workspace_id, data, staff_id=who.staff_id)
