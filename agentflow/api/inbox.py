"""Conversations: list, read, assign, open and close, take over, answer, hand back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from agentflow.agents import service as agents
from agentflow.api.auth import require_staff
from agentflow.api.deps import App, ContactsExporter, Cursor, InboxReader, InboxWriter, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.api.imports import AS_CSV, CSV, attachment
from agentflow.bootstrap import Application
from agentflow.kit.pagination import Page, decode_cursor, page_of, position_in_time
from crm.audit.note import exported
from crm.inbox import service as inbox
from crm.inbox.schemas import (
    Assignment,
    ConversationFilter,
    ConversationRead,
    ConversationStatus,
    MessageRead,
    OwnerKind,
    ReadUpTo,
    StaffReply,
    StatusUpdate,
    View,
)
from crm.inbox.transcript import messages_csv
from crm.teams import service as teams
from crm.teams.service import Principal

router = APIRouter(prefix="/conversations", tags=["inbox"], route_class=IdempotentRoute)

Id = Annotated[str | None, Query(max_length=40)]


def wanted(
    who: InboxReader,
    status: Annotated[
        list[ConversationStatus] | None, Query(description="only those in one of these")
    ] = None,
    owner: Annotated[OwnerKind | None, Query(description="only those of this kind of owner")] = None,
    agent_id: Id = None,
    staff_id: Id = None,
    team_id: Id = None,
    channel: Annotated[str | None, Query(max_length=20)] = None,
    language: Annotated[str | None, Query(max_length=16, description="of the last answer")] = None,
    label_id: Annotated[str | None, Query(max_length=40, description="of the contact")] = None,
    view: Annotated[View | None, Query(description="`mine` and `unread` are the logged-in person's")] = None,
) -> ConversationFilter:
    """What the list is asked for. Raises StaffOnly for a key that asks for what only a person has."""
    if view in (View.MINE, View.UNREAD):
        require_staff(who)
    return ConversationFilter(
        status=tuple(status or ()),
        owner=OwnerKind.NOBODY
        if view is View.UNASSIGNED
        else OwnerKind.STAFF
        if view is View.MINE
        else owner,
        agent_id=agent_id,
        staff_id=who.staff_id if view is View.MINE else staff_id,
        team_id=team_id,
        channel=channel,
        language=language,
        label_id=label_id,
        unread_by=who.staff_id if view is View.UNREAD else None,
    )


@router.get("")
async def list_conversations(
    app: App,
    who: InboxReader,
    wanted: Annotated[ConversationFilter, Depends(wanted)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ConversationRead]:
    """Conversations, newest message first."""
    async with app.db.read() as session:
        found = await inbox.list_conversations(
            session, who.workspace_id, wanted, after=decode_cursor(cursor), limit=limit + 1
        )
        items = await inbox.read_conversations(session, who.workspace_id, found, staff_id=who.staff_id)
    return page_of(items, limit=limit, cursor_of=lambda one: position_in_time(one.last_message_at, one.id))


@router.get("/{conversation_id}")
async def get_conversation(conversation_id: str, app: App, who: InboxReader) -> ConversationRead:
    """One conversation and who owns it."""
    return await _read(app, who, conversation_id)


async def _read(app: Application, who: Principal, conversation_id: str) -> ConversationRead:
    async with app.db.read() as session:
        return await inbox.read_conversation(
            session, who.workspace_id, conversation_id, staff_id=who.staff_id
        )


@router.post("/{conversation_id}/assign")
async def assign(conversation_id: str, data: Assignment, app: App, who: InboxWriter) -> ConversationRead:
    """Give the conversation to an agent, who answers what is open, to a person, to a team, or to nobody.

    People get it as by a takeover: from this answer on the agent says nothing more.
    """
    if data.agent_id is not None:
        async with app.db.read() as session:
            await agents.get_agent(session, who.workspace_id, data.agent_id)
    await inbox.assign(app.db, who, conversation_id, data)
    return await _read(app, who, conversation_id)


@router.post("/{conversation_id}/route")
async def route_again(conversation_id: str, app: App, who: InboxWriter) -> ConversationRead:
    """Let the routing rules decide anew; where none holds it goes back to its agent."""
    await inbox.route_again(app.db, who, conversation_id)
    return await _read(app, who, conversation_id)


@router.post("/{conversation_id}/status")
async def change_status(
    conversation_id: str, data: StatusUpdate, app: App, who: InboxWriter
) -> ConversationRead:
    """Open it, close it, or set it aside until a time; the contact's next message opens it in any case."""
    async with app.db.transaction() as session:
        await inbox.change_status(session, who, conversation_id, data)
    return await _read(app, who, conversation_id)


@router.post("/{conversation_id}/read", status_code=204)
async def mark_read(conversation_id: str, app: App, who: InboxReader, data: ReadUpTo | None = None) -> None:
    """Say that you have read up to a message; other people's counts stay as they are."""
    require_staff(who)
    async with app.db.transaction() as session:
        await inbox.mark_read(
            session, who.workspace_id, conversation_id, str(who.staff_id), seq=data.seq if data else None
        )


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


@router.get("/{conversation_id}/messages.csv", response_class=StreamingResponse, responses=AS_CSV)
async def export_messages(
    conversation_id: str, app: App, who: InboxReader, _exporter: ContactsExporter
) -> StreamingResponse:
    """All that was said, as CSV that spreadsheets open safely; internal notes are not in it."""
    exported(1)
    lines = await messages_csv(app.db, who.workspace_id, conversation_id)
    return StreamingResponse(lines, media_type=CSV, headers=attachment(f"{conversation_id}.csv"))


@router.post("/{conversation_id}/take-over")
async def take_over(conversation_id: str, app: App, who: InboxWriter) -> ConversationRead:
    """Own the conversation: from this answer on the agent says nothing more in it."""
    require_staff(who)
    async with app.db.read() as session:
        staff = await teams.get_staff(session, who)
    await inbox.take_over(app.db, staff, conversation_id)
    return await _read(app, who, conversation_id)


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
        await inbox.hand_back(session, staff, conversation_id)
    return await _read(app, who, conversation_id)
