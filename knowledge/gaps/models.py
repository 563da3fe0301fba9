"""Questions without an answer, and the groups that an admin sees.

A group keeps no text of its own beside the admin's draft: what it shows are its questions, so that nothing
of a customer's outlives their retention.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime
from knowledge.gaps.schemas import GapState


class KnowledgeGap(Base):
    """Questions that ask for the same. Its oldest question is the one that others are compared with."""

    __tablename__ = "knowledge_gaps"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    knowledge_base_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("knowledge_bases.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[GapState] = mapped_column(String(20))
    draft_question: Mapped[str | None] = mapped_column(EncryptedText)
    draft_answer: Mapped[str | None] = mapped_column(EncryptedText)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_generation: Mapped[int] = mapped_column(default=0)  # the last one that it was asked of again
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UnansweredQuestion(Base):
    """One question as a customer asked it. `gap_id` is None until it is grouped."""

    __tablename__ = "unanswered_questions"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    knowledge_base_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("knowledge_bases.id", ondelete="CASCADE"), index=True
    )
    # Agents and conversations lie above this package, so no foreign keys.
    agent_id: Mapped[str] = mapped_column(String(40))
    conversation_id: Mapped[str] = mapped_column(String(40))
    gap_id: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("knowledge_gaps.id", ondelete="CASCADE"), index=True
    )
    question: Mapped[str] = mapped_column(EncryptedText)
    language: Mapped[str] = mapped_column(String(16))
    known: Mapped[bool]  # the search thought so, and yet nothing could be said
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # float32, unit length
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
