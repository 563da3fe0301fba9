"""Tables of the people we talk to, and their addresses on each channel."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime


class Contact(Base):
    """A person or entity. Anonymous until they tell us a name."""

    __tablename__ = "contacts"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    locale: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ContactIdentity(Base):
    """How one channel account names a contact; the same name on the same account is the same contact."""

    __tablename__ = "contact_identities"
    __table_args__ = (Index(None, "account_id", "ref", unique=True),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"), index=True)
    channel: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("channel_accounts.id"))
    ref: Mapped[str] = mapped_column(String(200))
    opted_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
