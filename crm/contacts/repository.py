"""Every query over contacts and their identities."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts.models import Contact, ContactIdentity


async def find_identity(
    session: AsyncSession, workspace_id: str, account_id: str, ref: str
) -> ContactIdentity | None:
    """How an account names a contact."""
    query = select(ContactIdentity).where(
        ContactIdentity.workspace_id == workspace_id,
        ContactIdentity.account_id == account_id,
        ContactIdentity.ref == ref,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add_identity(session: AsyncSession, identity: ContactIdentity) -> bool:
    """Insert it unless the account knows this name already; waits for whoever is inserting it just now."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    columns = ("id", "workspace_id", "contact_id", "channel", "account_id", "ref", "created_at")
    statement = (
        insert(ContactIdentity)
        .values({name: getattr(identity, name) for name in columns})
        .on_conflict_do_nothing(index_elements=["account_id", "ref"])
        .returning(ContactIdentity.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> None:
    """Remove a contact that has nothing yet."""
    await session.execute(
        delete(Contact).where(Contact.workspace_id == workspace_id, Contact.id == contact_id)
    )
