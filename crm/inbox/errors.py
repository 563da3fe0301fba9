"""What the inbox refuses."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, NotFound


class ConversationNotFound(NotFound):
    """There is no such conversation here."""

    code = "conversation_not_found"


class MessageNotFound(NotFound):
    """There is no such message in this conversation."""

    code = "message_not_found"


class OwnerChanged(Conflict):
    """The right to answer is gone: somebody else owns the conversation now. Nothing more may be said."""

    code = "owner_changed"


class AnswerSuperseded(OwnerChanged):
    """Another attempt at the same answer has begun, or the answer is already stored."""

    code = "answer_superseded"


class NotYourConversation(Conflict):
    """A staff member must take a conversation over before answering in it."""

    code = "not_your_conversation"


class TakeoverLost(Conflict):
    """Another staff member took the conversation over at the same moment."""

    code = "takeover_lost"


class NoAgent(Conflict):
    """There is no agent to which the conversation could go back."""

    code = "no_agent"
