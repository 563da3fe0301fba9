"""Between what imports plan and the contacts that exist: the only place that reads and writes those."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.errors import AppError
from crm.contacts import repository as contacts
from crm.contacts.folding import fold
from crm.contacts.imports.planning import Person
from crm.contacts.imports.rows import Key
from crm.contacts.models import Contact
from crm.contacts.schemas import AddressKind, ContactCreate, ContactSource, ContactUpdate
from crm.contacts.writing import Cause, create_many, update_many

_FIELDS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "job_title": "job_title",
    "location": "location",
    "country": "country",
    "language": "locale",
    "owner_id": "owner_id",
}


async def find(
    session: AsyncSession, workspace_id: str, keys: Collection[Key], ids: Collection[str]
) -> list[Person]:
    """The contacts with these addresses or ids, as they stand."""
    wanted = set(ids)
    for kind in AddressKind:
        own = [key for of, key in keys if of is kind]
        holders = await contacts.holders_of(session, workspace_id, kind, own) if own else {}
        wanted |= {one for found in holders.values() for one in found}
    if not wanted:
        return []
    found = await contacts.contacts_among(session, workspace_id, wanted)
    addresses = await contacts.addresses_of(session, workspace_id, found)
    values = await contacts.values_of(session, workspace_id, found)
    labels = await contacts.labels_of(session, workspace_id, found)
    return [
        Person(
            id=one.id,
            fields=_fields(one),
            addresses={(AddressKind(a.kind), a.key): a.value for a in addresses.get(one.id, [])},
            labels={fold(label.name): label.name for label in labels.get(one.id, [])},
            properties={key: json.loads(value) for key, value in values.get(one.id, {}).items()},
        )
        for one in sorted(found.values(), key=lambda one: one.id)
    ]


def _fields(contact: Contact) -> dict[str, str]:
    values = {name: getattr(contact, column) for name, column in _FIELDS.items()}
    return {name: value for name, value in values.items() if value is not None}


async def write(
    session: AsyncSession, workspace_id: str, people: Sequence[Person], *, cause: Cause
) -> list[tuple[Person, AppError]]:
    """Create and update those that changed; new ones get their ids. Returns who was refused, and why.

    The planner has seen to it that nobody else has their addresses.
    """
    new = [one for one in people if one.changed and one.id is None]
    old = [one for one in people if one.changed and one.id is not None]
    refused: list[tuple[Person, AppError]] = []
    if new:
        made = await create_many(
            session,
            workspace_id,
            [ContactCreate.model_validate(_shape(one)) for one in new],
            source=ContactSource.IMPORT,
            cause=cause,
            allow_duplicate=True,
        )
        for person, written in zip(new, made, strict=True):
            person.id = written.contact_id
            if written.refusal is not None:
                refused.append((person, written.refusal))
    if old:
        rows = [(str(one.id), ContactUpdate.model_validate(_shape(one))) for one in old]
        kept = await update_many(session, workspace_id, rows, cause=cause, allow_duplicate=True)
        for person, written in zip(old, kept, strict=True):
            if written.refusal is not None:
                refused.append((person, written.refusal))
    return refused


def _shape(person: Person) -> dict[str, object]:
    return {
        **person.fields,
        "emails": [value for (kind, _), value in person.addresses.items() if kind is AddressKind.EMAIL],
        "phones": [value for (kind, _), value in person.addresses.items() if kind is AddressKind.PHONE],
        "labels": list(person.labels.values()),
        "properties": person.properties,
    }
