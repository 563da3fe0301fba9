"""Who is to deal with a conversation, and whether there is anything to do in it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import InvalidInput
from crm.inbox import repository
from crm.inbox.errors import ConversationNotFound
from crm.inbox.models import Conversation
from crm.inbox.ownership import hand_back, leave_waiting, lock, take_over
from crm.inbox.record import set_status
from crm.inbox.routing import deciding
from crm.inbox.routing.schemas import Opening
from crm.inbox.schemas import Assignment, ConversationStatus, InWorkspace, StatusUpdate
from crm.teams import service as teams

_AT_ONCE = 200  # conversations woken in one round


async def assign(db: Database, who: InWorkspace, conversation_id: str, to: Assignment) -> Conversation:
    """Give a conversation to an agent, a person, a team, or nobody.

    To people it goes as by a takeover: from the commit on the agent says nothing more. An agent also answers
    what is still open; the caller has checked that there is such an agent.
    Raises ConversationNotFound, RecordNotFound, NotAccepted, TakeoverLost.
    """
    if to.agent_id is not None:
        async with db.transaction() as session:
            return await hand_back(session, who, conversation_id, agent_id=to.agent_id)
    if to.staff_id is not None:
        async with db.read() as session:
            staff = await teams.get_colleague(session, who.workspace_id, to.staff_id)
        return await take_over(db, staff, conversation_id, actor_id=who.id)
    return await leave_waiting(db, who, conversation_id, team_id=to.team_id)


async def route_again(db: Database, who: InWorkspace, conversation_id: str) -> Conversation:
    """Let the routing rules decide anew; where none holds it goes back to its agent.

    Raises ConversationNotFound, NoAgent, TakeoverLost.
    """
    async with db.transaction() as session:
        one = await lock(session, who.workspace_id, conversation_id)
        language = one.locale or one.language
        opened = Opening(who.workspace_id, one.contact_id, one.channel, one.account_id, language)
        decision = await deciding.decide(session, opened)
        if decision is None:
            return await hand_back(session, who, conversation_id)
    to = Assignment(agent_id=decision.agent_id, team_id=decision.team_id, staff_id=decision.staff_id)
    return await assign(db, who, conversation_id, to)


async def change_status(
    session: AsyncSession, who: InWorkspace, conversation_id: str, data: StatusUpdate
) -> Conversation:
    """Open, close, or set aside until a time. Raises ConversationNotFound, InvalidInput."""
    if (data.status is ConversationStatus.PENDING) != (data.until is not None):
        raise InvalidInput("A pending conversation, and no other, has a time until which it waits.")
    if data.until is not None and data.until <= now(session):
        raise InvalidInput("The time until which a conversation waits must be in the future.")
    conversation = await lock(session, who.workspace_id, conversation_id)
    set_status(session, conversation, data.status, until=data.until, actor_id=who.id)
    await session.flush()
    return conversation


async def wake(db: Database) -> None:
    """Open what was set aside until now."""
    async with db.read() as session:
        due = await repository.due_conversations(session, at=now(session), limit=_AT_ONCE)
    for workspace_id, conversation_id in due:
        async with db.transaction() as session:
            try:
                conversation = await lock(session, workspace_id, conversation_id)
            except ConversationNotFound:
                continue
            if conversation.snoozed_until is not None and conversation.snoozed_until <= now(session):
                set_status(session, conversation, ConversationStatus.OPEN)
