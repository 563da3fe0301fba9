"""The query that a contact's page has of its own."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.models import ContactList, ContactListMember


async def lists_of(session: AsyncSession, workspace_id: str, contact_id: str) -> list[tuple[str, str]]:
    """(id, name) of the lists that a contact was put into, oldest first."""
    query = (
        select(ContactList.id, ContactList.name)
        .join(ContactListMember, ContactListMember.list_id == ContactList.id)
        .where(
            ContactList.workspace_id == workspace_id,
            ContactListMember.contact_id == contact_id,
            ContactList.deleted_at.is_(None),
        )
        .order_by(ContactList.id)
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]
