"""Search over what was said and over what is known of the contact: every word must be there."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import word_keys
from agentflow.kit.errors import InvalidInput
from agentflow.kit.pagination import Page, decode_cursor, page_of, position_in_time, read_position_in_time
from crm.inbox import service as inbox
from crm.inbox.search import repository
from crm.inbox.search.repository import Sought
from crm.inbox.search.schemas import MAX_WORDS, ConversationSearch, Found
from crm.inbox.words.text import hash_of, words_of


async def search(
    session: AsyncSession, workspace_id: str, wanted: ConversationSearch, *, staff_id: str | None
) -> Page[Found]:
    """Conversations with every word of the query, newest message first. Raises InvalidInput, BadCursor."""
    words = words_of(wanted.query)
    if not 1 <= len(words) <= MAX_WORDS:
        raise InvalidInput(
            f"A search has 1 to {MAX_WORDS} words, this one has {len(words)}.", code="bad_search"
        )
    keys = word_keys(session)
    sought = [Sought(word, tuple(hash_of(key, workspace_id, word) for key in keys)) for word in words]
    before = read_position_in_time(decode_cursor(wanted.cursor))
    found = await repository.search(session, workspace_id, sought, before=before, limit=wanted.limit + 1)
    shown = await inbox.read_conversations(session, workspace_id, found, staff_id=staff_id)
    hashes = [one for word in sought for one in word.hashes]
    last = await repository.last_messages(session, workspace_id, hashes, [one.id for one in found])
    items = [Found(**one.model_dump(), message_seq=last.get(one.id)) for one in shown]
    return page_of(
        items,
        limit=wanted.limit,
        cursor_of=lambda one: position_in_time(one.last_message_at, one.id),
    )
