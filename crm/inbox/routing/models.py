"""Routing rules, in their order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime


class RoutingRule(Base):
    """If all conditions hold, the target gets the conversation. The first such rule counts.

    The target is named without foreign key: one that is gone is passed over, and shown as gone.
    """

    __tablename__ = "routing_rules"
    __table_args__ = (Index(None, "workspace_id", "position"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    enabled: Mapped[bool]
    conditions: Mapped[str] = mapped_column(Text)  # JSON of schemas.Conditions
    target: Mapped[str] = mapped_column(Text)  # JSON of schemas.Target
    last_staff_id: Mapped[str | None] = mapped_column(String(40))  # whose turn it was in a round robin
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
