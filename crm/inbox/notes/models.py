"""Internal notes in a conversation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class ConversationNote(Base):
    """Beside the messages, not among them: whoever sends, shows or exports messages never meets one."""

    __tablename__ = "conversation_notes"
    __table_args__ = (Index(None, "conversation_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    conversation_id: Mapped[str] = mapped_column(String(40), ForeignKey("conversations.id"))
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"))
    text: Mapped[str] = mapped_column(EncryptedText)
    mentions: Mapped[str] = mapped_column(Text)  # JSON list of staff ids
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
