"""A file that may take a source's place, and what the agents would say with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime
from knowledge.previews.schemas import PreviewState


class SourcePreview(Base):
    """`base_version` is the newest version of the source when the file came in."""

    __tablename__ = "source_previews"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    knowledge_base_id: Mapped[str] = mapped_column(String(40))
    # No foreign key: the record outlives an erased source until its file is erased as well.
    source_id: Mapped[str] = mapped_column(String(40))
    base_version: Mapped[int]
    file_key: Mapped[str] = mapped_column(String(300))
    bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[PreviewState] = mapped_column(String(20))
    questions: Mapped[int]  # how many past ones to ask at most
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int] = mapped_column(default=0)
    report: Mapped[str | None] = mapped_column(EncryptedText)  # JSON list of schemas.Change
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason_detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
