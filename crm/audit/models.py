"""Tables of the audit log, which only grows, and of the alerts that were raised from it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime


class AuditEntry(Base):
    """One access to data: ids, never content. Without a workspace: a log-in at an address nobody has."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "who_id", "id"),
        Index(None, "who_id", "action", "at"),
        Index(None, "ip", "action", "at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str | None] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who_id: Mapped[str | None] = mapped_column(String(40))
    who_kind: Mapped[str] = mapped_column(String(20))
    role: Mapped[str | None] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(10))
    record_type: Mapped[str] = mapped_column(String(60))
    record_ids: Mapped[str] = mapped_column(Text)  # JSON list
    status: Mapped[int | None] = mapped_column()  # None: written with the change, before its answer
    amount: Mapped[int | None] = mapped_column()  # how many records an export held
    ip: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(300))


class AuditRecord(Base):
    """Which entries are about a record: `record_ids` of an entry once more, to be found by."""

    __tablename__ = "audit_records"
    __table_args__ = (Index(None, "record_id", "entry_id"),)

    entry_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(60), primary_key=True)


class SecurityAlert(Base):
    """Something unusual, told once: `subject` is a staff member's or a key's id, or a network address."""

    __tablename__ = "security_alerts"
    __table_args__ = (UniqueConstraint("workspace_id", "kind", "subject", "period"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(64))
    period: Mapped[int] = mapped_column()  # the number of the window it was raised in, so that it comes once
    count: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
