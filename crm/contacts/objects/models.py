"""Tables of custom objects: what an admin defined, the records, what they hold, and whose they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime

# PostgreSQL would compare by the language of its database; SQLite compares bytes.
_Folded = String(500).with_variant(String(500, collation="C"), "postgresql")
_PRESENT = text("deleted_at IS NULL")


class ObjectDefinition(Base):
    """A kind of object, such as an order. Its key and the types of its fields never change."""

    __tablename__ = "object_definitions"
    __table_args__ = (
        Index(
            "ix_object_definitions_key",
            "workspace_id",
            "key",
            unique=True,
            sqlite_where=_PRESENT,
            postgresql_where=_PRESENT,
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))
    fields: Mapped[str] = mapped_column(Text)  # JSON list of schemas.ObjectField
    title_field: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ObjectRecord(Base):
    """One object. `title` is the value of the title field as text: other systems know it by that."""

    __tablename__ = "object_records"
    __table_args__ = (
        Index("ix_object_records_definition", "definition_id", "id"),
        Index(
            "ix_object_records_title",
            "definition_id",
            "title",
            unique=True,
            sqlite_where=_PRESENT,
            postgresql_where=_PRESENT,
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    definition_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("object_definitions.id", ondelete="CASCADE")
    )
    title: Mapped[str] = mapped_column(_Folded)
    values: Mapped[str] = mapped_column(Text)  # JSON of what the fields hold
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class ObjectValue(Base):
    """What a field of a record holds, as it is looked for: in `number`, or folded in `key`."""

    __tablename__ = "object_values"
    __table_args__ = (
        Index("ix_object_values_key", "definition_id", "field", "key", "record_id"),
        Index("ix_object_values_number", "definition_id", "field", "number", "record_id"),
    )

    record_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("object_records.id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    definition_id: Mapped[str] = mapped_column(String(40))
    key: Mapped[str | None] = mapped_column(_Folded)  # text and choices folded, dates as YYYY-MM-DD
    number: Mapped[float | None] = mapped_column(Float(53))  # booleans as 0 and 1


class ObjectLink(Base):
    """An object that belongs to a contact."""

    __tablename__ = "object_links"
    __table_args__ = (Index("ix_object_links_record", "record_id"),)

    contact_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True
    )
    record_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("object_records.id", ondelete="CASCADE"), primary_key=True
    )
