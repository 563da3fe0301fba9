"""Tables of back-ups, erasures and exports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class Backup(Base):
    """A back-up that was made of this database; a report of an erasure lists those not yet expired."""

    __tablename__ = "backups"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    file: Mapped[str] = mapped_column(String(300))  # its name, without the folder
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Erasure(Base):
    """A person who was, or is being, erased: ids and counts, and what is looked for only while it lasts."""

    __tablename__ = "erasures"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), index=True)
    contact_ids: Mapped[str] = mapped_column(Text)  # JSON list: the contact and those merged into it
    state: Mapped[str] = mapped_column(String(10))  # queued | done | failed
    needles: Mapped[str | None] = mapped_column(EncryptedText)  # JSON; None once it is done
    report: Mapped[str | None] = mapped_column(Text)  # JSON list of schemas.StoreRead
    requested_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Export(Base):
    """Everything of a workspace in one file, to be fetched until it expires."""

    __tablename__ = "exports"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), index=True)
    state: Mapped[str] = mapped_column(String(10))  # queued | ready | failed
    rows: Mapped[str] = mapped_column(Text)  # JSON: how many of what
    bytes: Mapped[int] = mapped_column(BigInteger)
    requested_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
