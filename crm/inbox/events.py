"""What the inbox tells the world: events in the conversation's stream, which visitors and staff both read.

`message` of the agent and of staff is published by the live-chat channel when it sends; the rest is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.events import Event, prune_events, publish
from channels.messages import VisitorCitation, VisitorSentence
from crm.inbox import trail
from crm.inbox.models import Conversation, Message
from crm.inbox.schemas import Answering, CitationRead, MessageStatus, SentenceRead
from crm.teams import texts

# The kinds a visitor may read.
VISITOR_KINDS = ("sentence", "message", "typing", "handoff", "status", "closed")

# What staff may read besides. These are in a stream of their own, which no visitor can name.
STAFF_STREAM = "inbox"
STAFF_KINDS = (*VISITOR_KINDS, "conversation", "assignment", "note")


def publish_conversation(session: AsyncSession, conversation: Conversation) -> None:
    """To staff: a conversation is new, or opened, closed or set aside."""
    until = conversation.snoozed_until
    payload = {"status": conversation.status, "until": until.isoformat() if until else None}
    publish_to_staff(session, conversation, "conversation", payload)


def publish_assignment(
    session: AsyncSession, conversation: Conversation, *, actor_id: str | None = None
) -> None:
    """To staff: who owns it now. `actor_id` is who did it: a person, a key or an agent; None: us."""
    owner = ("owner_kind", "agent_id", "staff_id", "team_id", "handoff_reason", "owner_epoch")
    payload = {name: getattr(conversation, name) for name in owner}
    publish_to_staff(session, conversation, "assignment", payload)
    trail.note_owner(session, conversation, actor_id=actor_id)


def publish_to_staff(
    session: AsyncSession, conversation: Conversation, kind: str, payload: dict[str, Any]
) -> None:
    """News of a conversation that visitors never get."""
    payload = {"conversation_id": conversation.id, **payload}
    _publish(session, conversation.workspace_id, STAFF_STREAM, kind, payload)


def for_staff(event: Event) -> dict[str, Any]:
    """What an event tells staff; it always names its conversation."""
    return (
        event.payload if event.stream == STAFF_STREAM else {"conversation_id": event.stream, **event.payload}
    )


def publish_message(session: AsyncSession, message: Message, client_ref: str | None = None) -> None:
    """A message of the contact or of the system. `client_ref` is the sender's own id for it."""
    payload: dict[str, Any] = {
        "message_id": message.id,
        "seq": message.seq,
        "role": message.author,
        "text": message.text,
        "sentences": [],
        "status": message.status,
        "created_at": message.created_at.isoformat(),
    }
    if client_ref is not None:
        payload["client_msg_id"] = client_ref
    _publish(session, message.workspace_id, message.conversation_id, "message", payload)


def publish_sentence(session: AsyncSession, answering: Answering, n: int, sentence: VisitorSentence) -> None:
    """One checked sentence of an answer that is being written; a later attempt replaces an earlier one."""
    payload = {"message_id": answering.message_id, "attempt": answering.attempt, "n": n, **asdict(sentence)}
    _publish(session, answering.workspace_id, answering.conversation_id, "sentence", payload)


def publish_handoff(session: AsyncSession, conversation: Conversation, team: str | None) -> None:
    """The conversation waits for people now, of `team` if there is one."""
    _publish(session, conversation.workspace_id, conversation.id, "handoff", {"team": team})


def publish_status(
    session: AsyncSession, conversation: Conversation, message_id: str, status: MessageStatus
) -> None:
    """A message has come further; `failed` also for an answer that was begun and will not be finished."""
    payload = {"message_id": message_id, "status": status.value}
    _publish(session, conversation.workspace_id, conversation.id, "status", payload)


def publish_status_of(session: AsyncSession, message: Message) -> None:
    """A stored message has come further."""
    payload = {"message_id": message.id, "status": MessageStatus(message.status).value}
    _publish(session, message.workspace_id, message.conversation_id, "status", payload)


def publish_typing(session: AsyncSession, conversation: Conversation, *, on: bool) -> None:
    """The contact types, or has stopped."""
    payload = {"on": on, "role": "contact"}
    _publish(session, conversation.workspace_id, conversation.id, "typing", payload)


async def prune_passing(session: AsyncSession, workspace_id: str, conversation_id: str) -> None:
    """Forget the sentences of an answer that is final or will never be, and old signs of typing."""
    passing = ("sentence", "typing")
    await prune_events(session, workspace_id, stream=conversation_id, kinds=passing)


def _publish(
    session: AsyncSession, workspace_id: str, conversation_id: str, kind: str, payload: dict[str, Any]
) -> None:
    publish(session, workspace_id, stream=conversation_id, kind=kind, payload=payload)


def for_visitor(sentences: Sequence[SentenceRead], language: str) -> tuple[VisitorSentence, ...]:
    """Sentences as a visitor sees them: citations get numbers that run through the whole answer.

    The same passage keeps its number. The page itself is linked only where the admin made the source public.
    """
    numbers: dict[tuple[object, ...], int] = {}
    shown = []
    for sentence in sentences:
        cited = []
        for one in sentence.citations:
            key = (one.source_id, one.version, one.page, one.sheet, one.row, one.start, one.end, one.quote)
            cited.append(_citation(one, numbers.setdefault(key, len(numbers) + 1), language))
        shown.append(VisitorSentence(sentence.text, tuple(cited)))
    return tuple(shown)


def _citation(one: CitationRead, n: int, language: str) -> VisitorCitation:
    # The address is relative to the server that the widget talks to.
    url = f"/widget/v1/sources/{one.source_id}" if one.public else None
    return VisitorCitation(n, one.source, _place(one, language), one.quote, url)


def _place(one: CitationRead, language: str) -> str:
    if one.row is not None and one.sheet:
        return texts.text("place_row", language, sheet=one.sheet, row=one.row)
    if one.row is not None:
        return texts.text("place_row_only", language, row=one.row)
    if one.page is not None:
        return texts.text("place_page", language, page=one.page)
    return one.heading
