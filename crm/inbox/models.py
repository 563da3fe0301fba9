"""Tables of the inbox: conversations, their messages, and which agent answers which channel account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime
from crm.inbox.schemas import Author

_FILTERED = ("status", "owner_kind", "agent_id", "staff_id", "team_id", "channel", "language")


class Conversation(Base):
    """All talk with one name of a contact on a channel account. Its row is the lock for everything in it.

    `owner_epoch` rises with every change of owner; an answer is valid only for the epoch it began in.
    `agent_id` is the AI agent to which a hand-back returns. Agents lie above this package, so no foreign key.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        # A person may be known by several names on one account: two browsers, merged later.
        Index(None, "account_id", "contact_ref", unique=True),
        Index(None, "contact_id", "last_message_at"),
        Index(None, "workspace_id", "last_message_at", "id"),
        # One for each thing the list is filtered by: a page is read from its end, however rare the value.
        *(
            Index(f"ix_conversations_by_{column}", "workspace_id", column, "last_message_at", "id")
            for column in _FILTERED
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"))
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("channel_accounts.id"))
    channel: Mapped[str] = mapped_column(String(20))
    contact_ref: Mapped[str] = mapped_column(String(200))
    locale: Mapped[str | None] = mapped_column(String(16))  # of the visitor's page
    language: Mapped[str | None] = mapped_column(String(16))  # of the last answer

    owner_kind: Mapped[str] = mapped_column(String(10))
    agent_id: Mapped[str | None] = mapped_column(String(40))
    staff_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("staff_members.id"))
    team_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("teams.id"))
    handoff_reason: Mapped[str | None] = mapped_column(String(40))
    owner_epoch: Mapped[int] = mapped_column(default=0)
    closing_for: Mapped[str | None] = mapped_column(String(40))  # the staff member who is taking over
    closing_name: Mapped[str | None] = mapped_column(String(200))
    closing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # after that it counts as done

    last_seq: Mapped[int] = mapped_column(default=0)
    last_inbound_seq: Mapped[int] = mapped_column(default=0)
    last_inbound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_seq: Mapped[int] = mapped_column(default=0)  # every inbound message up to here has its answer
    answer_id: Mapped[str | None] = mapped_column(String(40))  # the message that is being written
    attempt: Mapped[int] = mapped_column(default=0)
    failed_turns: Mapped[int] = mapped_column(default=0)

    status: Mapped[str] = mapped_column(String(10), default="open")
    snoozed_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)  # while it is pending
    preview: Mapped[str | None] = mapped_column(EncryptedText)  # the beginning of the last thing said
    preview_author: Mapped[Author | None] = mapped_column(String(10))
    search_key: Mapped[str | None] = mapped_column(String(16), index=True)  # see words/indexing.py

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_message_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Message(Base):
    """One message of either side. `seq` counts without gaps in its conversation.

    `answers_seq` is the last inbound message this one answers: an inbound message has one answer at most.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "conversation_id", "seq", unique=True),
        Index(None, "conversation_id", "answers_seq", unique=True),
        Index(None, "account_id", "dedupe_key", unique=True),
        Index(None, "account_id", "author", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    conversation_id: Mapped[str] = mapped_column(String(40), ForeignKey("conversations.id"))
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("channel_accounts.id"))
    seq: Mapped[int]
    author: Mapped[Author] = mapped_column(String(10))
    staff_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("staff_members.id"))
    agent_id: Mapped[str | None] = mapped_column(String(40))
    dedupe_key: Mapped[str | None] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(EncryptedText)
    sentences: Mapped[str | None] = mapped_column(EncryptedText)  # JSON list of schemas.SentenceRead
    trace: Mapped[str | None] = mapped_column(EncryptedText)  # JSON: model, tool calls, passages, timings
    language: Mapped[str | None] = mapped_column(String(16))
    action: Mapped[str | None] = mapped_column(String(10))
    answers_seq: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(10))
    failure: Mapped[str | None] = mapped_column(EncryptedText)  # why, as the provider said it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReadPosition(Base):
    """How far a staff member has read a conversation."""

    __tablename__ = "read_positions"

    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("conversations.id"), primary_key=True, index=True
    )
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    seq: Mapped[int]


class Route(Base):
    """Which agent answers new conversations of a channel account. Without one, nobody does."""

    __tablename__ = "routes"

    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("channel_accounts.id"), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    agent_id: Mapped[str] = mapped_column(String(40))
