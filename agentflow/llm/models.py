"""The model_connections table: where chat models are reached, in the order they are tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class ModelConnection(Base):
    """One OpenAI-compatible endpoint. While `circuit_open_until` lies ahead it is not tried."""

    __tablename__ = "model_connections"
    __table_args__ = (Index(None, "workspace_id", "position"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(200))
    base_url: Mapped[str] = mapped_column(String(2000))
    model: Mapped[str] = mapped_column(String(200))
    api_key: Mapped[str | None] = mapped_column(EncryptedText)
    position: Mapped[int] = mapped_column(Integer)
    created_by_environment: Mapped[bool] = mapped_column(Boolean)
    circuit_open_until: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    alert: Mapped[str | None] = mapped_column(Text, default=None)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
