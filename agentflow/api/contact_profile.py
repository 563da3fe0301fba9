"""A contact on one page, and the same beside a conversation."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from agentflow.api.deps import App, ContactsReader, InboxReader
from agentflow.api.idempotency import IdempotentRoute
from crm.contacts.profile import service as profiles
from crm.contacts.profile.schemas import ProfileRead
from crm.inbox import service as inbox
from crm.inbox.schemas import ConversationRead

router = APIRouter(tags=["contacts"], route_class=IdempotentRoute)


class Panel(BaseModel):
    """What stands beside a conversation."""

    conversation: ConversationRead
    profile: ProfileRead


@router.get("/contacts/{contact_id}/profile")
async def get_profile(contact_id: str, app: App, who: ContactsReader) -> ProfileRead:
    """All that is known of a contact, in the three columns of its page."""
    async with app.db.read() as session:
        return await profiles.get_profile(session, who.workspace_id, contact_id)


@router.get("/conversations/{conversation_id}/panel")
async def get_panel(conversation_id: str, app: App, who: InboxReader, _: ContactsReader) -> Panel:
    """The contact of a conversation, in one answer, so that nobody leaves the inbox."""
    async with app.db.read() as session:
        found = await inbox.read_conversation(
            session, who.workspace_id, conversation_id, staff_id=who.staff_id
        )
        profile = await profiles.get_profile(session, who.workspace_id, found.contact_id)
    return Panel(conversation=found, profile=profile)
