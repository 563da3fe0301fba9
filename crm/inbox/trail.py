"""What a talk leaves with its contact: a line in the log, and the month in which the contact was active."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.usage import service as usage
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import OwnerKind


async def note_message(session: AsyncSession, conversation: Conversation, message: Message) -> None:
    """The contact wrote, or was answered."""
    received = message.author == "contact"
    activity.note(
        session,
        conversation.workspace_id,
        conversation.contact_id,
        ActivityKind.MESSAGE_RECEIVED if received else ActivityKind.MESSAGE_SENT,
        subject_id=message.id,
        actor_id=message.staff_id or message.agent_id,
        detail={"conversation_id": conversation.id, "channel": conversation.channel},
    )
    noted_at = None if received else conversation.last_inbound_at
    await usage.note_active(session, conversation.workspace_id, conversation.contact_id, noted_at=noted_at)


def note_status(session: AsyncSession, conversation: Conversation, *, actor_id: str | None) -> None:
    """The conversation was opened, closed or set aside."""
    activity.note(
        session,
        conversation.workspace_id,
        conversation.contact_id,
        ActivityKind.STATUS_CHANGED,
        subject_id=conversation.id,
        actor_id=actor_id,
        detail={"status": str(conversation.status)},
    )


def note_owner(session: AsyncSession, conversation: Conversation, *, actor_id: str | None) -> None:
    """The conversation went to an agent, a person, a team or nobody."""
    by_agent = conversation.owner_kind == OwnerKind.AGENT  # others keep the agent it may go back to
    activity.note(
        session,
        conversation.workspace_id,
        conversation.contact_id,
        ActivityKind.ASSIGNED,
        subject_id=conversation.id,
        actor_id=actor_id,
        detail={
            "owner": str(conversation.owner_kind),
            "id": conversation.agent_id if by_agent else conversation.staff_id or conversation.team_id,
            "reason": conversation.handoff_reason,
        },
    )
