"""Tables of the carriers: connected accounts, the outbox, and what the widget has been given."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class ChannelAccount(Base):
    """One connected number, page or site. `ref` is its public name: for the widget the site key."""

    __tablename__ = "channel_accounts"
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "channel", "ref", unique=True))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    channel: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    ref: Mapped[str] = mapped_column(String(100))
    allowed_origins: Mapped[str] = mapped_column(Text, default="[]")  # JSON list
    signing_key: Mapped[str] = mapped_column(EncryptedText)
    identity_secret: Mapped[str] = mapped_column(EncryptedText)
    identity_required: Mapped[bool] = mapped_column(default=False)
    public_settings: Mapped[str] = mapped_column(Text, default="{}")  # JSON of schemas.PublicSettings
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxRow(Base):
    """One request to make. Written with the message it carries; the once-only mark of sending.

    `state`: pending → sending → sent | failed | unknown | cancelled; `claim` names who is sending.
    The conversation and its `owner_epoch` are opaque here: a predicate from above judges them.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "conversation_id", "state"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("channel_accounts.id"))
    channel: Mapped[str] = mapped_column(String(20))
    contact_ref: Mapped[str] = mapped_column(String(200))
    conversation_id: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[str] = mapped_column(String(40), unique=True)
    seq: Mapped[int]
    actor: Mapped[str] = mapped_column(String(10))
    owner_epoch: Mapped[int]
    body: Mapped[str] = mapped_column(EncryptedText)
    state: Mapped[str] = mapped_column(String(10), default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(40))
    provider_ids: Mapped[str] = mapped_column(Text, default="[]")  # JSON list
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WidgetDelivery(Base):
    """An outbox row the widget has been given: the key that makes a repeated send arrive once."""

    __tablename__ = "widget_deliveries"

    outbox_id: Mapped[str] = mapped_column(String(40), ForeignKey("outbox.id"), primary_key=True)
    delivered_at: Mapped[datetime] = mapped_column(UtcDateTime)
