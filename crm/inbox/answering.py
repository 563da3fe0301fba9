"""The agent's turn at a conversation: begin, sentence by sentence, finish. Each is one short transaction.

All three lock the conversation. The last two hold only while owner, epoch and attempt are those of the
beginning and no takeover is under way; else they raise OwnerChanged and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.ids import new_id
from channels import outbox
from channels.messages import OutboundMessage, TextBody
from crm.inbox import events, repository, trail
from crm.inbox.errors import AnswerSuperseded, OwnerChanged
from crm.inbox.models import Conversation, Message
from crm.inbox.ownership import append, hand_over, lock, settle_takeover
from crm.inbox.schemas import (
    Answering,
    AnswerOutcome,
    Finished,
    HistoryLine,
    MessageStatus,
    OwnerKind,
    SentenceRead,
)
from crm.teams import service as teams

HISTORY_MESSAGES = 12
_BURST_MESSAGES = 30  # unanswered ones that make up one question at most


async def begin_answer(
    session: AsyncSession, conversation_id: str, seq: int, *, history_messages: int = HISTORY_MESSAGES
) -> Answering | None:
    """The right to answer everything up to message `seq`, or None when that is not ours to do (any more).

    None means: no agent owns the conversation, a newer message will be answered by its own job, or the
    answer is stored already. Beginning again after a crash keeps the answer's id and counts the attempt up.
    """
    conversation = await repository.lock_conversation_by_job(session, conversation_id)
    if conversation is None:
        return None
    await settle_takeover(session, conversation)
    agent_id = conversation.agent_id
    if conversation.owner_kind != OwnerKind.AGENT or conversation.closing_for is not None or agent_id is None:
        return None
    if seq < conversation.last_inbound_seq or seq <= conversation.answered_seq:
        return None
    if conversation.answer_id is None:
        conversation.answer_id = new_id("msg")
    else:
        await events.prune_passing(session, conversation.workspace_id, conversation.id)
    conversation.attempt += 1
    question, history = await _read_talk(session, conversation, seq, history_messages)
    return Answering(
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        account_id=conversation.account_id,
        channel=conversation.channel,
        contact_ref=conversation.contact_ref,
        agent_id=agent_id,
        owner_epoch=conversation.owner_epoch,
        message_id=conversation.answer_id,
        answers_seq=seq,
        attempt=conversation.attempt,
        question=question,
        history=history,
        failed_turns=conversation.failed_turns,
        locale=conversation.locale or await _workspace_locale(session, conversation),
    )


async def _workspace_locale(session: AsyncSession, conversation: Conversation) -> str:
    workspace = await teams.get_workspace(session, conversation.workspace_id)
    return workspace.locale


async def _read_talk(
    session: AsyncSession, conversation: Conversation, seq: int, history_messages: int
) -> tuple[str, tuple[HistoryLine, ...]]:
    """All unanswered messages as one question, and what was said before them."""
    recent = await repository.list_messages_before(
        session,
        conversation.workspace_id,
        conversation.id,
        up_to=seq,
        limit=history_messages + _BURST_MESSAGES,
    )
    said = [one for one in recent if one.author != "system" and one.status != MessageStatus.FAILED]
    question = [one for one in said if one.author == "contact" and one.seq > conversation.answered_seq]
    history = [HistoryLine(one.author, one.text) for one in said if one not in question]
    return "\n".join(message.text for message in question), tuple(history[-history_messages:])


async def add_sentences(
    session: AsyncSession,
    answering: Answering,
    sentences: Sequence[Mapping[str, Any]],
    *,
    language: str | None = None,
) -> None:
    """Show the visitor the next checked sentences (each a CheckedSentence as a dict). Raises OwnerChanged."""
    await _lock_valid(session, answering)
    _show(session, answering, [SentenceRead.model_validate(one) for one in sentences], language)


def _show(
    session: AsyncSession, answering: Answering, sentences: Sequence[SentenceRead], language: str | None
) -> None:
    before = len(answering.said)
    answering.said.extend(sentences)
    shown = events.for_visitor(answering.said, language or answering.locale)
    for n, sentence in enumerate(shown[before:], start=before + 1):
        events.publish_sentence(session, answering, n, sentence)


async def _lock_valid(session: AsyncSession, answering: Answering) -> Conversation:
    conversation = await lock(session, answering.workspace_id, answering.conversation_id)
    if (
        conversation.owner_kind != OwnerKind.AGENT
        or conversation.owner_epoch != answering.owner_epoch
        or conversation.closing_for is not None
    ):
        raise OwnerChanged("Somebody else owns the conversation now.")
    if (conversation.answer_id, conversation.attempt) != (answering.message_id, answering.attempt):
        raise AnswerSuperseded("Another attempt at this answer has begun or is done.")
    return conversation


async def finish_answer(session: AsyncSession, answering: Answering, outcome: AnswerOutcome) -> Finished:
    """Store the answer and its outbox row, and hand over if that is what was decided.

    Sentences that were not shown yet are shown with it. Raises OwnerChanged.
    """
    conversation = await _lock_valid(session, answering)
    message = append(
        session,
        conversation,
        author="agent",
        text=outcome.text,
        status=MessageStatus.QUEUED,
        message_id=answering.message_id,
    )
    sentences = [SentenceRead.model_validate(sentence) for sentence in outcome.sentences]
    _show(session, answering, sentences[len(answering.said) :], outcome.language)
    message.agent_id = answering.agent_id
    message.sentences = json.dumps([one.model_dump() for one in sentences], ensure_ascii=False)
    message.trace = json.dumps(dict(outcome.trace), ensure_ascii=False, default=str)
    message.language, message.action = outcome.language, outcome.action
    message.answers_seq = conversation.answered_seq = answering.answers_seq
    await trail.note_message(session, conversation, message)
    conversation.language = outcome.language
    conversation.answer_id, conversation.attempt = None, 0
    conversation.failed_turns = conversation.failed_turns + 1 if outcome.failed else 0
    if outcome.action == "handoff":
        await hand_over(
            session,
            conversation,
            team_id=outcome.team_id,
            reason=outcome.reason,
            actor_id=answering.agent_id,
        )
    body = TextBody(outcome.text, events.for_visitor(sentences, outcome.language))
    outbound = outbound_of(conversation, message, body)
    outbox.add(session, outbound, channel=conversation.channel, owner_epoch=conversation.owner_epoch)
    return Finished(message.id, outbound.id)


def outbound_of(conversation: Conversation, message: Message, body: TextBody) -> OutboundMessage:
    """A message of ours as the outbox carries it."""
    return OutboundMessage(
        id=new_id("out"),
        workspace_id=conversation.workspace_id,
        account_id=conversation.account_id,
        contact_ref=conversation.contact_ref,
        body=body,
        actor="human" if message.author == "staff" else "bot",
        conversation_id=conversation.id,
        message_id=message.id,
        seq=message.seq,
        created_at=message.created_at,
    )
