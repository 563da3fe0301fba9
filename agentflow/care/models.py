"""Tables of back-ups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime


class Backup(Base):
    """A back-up that was made of this database; a report of an erasure lists those not yet expired."""

    __tablename__ = "backups"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    file: Mapped[str] = mapped_column(String(300))  # its name, without the folder
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
