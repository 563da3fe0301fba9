"""The rules of contacts: one per name on a channel account, made on first sight."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts import repository
from crm.contacts.errors import ContactNotFound
from crm.contacts.models import Contact, ContactIdentity


async def open_contact(
    session: AsyncSession,
    workspace_id: str,
    *,
    channel: str,
    account_id: str,
    ref: str,
    locale: str | None = None,
) -> str:
    """The id of the contact that this account calls `ref`; a new contact on first sight.

    Safe beside itself: of two first sights at the same time one makes the contact, the other finds it.
    """
    known = await repository.find_identity(session, workspace_id, account_id, ref)
    if known is not None:
        return known.contact_id
    created_at = now(session)
    contact = Contact(id=new_id("con"), workspace_id=workspace_id, locale=locale, created_at=created_at)
    session.add(contact)
    await session.flush()
    identity = ContactIdentity(
        id=new_id("idn"),
        workspace_id=workspace_id,
        contact_id=contact.id,
        channel=channel,
        account_id=account_id,
        ref=ref,
        created_at=created_at,
    )
    if await repository.add_identity(session, identity):
        return contact.id
    await repository.delete_contact(session, workspace_id, contact.id)
    known = await repository.find_identity(session, workspace_id, account_id, ref)
    if known is None:
        raise ContactNotFound("This name on the channel belongs to another workspace.")
    return known.contact_id


async def opt_out(session: AsyncSession, workspace_id: str, *, account_id: str, ref: str) -> None:
    """Remember that this contact wants no unasked messages over this account; the first time stays."""
    identity = await repository.find_identity(session, workspace_id, account_id, ref)
    if identity is not None and identity.opted_out_at is None:
        identity.opted_out_at = now(session)
        await session.flush()
