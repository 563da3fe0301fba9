"""Tables of the people we talk to: who they are, how they are reached, what is known and how they are sorted.

Text that is searched or sorted has a folded twin (`…_key`, see `folding.py`): both stores compare it byte by
byte, so a filter finds the same in either.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, UtcDateTime

NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # `contacted_at` before the first message: it sorts, null would not
# PostgreSQL would compare by the language of its database; SQLite compares bytes.
Folded = Text().with_variant(Text(collation="C"), "postgresql")
_PRESENT = text("deleted_at IS NULL")


def _present_index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index over what is not in the bin."""
    return Index(name, *columns, unique=unique, sqlite_where=_PRESENT, postgresql_where=_PRESENT)


class Contact(Base):
    """A person or entity. Anonymous until they tell us a name.

    `name` is what is shown: made of first and last name where there are any.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        _present_index("ix_contacts_by_name", "workspace_id", "sort_name", "id"),
        _present_index("ix_contacts_by_contact", "workspace_id", "contacted_at", "id"),
        _present_index("ix_contacts_by_company", "workspace_id", "company_key", "id"),
        _present_index("ix_contacts_by_owner", "workspace_id", "owner_id", "id"),
        _present_index("ix_contacts_by_country", "workspace_id", "country", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    company: Mapped[str | None] = mapped_column(String(200))
    job_title: Mapped[str | None] = mapped_column(String(200))
    location: Mapped[str | None] = mapped_column(String(200))
    country: Mapped[str | None] = mapped_column(String(2))
    locale: Mapped[str | None] = mapped_column(String(16))
    owner_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("staff_members.id"))
    source: Mapped[str] = mapped_column(String(20))
    first_key: Mapped[str | None] = mapped_column(Folded)
    last_key: Mapped[str | None] = mapped_column(Folded)
    company_key: Mapped[str | None] = mapped_column(Folded)
    title_key: Mapped[str | None] = mapped_column(Folded)
    location_key: Mapped[str | None] = mapped_column(Folded)
    language_key: Mapped[str | None] = mapped_column(Folded)
    sort_name: Mapped[str] = mapped_column(Folded)
    contacted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("contacts.id"))

    @property
    def last_contact_at(self) -> datetime | None:
        """When a message last came; None before the first."""
        return None if self.contacted_at == NEVER else self.contacted_at


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


class ContactAddress(Base):
    """An e-mail address or phone number. `value` is as it was given; `key` is the same for every spelling."""

    __tablename__ = "contact_addresses"
    __table_args__ = (
        Index("ix_contact_addresses_key", "workspace_id", "kind", "key"),
        Index("ix_contact_addresses_contact", "contact_id", "place"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"))
    kind: Mapped[str] = mapped_column(String(10))  # schemas.AddressKind
    place: Mapped[int]  # in the contact's own order; the first is the main one
    value: Mapped[str] = mapped_column(String(254))
    key: Mapped[str] = mapped_column(Folded)


class ContactProperty(Base):
    """A custom property that an admin defined. Its key and type never change."""

    __tablename__ = "contact_properties"
    __table_args__ = (_present_index("ix_contact_properties_key", "workspace_id", "key", unique=True),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))
    type: Mapped[str] = mapped_column(String(10))
    choices: Mapped[str] = mapped_column(Text)  # JSON list
    for_agents: Mapped[bool]  # AI agents are told what it holds
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContactValue(Base):
    """What a custom property holds for a contact; no row when it is empty.

    `value` is JSON as it was given. Conditions look at `key` (text, choices, dates as YYYY-MM-DD) or at
    `number` (numbers, and booleans as 0 and 1); the other is null.
    """

    __tablename__ = "contact_values"
    __table_args__ = (
        Index("ix_contact_values_key", "property_id", "key", "contact_id"),
        Index("ix_contact_values_number", "property_id", "number", "contact_id"),
        {"sqlite_with_rowid": False},
    )

    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"), primary_key=True)
    property_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("contact_properties.id"), primary_key=True
    )
    value: Mapped[str] = mapped_column(Text)
    key: Mapped[str | None] = mapped_column(Folded)
    number: Mapped[float | None] = mapped_column(Float(53))


class Label(Base):
    """A mark on contacts, such as hotlead."""

    __tablename__ = "labels"
    __table_args__ = (_present_index("ix_labels_name", "workspace_id", "name_key", unique=True),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(Folded)
    colour: Mapped[str] = mapped_column(String(7))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContactLabel(Base):
    """A label on a contact."""

    __tablename__ = "contact_labels"
    __table_args__ = (
        Index("ix_contact_labels_label", "label_id", "contact_id"),
        {"sqlite_with_rowid": False},
    )

    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"), primary_key=True)
    label_id: Mapped[str] = mapped_column(String(40), ForeignKey("labels.id"), primary_key=True)


class ContactList(Base):
    """A segment: static with members put in by hand, or dynamic with a filter that says who is in it."""

    __tablename__ = "contact_lists"
    __table_args__ = (_present_index("ix_contact_lists_id", "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(120))
    filter: Mapped[str | None] = mapped_column(Text)  # JSON of a condition; None makes the list static
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContactListMember(Base):
    """A contact in a static list."""

    __tablename__ = "contact_list_members"
    __table_args__ = (Index("ix_contact_list_members_contact", "contact_id"), {"sqlite_with_rowid": False})

    list_id: Mapped[str] = mapped_column(String(40), ForeignKey("contact_lists.id"), primary_key=True)
    contact_id: Mapped[str] = mapped_column(String(40), ForeignKey("contacts.id"), primary_key=True)


class ContactView(Base):
    """A saved filter with its columns and order; of one person, or everybody's when `staff_id` is null."""

    __tablename__ = "contact_views"
    __table_args__ = (_present_index("ix_contact_views_staff", "workspace_id", "staff_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    staff_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("staff_members.id"))
    is_default: Mapped[bool]
    definition: Mapped[str] = mapped_column(Text)  # JSON of schemas.ViewCreate
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
