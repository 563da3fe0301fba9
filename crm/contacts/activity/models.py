"""The table of what happened with contacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime
from crm.contacts.activity.schemas import ActivityKind


class ContactActivity(Base):
    """One thing that happened. `subject_id` names the record it happened to, `actor_id` who did it."""

    __tablename__ = "contact_activities"
    __table_args__ = (Index(None, "contact_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id", ondelete="CASCADE"))
    kind: Mapped[ActivityKind] = mapped_column(String(40))
    subject_id: Mapped[str | None] = mapped_column(String(40))
    actor_id: Mapped[str | None] = mapped_column(String(40))  # staff, key or agent; None: the contact or us
    detail: Mapped[str | None] = mapped_column(EncryptedText)  # JSON: short words and ids, no message text
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
