"""Tables as their files hold them, one record each; they live and die with their version."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base


class SourceTable(Base):
    """One table of one version. It is only ever read whole, so the rows are one compressed value."""

    __tablename__ = "source_tables"
    __table_args__ = (
        ForeignKeyConstraint(
            ["source_id", "version"],
            ["source_versions.source_id", "source_versions.version"],
            ondelete="CASCADE",
        ),
    )

    source_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    content: Mapped[bytes] = mapped_column(LargeBinary)  # zlib: JSON [sheet, title, page, header, rows]
