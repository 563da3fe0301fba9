"""A workspace with contacts, for tests of what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentflow.kit.db import Database
from crm.contacts import service as contacts
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.schemas import ContactCreate, ContactRead, ContactSource, ContactUpdate, PropertyType
from crm.teams import service as teams


@dataclass(frozen=True)
class Book:
    """An address book; every call is a transaction of its own."""

    db: Database
    workspace_id: str
    staff_id: str

    async def add(self, *, allow_duplicate: bool = False, **fields: Any) -> ContactRead:  # noqa: ANN401
        async with self.db.transaction() as session:
            return await contacts.create_contact(
                session,
                self.workspace_id,
                ContactCreate(**fields),
                source=ContactSource.MANUAL,
                allow_duplicate=allow_duplicate,
            )

    async def change(self, contact_id: str, **fields: Any) -> ContactRead:  # noqa: ANN401
        async with self.db.transaction() as session:
            return await contacts.update_contact(
                session, self.workspace_id, contact_id, ContactUpdate(**fields)
            )

    async def get(self, contact_id: str) -> ContactRead:
        async with self.db.read() as session:
            return await contacts.get_contact(session, self.workspace_id, contact_id)

    async def define(self, key: str, kind: PropertyType, *choices: str) -> str:
        data = PropertyCreate(key=key, name=key.title(), type=kind, choices=list(choices))
        async with self.db.transaction() as session:
            return (await properties.create_property(session, self.workspace_id, data)).id


async def make_book(db: Database, time_zone: str = "Europe/Amsterdam") -> Book:
    async with db.transaction() as session:
        workspace = await teams.create_workspace(session, name="Book", time_zone=time_zone, locale="en")
        staff = await teams.create_staff_member(
            session, workspace.id, email=f"{workspace.id}@example.com", name="Ann", password_hash="x"
        )
    return Book(db, workspace.id, staff.id)
