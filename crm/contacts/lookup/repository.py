"""Queries for ids of contacts, to be put into the queries of others, and their names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from agentflow.kit.db import finds_one
from crm.contacts.models import Contact, ContactAddress, ContactLabel, Label


def having_word(workspace_id: str, word: str, *, sqlite: bool) -> Select[str]:
    """Contacts with this folded word, or a longer one, in their name, company, addresses or labels.

    SQLite reads an index for each column (the range makes it take that one), PostgreSQL the table once.
    """
    names = (Contact.sort_name, Contact.company_key)
    held = [_holds(name, word, sqlite) for name in names]
    found = [and_(name >= "", one) for name, one in zip(names, held, strict=True)] if sqlite else [or_(*held)]
    named = (
        select(Contact.id).where(Contact.workspace_id == workspace_id, Contact.deleted_at.is_(None), one)
        for one in found
    )
    reached = select(ContactAddress.contact_id).where(
        ContactAddress.workspace_id == workspace_id, _holds(ContactAddress.key, word, sqlite)
    )
    if not any(letter.isdecimal() for letter in word):
        reached = reached.where(ContactAddress.kind == "email")
    parts = union_all(*named, reached, _labelled(workspace_id, word, sqlite))
    return select(parts.subquery().c[0])


def has_word(
    contact_id: InstrumentedAttribute[str], workspace_id: str, word: str, *, sqlite: bool
) -> ColumnElement[bool]:
    """The same of one contact, which another query names."""
    contact = select(Contact.id).where(
        Contact.id == contact_id,
        Contact.deleted_at.is_(None),
        or_(_holds(Contact.sort_name, word, sqlite), _holds(Contact.company_key, word, sqlite)),
    )
    address = select(ContactAddress.contact_id).where(
        ContactAddress.contact_id == contact_id, _holds(ContactAddress.key, word, sqlite)
    )
    label = _labelled(workspace_id, word, sqlite).where(ContactLabel.contact_id == contact_id)
    return or_(*(finds_one(query) for query in (contact, address, label)))


def _labelled(workspace_id: str, word: str, sqlite: bool) -> Select[str]:
    return (
        select(ContactLabel.contact_id)
        .join(Label, Label.id == ContactLabel.label_id)
        .where(
            Label.workspace_id == workspace_id,
            Label.deleted_at.is_(None),
            _holds(Label.name_key, word, sqlite),
        )
    )


def _holds(column: InstrumentedAttribute[Any], word: str, sqlite: bool) -> ColumnElement[bool]:
    return (func.instr(column, word) if sqlite else func.strpos(column, word)) > 0


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
