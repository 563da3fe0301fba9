"""Which words stand in which conversation."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base


class ConversationWord(Base):
    """A word as a keyed hash, which says nothing without the key; `seq` is of the last message with it."""

    __tablename__ = "conversation_words"
    __table_args__ = {"sqlite_with_rowid": False}

    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"), primary_key=True)
    word: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    conversation_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("conversations.id"), primary_key=True, index=True
    )
    seq: Mapped[int]
