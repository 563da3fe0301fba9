"""The table of merges."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class ContactMerge(Base):
    """One contact that went into another, with all that is needed to take them apart again."""

    __tablename__ = "contact_merges"
    __table_args__ = (Index(None, "survivor_id", "id"), Index(None, "merged_id"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    survivor_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id", ondelete="CASCADE"))
    merged_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id", ondelete="CASCADE"))
    moved: Mapped[str] = mapped_column(EncryptedText)  # JSON: table → keys of the rows that moved
    filled: Mapped[str] = mapped_column(
        EncryptedText
    )  # JSON: fields' old and new values, addresses' old places
    forgotten: Mapped[bool]  # too old to be undone: the two above are empty
    merged_by: Mapped[str] = mapped_column(String(40))
    merged_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
