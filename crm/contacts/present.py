"""A contact that is there: neither in the bin nor merged into another."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts import service as contacts
from crm.contacts.errors import ContactNotFound
from crm.contacts.models import Contact


async def get_present(session: AsyncSession, workspace_id: str, contact_id: str) -> Contact:
    """The bare record. Raises ContactNotFound."""
    found = await contacts.find_contact(session, workspace_id, contact_id)
    if found is None:
        raise ContactNotFound("There is no such contact.")
    return found
