"""The table of reminders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class ContactReminder(Base):
    """What somebody wants to be told about a contact, and when.

    `fired_at` is set in the transaction that tells, so a reminder is told once however many look for it.
    """

    __tablename__ = "contact_reminders"
    __table_args__ = (Index(None, "contact_id", "id"), Index(None, "fired_at", "due_at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id", ondelete="CASCADE"))
    staff_id: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("staff_members.id")
    )  # None: the owner
    text: Mapped[str] = mapped_column(EncryptedText)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    firings: Mapped[int] = mapped_column(default=0)  # counts on when a new time is set after it was told
    told_id: Mapped[str | None] = mapped_column(String(40))  # the staff member who was told
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
