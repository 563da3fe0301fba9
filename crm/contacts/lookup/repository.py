"""Queries for ids of contacts, to be put into the queries of others."""

from __future__ import annotations

from sqlalchemy import Select, or_, select, union_all

from crm.contacts.models import Contact, ContactAddress, ContactLabel, Label


def having_word(workspace_id: str, word: str) -> Select[str]:
    """Contacts with this folded word, or a longer one, in their name, company, addresses or labels."""
    named = select(Contact.id).where(
        Contact.workspace_id == workspace_id,
        or_(*(column.contains(word, autoescape=True) for column in (Contact.sort_name, Contact.company_key))),
    )
    reached = select(ContactAddress.contact_id).where(
        ContactAddress.workspace_id == workspace_id, ContactAddress.key.contains(word, autoescape=True)
    )
    labelled = (
        select(ContactLabel.contact_id)
        .join(Label, Label.id == ContactLabel.label_id)
        .where(
            Label.workspace_id == workspace_id,
            Label.deleted_at.is_(None),
            Label.name_key.contains(word, autoescape=True),
        )
    )
    return select(union_all(named, reached, labelled).subquery().c[0])


def having_label(workspace_id: str, label_id: str) -> Select[str]:
    """Contacts with a label of this workspace that is not in the bin."""
    return (
        select(ContactLabel.contact_id)
        .join(Label, Label.id == ContactLabel.label_id)
        .where(Label.workspace_id == workspace_id, Label.id == label_id, Label.deleted_at.is_(None))
    )
