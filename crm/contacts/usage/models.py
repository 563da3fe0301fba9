"""The tables of active contacts."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base


class ActiveContact(Base):
    """A contact we talked with in a month of the workspace's time zone; there once however much was said."""

    __tablename__ = "active_contacts"
    __table_args__ = (Index(None, "contact_id"),)

    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # YYYY-MM
    contact_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True
    )


class ErasedActiveContacts(Base):
    """How many contacts of a month are erased since: what was billed stays as it was, without saying whom."""

    __tablename__ = "erased_active_contacts"

    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    contacts: Mapped[int]
