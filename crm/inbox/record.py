"""What comes in: contact, conversation, message, event and job, once per provider id, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import jobs
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from agentflow.kit.settings import TurnSettings
from channels import ChannelAccount
from channels.messages import Entry, EventKind, InboundEvent
from crm.contacts import service as contacts
from crm.contacts.schemas import ContactSource
from crm.inbox import events, repository, trail
from crm.inbox.errors import ConversationNotFound, MessageNotFound
from crm.inbox.models import Conversation, Message, Route
from crm.inbox.ownership import append, settle_takeover
from crm.inbox.routing import deciding as routing
from crm.inbox.routing.schemas import Decision, Opening
from crm.inbox.schemas import ConversationStatus, MessageStatus, OwnerKind, Recorded, advance
from crm.inbox.words import indexing


async def open_conversation(
    session: AsyncSession,
    account: ChannelAccount,
    contact_ref: str,
    *,
    locale: str | None = None,
    phone: str | None = None,
    entry: Entry = "channel",
) -> Conversation:
    """The conversation with whom the account calls `contact_ref`, locked; a new one on first sight.

    `phone` is a number that the provider vouches for. Routing rules decide who owns a new one, else the
    account's route: its agent, or nobody.
    """
    workspace_id = account.workspace_id
    contact_id = await contacts.open_contact(
        session,
        workspace_id,
        channel=account.channel,
        account_id=account.id,
        ref=contact_ref,
        locale=locale,
        phone=phone,
        source=ContactSource(entry),
    )
    found = await repository.lock_conversation_of_ref(
        session, workspace_id, account_id=account.id, contact_ref=contact_ref
    )
    if found is None:
        route = await repository.find_route(session, workspace_id, account.id)
        opened = Opening(workspace_id, contact_id, account.channel, account.id, locale)
        decision = await routing.decide(session, opened)
        values = {
            "id": new_id("cnv"),
            "workspace_id": workspace_id,
            "contact_id": contact_id,
            "account_id": account.id,
            "channel": account.channel,
            "contact_ref": contact_ref,
            "locale": locale,
            **_owner(decision, route),
            "status": ConversationStatus.OPEN,
            "search_key": indexing.current_key(session),
            "created_at": now(session),
            "last_message_at": now(session),
        }
        await repository.add_conversation(session, values)
        found = await repository.lock_conversation_of_ref(
            session, workspace_id, account_id=account.id, contact_ref=contact_ref
        )
        if found is not None and found.id == values["id"]:
            events.publish_conversation(session, found)
            if decision is not None:  # a rule's; where the account leads is no news
                events.publish_assignment(session, found)
    if found is None:
        raise ConversationNotFound("The conversation is gone.")
    await settle_takeover(session, found)
    return found


def _owner(decision: Decision | None, route: Route | None) -> dict[str, object]:
    """By a rule, else by the account's route; `agent_id` is where a hand-back would go in any case."""
    agent_id = route.agent_id if route else None
    if decision is None:
        return {"owner_kind": OwnerKind.AGENT if route else OwnerKind.NOBODY, "agent_id": agent_id}
    if decision.agent_id is not None:
        return {"owner_kind": OwnerKind.AGENT, "agent_id": decision.agent_id}
    kind = OwnerKind.STAFF if decision.staff_id else OwnerKind.NOBODY
    to = {"staff_id": decision.staff_id, "team_id": decision.team_id}
    return {"owner_kind": kind, "agent_id": agent_id, **to}


async def record(
    session: AsyncSession, account: ChannelAccount, event: InboundEvent, timing: TurnSettings | None = None
) -> Recorded:
    """Store an inbound message and have it answered; one already stored changes nothing.

    The job starts at once, unless another message came less than `burst_seconds` ago and has no answer yet:
    then it waits `debounce_seconds` for more of the burst, and the last message's job answers all of it.
    """
    timing = timing or TurnSettings()
    conversation = await open_conversation(
        session, account, event.contact_ref, phone=event.phone, entry=event.entry
    )
    known = await repository.find_message_by_dedupe_key(
        session, account.workspace_id, account.id, event.dedupe_key
    )
    if known is not None:
        return Recorded(known.conversation_id, known.id, known.seq, duplicate=True)
    burst = timedelta(seconds=timing.burst_seconds)
    last, at = conversation.last_inbound_at, now(session)
    unanswered = conversation.answered_seq < conversation.last_inbound_seq
    delay = timing.debounce_seconds if unanswered and last is not None and at - last < burst else 0
    message = append(session, conversation, author="contact", text=event.text, status=MessageStatus.SENT)
    message.dedupe_key = event.dedupe_key
    conversation.last_inbound_seq, conversation.last_inbound_at = message.seq, at
    events.publish_message(session, message, event.client_ref)
    set_status(session, conversation, ConversationStatus.OPEN)
    await session.flush()
    await contacts.note_message(session, account.workspace_id, conversation.contact_id)
    await trail.note_message(session, conversation, message)
    if conversation.owner_kind == OwnerKind.AGENT:
        await jobs.enqueue(
            session,
            "turn",
            conversation.id,
            message.seq,
            job_id=f"turn:{message.id}",
            partition=conversation.id,
            delay_seconds=delay,
        )
    return Recorded(conversation.id, message.id, message.seq, duplicate=False)


def set_status(
    session: AsyncSession,
    conversation: Conversation,
    status: ConversationStatus,
    *,
    until: datetime | None = None,
    actor_id: str | None = None,
) -> None:
    """Open, close or set aside a locked conversation, and tell staff if that is news.

    `actor_id` is the staff member or key that did it; None: the contact, or the time.
    """
    if (conversation.status, conversation.snoozed_until) == (status, until):
        return
    conversation.status, conversation.snoozed_until = status, until
    events.publish_conversation(session, conversation)
    trail.note_status(session, conversation, actor_id=actor_id)


async def receive(
    session: AsyncSession, account: ChannelAccount, event: InboundEvent, timing: TurnSettings | None = None
) -> Recorded | None:
    """Take any event that the channel supports; only a message gives a Recorded.

    Raises ConversationNotFound and MessageNotFound for signs about something that is not there.
    """
    if event.kind is EventKind.MESSAGE:
        return await record(session, account, event, timing)
    if event.kind is EventKind.OPT_OUT:
        await contacts.opt_out(session, account.workspace_id, account_id=account.id, ref=event.contact_ref)
    elif event.kind is EventKind.TYPING:
        conversation = await _conversation_of(session, account, event)
        events.publish_typing(session, conversation, on=event.payload == "on")
    elif event.kind is EventKind.STATUS and event.status is not None and event.payload is not None:
        conversation = await _conversation_of(session, account, event)
        status = MessageStatus(event.status)
        if status in (MessageStatus.DELIVERED, MessageStatus.READ):
            await mark_up_to(session, conversation, event.payload, status)
        else:
            reason = f"{event.error.code} {event.error.detail}".strip() if event.error else None
            await mark_one(session, conversation, event.payload, status, reason)
    return None


async def _conversation_of(
    session: AsyncSession, account: ChannelAccount, event: InboundEvent
) -> Conversation:
    found = await repository.find_conversation_of_ref(
        session, account.workspace_id, account_id=account.id, contact_ref=event.contact_ref
    )
    if found is None:
        raise ConversationNotFound("There is no such conversation.")
    return found


async def mark_up_to(
    session: AsyncSession, conversation: Conversation, message_id: str, status: MessageStatus
) -> None:
    """A contact's device has, or the contact has read, this message of ours and all before it.

    Statuses never go back, and an earlier message that was never sent stays so. Raises MessageNotFound.
    """
    workspace_id = conversation.workspace_id
    target = await repository.find_message(session, workspace_id, conversation.id, message_id)
    if target is None:
        raise MessageNotFound("There is no such message in this conversation.")
    # The target was seen, so it was sent, even where the receipt is not written yet.
    messages = await repository.lock_messages_out(
        session,
        workspace_id,
        conversation.id,
        up_to=target.seq,
        statuses=(MessageStatus.QUEUED, MessageStatus.SENT, MessageStatus.DELIVERED),
    )
    for message in messages:
        if message.status != MessageStatus.QUEUED and message.id != target.id:
            _advance(session, message, status)
    await mark_one(session, conversation, target.id, status)


async def mark_one(
    session: AsyncSession,
    conversation: Conversation,
    message_id: str,
    status: MessageStatus,
    reason: str | None = None,
) -> None:
    """The provider reports on this message of ours alone, in whatever order. Raises MessageNotFound."""
    message = await repository.lock_message(session, conversation.workspace_id, message_id)
    if message is None or message.conversation_id != conversation.id:
        raise MessageNotFound("There is no such message in this conversation.")
    if message.author not in ("agent", "staff"):
        return
    if status is MessageStatus.FAILED:
        message.failure = reason or message.failure
    _advance(session, message, status)
    await session.flush()


def _advance(session: AsyncSession, message: Message, status: MessageStatus) -> None:
    before = MessageStatus(message.status)
    message.status = advance(before, status)
    if message.status != before:
        events.publish_status_of(session, message)
