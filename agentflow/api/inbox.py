"""Conversations: read, take over, answer, hand back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.auth import require_staff
from agentflow.api.deps import App, Cursor, InboxReader, InboxWriter, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.inbox import service as inbox
from crm.inbox.schemas import ConversationRead, MessageRead, OwnerKind, StaffReply
from crm.teams import service as teams

router = APIRouter(prefix="/conversations", tags=["inbox"], route_class=IdempotentRoute)


@router.get("")
async def list_conversations(
    app: App,
    who: InboxReader,
    owner: Annotated[OwnerKind | None, Query(description="only those of this kind of owner")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ConversationRead]:
    """Conversations, newest message first."""
    async with app.db.read() as session:
        found = await inbox.list_conversations(
            session, who.workspace_id, owner=owner, after=decode_cursor(cursor), limit=limit + 1
        )
    items = [ConversationRead.model_validate(one) for one in found]
    return page_of(
        items, limit=limit, cursor_of=lambda one: inbox.cursor_of_conversation(one.last_message_at, one.id)
    )


@router.get("/{conversation_id}")
async def get_conversation(conversation_id: str, app: App, who: InboxReader) -> ConversationRead:
    """One conversation and who owns it."""
    async with app.db.read() as session:
        found = await inbox.get_conversation(session, who.workspace_id, conversation_id)
        return ConversationRead.model_validate(found)


@router.get("/{conversation_id}/messages")
async def list_messages(
    conversation_id: str, app: App, who: InboxReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[MessageRead]:
    """Messages in order, with citations and, for the agent's, what it did to write them."""
    async with app.db.read() as session:
        found = await inbox.list_messages(
            session, who.workspace_id, conversation_id, after=decode_cursor(cursor), limit=limit + 1
        )
    items = [inbox.read_message(message) for message in found]
    return page_of(items, limit=limit, cursor_of=lambda message: str(message.seq))


@router.post("/{conversation_id}/take-over")
async def take_over(conversation_id: str, app: App, who: InboxWriter) -> ConversationRead:
    """Own the conversation: from this answer on the agent says nothing more in it."""
    require_staff(who)
    async with app.db.read() as session:
        staff = await teams.get_staff(session, who)
    return ConversationRead.model_validate(await inbox.take_over(app.db, staff, conversation_id))


@router.post("/{conversation_id}/messages", status_code=201)
async def reply(conversation_id: str, data: StaffReply, app: App, who: InboxWriter) -> MessageRead:
    """Answer in a conversation you own."""
    require_staff(who)
    async with app.db.transaction() as session:
        staff = await teams.get_staff(session, who)
        message = await inbox.reply_as_staff(session, staff, conversation_id, data.text)
        return inbox.read_message(message)


@router.post("/{conversation_id}/hand-back")
async def hand_back(conversation_id: str, app: App, who: InboxWriter) -> ConversationRead:
    """Return the conversation to its agent, who answers what is still open."""
    require_staff(who)
    async with app.db.transaction() as session:
        staff = await teams.get_staff(session, who)
        return ConversationRead.model_validate(await inbox.hand_back(session, staff, conversation_id))
