"""The rules of contacts: one per name on a channel account, made on first sight, by hand or by an import."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import bin_since, check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts import repository
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.addresses import phone_key
from crm.contacts.errors import BadPhone, ContactNotFound
from crm.contacts.folding import fold_or_none, sort_key
from crm.contacts.models import NEVER, Contact, ContactAddress, ContactIdentity
from crm.contacts.schemas import (
    AddressKind,
    ContactCreate,
    ContactLabelRead,
    ContactRead,
    ContactSource,
    ContactUpdate,
    IdentityRead,
)
from crm.contacts.writing import NOBODY, Cause, Written, address_rows, create_many, update_many

__all__ = ["Cause", "Written", "create_many", "update_many"]


async def open_contact(
    session: AsyncSession,
    workspace_id: str,
    *,
    channel: str,
    account_id: str,
    ref: str,
    locale: str | None = None,
    phone: str | None = None,
    source: ContactSource = ContactSource.CHANNEL,
) -> str:
    """The id of the contact that this account calls `ref`.

    On first sight that is the one contact with this `phone`, which the channel's provider must vouch for;
    else, or when several have it, a new contact. Safe beside itself: of two first sights at the same time
    one makes the contact, the other finds it.
    """
    key = _key_of(phone)
    known = await repository.find_identity(session, workspace_id, account_id, ref)
    if known is None and key is not None:  # whoever else sees or writes this number just now comes first
        await repository.lock_workspace(session, workspace_id)
        known = await repository.find_identity(session, workspace_id, account_id, ref)
    if known is not None:
        return known.contact_id
    holders = await repository.holders_of(session, workspace_id, AddressKind.PHONE, [key] if key else [])
    same = holders.get(key or "", [])
    is_new = len(same) != 1
    contact_id = new_id("con") if is_new else same[0]
    if is_new:
        session.add(_first_seen(session, workspace_id, contact_id, locale, source))
        await session.flush()
    identity = ContactIdentity(
        id=new_id("idn"),
        workspace_id=workspace_id,
        contact_id=contact_id,
        channel=channel,
        account_id=account_id,
        ref=ref,
        created_at=now(session),
    )
    if not await repository.add_identity(session, identity):
        if is_new:
            await repository.delete_contact(session, workspace_id, contact_id)
        known = await repository.find_identity(session, workspace_id, account_id, ref)
        if known is None:
            raise ContactNotFound("This name on the channel belongs to another workspace.")
        return known.contact_id
    if is_new:
        activity.note(session, workspace_id, contact_id, ActivityKind.CREATED, detail={"source": source})
    if is_new and phone is not None and key is not None:
        rows = address_rows(workspace_id, contact_id, AddressKind.PHONE, [(phone, key)])
        await repository.add_rows(session, ContactAddress, rows)
    return contact_id


def _key_of(phone: str | None) -> str | None:
    try:
        return None if phone is None else phone_key(phone, None)
    except BadPhone:  # a provider's short code; nobody is known by it
        return None


def _first_seen(
    session: AsyncSession, workspace_id: str, contact_id: str, locale: str | None, source: ContactSource
) -> Contact:
    return Contact(
        id=contact_id,
        workspace_id=workspace_id,
        locale=locale,
        language_key=fold_or_none(locale),
        source=source,
        sort_name=sort_key(None),
        contacted_at=NEVER,
        created_at=now(session),
        updated_at=now(session),
    )


async def note_message(session: AsyncSession, workspace_id: str, contact_id: str) -> None:
    """A message came in. Whoever writes again is no longer in the bin."""
    await repository.note_message(session, workspace_id, contact_id, now(session))


async def opt_out(session: AsyncSession, workspace_id: str, *, account_id: str, ref: str) -> None:
    """Remember that this contact wants no unasked messages over this account; the first time stays."""
    identity = await repository.find_identity(session, workspace_id, account_id, ref)
    if identity is not None and identity.opted_out_at is None:
        identity.opted_out_at = now(session)
        await session.flush()


async def create_contact(
    session: AsyncSession,
    workspace_id: str,
    data: ContactCreate,
    *,
    source: ContactSource,
    cause: Cause = NOBODY,
    allow_duplicate: bool = False,
) -> ContactRead:
    """A new contact by hand or by a program.

    Raises EmptyContact, DuplicateContact with the other's id, BadEmail, BadPhone, UnknownProperty,
    TypeMismatch, UnknownOwner.
    """
    (written,) = await create_many(
        session, workspace_id, [data], source=source, cause=cause, allow_duplicate=allow_duplicate
    )
    return await _outcome(session, workspace_id, written)


async def update_contact(
    session: AsyncSession,
    workspace_id: str,
    contact_id: str,
    data: ContactUpdate,
    *,
    cause: Cause = NOBODY,
    allow_duplicate: bool = False,
) -> ContactRead:
    """Change what is given. Raises ContactNotFound and what `create_contact` raises."""
    (written,) = await update_many(
        session, workspace_id, [(contact_id, data)], cause=cause, allow_duplicate=allow_duplicate
    )
    return await _outcome(session, workspace_id, written)


async def _outcome(session: AsyncSession, workspace_id: str, written: Written) -> ContactRead:
    if written.refusal is not None:
        raise written.refusal
    return await get_contact(session, workspace_id, written.contact_id or "")


async def get_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> ContactRead:
    """A contact with all it has. Raises ContactNotFound, also for one in the bin."""
    found = await _get(session, workspace_id, contact_id)
    return (await read_contacts(session, workspace_id, [found]))[0]


async def find_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> Contact | None:
    """The bare record; None when it is absent or in the bin."""
    return await repository.find_contact(session, workspace_id, contact_id)


async def list_contacts(
    session: AsyncSession, workspace_id: str, *, deleted: bool, before: str | None, limit: int
) -> list[ContactRead]:
    """One page, newest first; when `deleted` of those in the bin that can be restored."""
    found = await repository.list_contacts(
        session,
        workspace_id,
        before=before,
        deleted=deleted,
        limit=limit,
    )
    return await read_contacts(session, workspace_id, found)


async def delete_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> ContactRead:
    """Put a contact into the bin for 30 days; it comes back when it writes again. Raises ContactNotFound."""
    contact = await _get(session, workspace_id, contact_id)
    contact.deleted_at = contact.updated_at = now(session)
    await session.flush()
    return (await read_contacts(session, workspace_id, [contact]))[0]


async def restore_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> ContactRead:
    """Take a contact out of the bin. Raises ContactNotFound, also for a merged one; TooLateToRestore."""
    contact = await repository.find_contact(session, workspace_id, contact_id, deleted=True)
    if contact is None or contact.deleted_at is None or contact.merged_into_id is not None:
        raise ContactNotFound("There is no such contact in the bin.")
    check_restorable(session, contact.deleted_at)
    contact.deleted_at, contact.updated_at = None, now(session)
    await session.flush()
    return (await read_contacts(session, workspace_id, [contact]))[0]


async def lock_expired(session: AsyncSession, *, limit: int) -> list[tuple[str, str]]:
    """Whom the bin gives back no more, of all workspaces, as (workspace, contact), locked for the sweep."""
    return await repository.lock_binned(session, bin_since(session), limit=limit)


async def read_contacts(
    session: AsyncSession, workspace_id: str, found: Sequence[Contact]
) -> list[ContactRead]:
    """Contacts as the API shows them, in the order given."""
    ids = [contact.id for contact in found]
    addresses = await repository.addresses_of(session, workspace_id, ids)
    values = await repository.values_of(session, workspace_id, ids)
    labels = await repository.labels_of(session, workspace_id, ids)
    identities = await repository.identities_of(session, workspace_id, ids)
    result = []
    for contact in found:
        own = addresses.get(contact.id, [])
        phones = [one for one in own if one.kind == AddressKind.PHONE]
        result.append(
            ContactRead(
                id=contact.id,
                name=contact.name,
                first_name=contact.first_name,
                last_name=contact.last_name,
                emails=[one.value for one in own if one.kind == AddressKind.EMAIL],
                phones=[one.value for one in phones],
                phone_numbers=[one.key for one in phones],
                company=contact.company,
                job_title=contact.job_title,
                location=contact.location,
                country=contact.country,
                language=contact.locale,
                owner_id=contact.owner_id,
                source=ContactSource(contact.source),
                labels=[
                    ContactLabelRead(id=label.id, name=label.name, colour=label.colour)
                    for label in labels.get(contact.id, [])
                ],
                properties={key: json.loads(value) for key, value in values.get(contact.id, {}).items()},
                identities=[IdentityRead.model_validate(one) for one in identities.get(contact.id, [])],
                created_at=contact.created_at,
                updated_at=contact.updated_at,
                last_contact_at=contact.last_contact_at,
                deleted_at=contact.deleted_at,
                merged_into_id=contact.merged_into_id,
            )
        )
    return result


async def _get(session: AsyncSession, workspace_id: str, contact_id: str) -> Contact:
    found = await repository.find_contact(session, workspace_id, contact_id)
    if found is None:
        raise ContactNotFound("There is no such contact.")
    return found
