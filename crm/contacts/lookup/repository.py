"""Queries for ids of contacts, to be put into the queries of others, and their names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from crm.contacts.models import Contact, ContactAddress, ContactLabel, Label


def having_word(workspace_id: str, word: str, *, sqlite: bool) -> Select[str]:
    """Contacts with this folded word, or a longer one, in their name, company, addresses or labels.

    Each part reads an index alone.
    """

    def holds(column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        return (func.instr(column, word) if sqlite else func.strpos(column, word)) > 0

    present = (Contact.workspace_id == workspace_id, Contact.deleted_at.is_(None))
    named = select(Contact.id).where(*present, holds(Contact.sort_name))
    employed = select(Contact.id).where(
        *present, Contact.company_key.is_not(None), holds(Contact.company_key)
    )
    reached = select(ContactAddress.contact_id).where(
        ContactAddress.workspace_id == workspace_id, holds(ContactAddress.key)
    )
    labelled = (
        select(ContactLabel.contact_id)
        .join(Label, Label.id == ContactLabel.label_id)
        .where(Label.workspace_id == workspace_id, Label.deleted_at.is_(None), holds(Label.name_key))
    )
    return select(union_all(named, employed, reached, labelled).subquery().c[0])


def having_label(workspace_id: str, label_id: str) -> Select[str]:
    """Contacts with a label of this workspace that is not in the bin."""
    return (
        select(ContactLabel.contact_id)
        .join(Label, Label.id == ContactLabel.label_id)
        .where(Label.workspace_id == workspace_id, Label.id == label_id, Label.deleted_at.is_(None))
    )


async def names_of(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> dict[str, str | None]:
    """What these contacts are called."""
    query = select(Contact.id, Contact.name).where(
        Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}
