"""The agents table: one row is one AI agent in its current version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime


class Agent(Base):
    """`guardrails` and `handoff_rules` are JSON lists of the schemas; `version` counts the changes."""

    __tablename__ = "agents"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    knowledge_base_id: Mapped[str] = mapped_column(String(40), ForeignKey("knowledge_bases.id"))
    version: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    instructions: Mapped[str] = mapped_column(Text)
    tone: Mapped[str] = mapped_column(String(200))
    answer_length: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(10))
    guardrails: Mapped[str] = mapped_column(Text)
    handoff_rules: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
