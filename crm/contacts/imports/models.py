"""Tables of imports. The rows of a file are kept encrypted, in batches, until they are taken over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime
from crm.contacts.imports.schemas import ImportState


class ContactImport(Base):
    """One uploaded file. `revision` counts dry runs, so that a job of an older one does nothing."""

    __tablename__ = "contact_imports"
    __table_args__ = (Index("ix_contact_imports_list", "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    created_by: Mapped[str] = mapped_column(String(40))  # a staff member or an API key
    state: Mapped[ImportState] = mapped_column(String(20))
    filename: Mapped[str] = mapped_column(EncryptedText)
    sheet: Mapped[str] = mapped_column(EncryptedText)
    sheets: Mapped[str] = mapped_column(EncryptedText)  # JSON list of names
    header_row: Mapped[int]
    hidden_rows: Mapped[int]
    row_count: Mapped[int]
    columns: Mapped[str] = mapped_column(EncryptedText)  # JSON of schemas.ColumnSeen
    mapping: Mapped[str | None] = mapped_column(Text)  # JSON of schemas.Mapping
    revision: Mapped[int]
    checked_rows: Mapped[int]  # how far the dry run is
    dry_run: Mapped[str | None] = mapped_column(EncryptedText)  # JSON of schemas.DryRun
    problem_code: Mapped[str | None] = mapped_column(String(60))
    problem_detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContactImportBatch(Base):
    """Rows that are taken over in one transaction, together with what became of them."""

    __tablename__ = "contact_import_batches"

    import_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("contact_imports.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    row_count: Mapped[int]
    rows: Mapped[str | None] = mapped_column(EncryptedText)  # JSON; None when they are taken over
    refused: Mapped[str | None] = mapped_column(EncryptedText)  # JSON of rows that were not
    contacts: Mapped[str | None] = mapped_column(Text)  # JSON: ids of those created, updated and only met
    reasons: Mapped[str | None] = mapped_column(EncryptedText)  # JSON of schemas.ReasonCount
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    contacts_updated: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
