"""A contact and who works with it, for tests of what is kept with contacts."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts import service as contacts
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind, ActivityRead
from crm.contacts.schemas import ContactCreate, ContactSource
from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role
from crm.teams.service import Principal
from tests.talk import Talk


def staff_of(talk: Talk) -> Principal:
    """Ada, logged in."""
    return Principal(
        id=talk.staff.id,
        workspace_id=talk.workspace_id,
        scopes=SCOPES[Role.STAFF],
        staff_id=talk.staff.id,
        role=Role.STAFF,
    )


def key_of(talk: Talk) -> Principal:
    """A program of the workspace."""
    return Principal(id="key_1", workspace_id=talk.workspace_id, scopes=SCOPES[Role.ADMIN])


async def new_contact(talk: Talk, name: str = "Maria", **fields: object) -> str:
    """A contact made by hand."""
    data = ContactCreate.model_validate({"first_name": name, **fields})
    async with talk.db.transaction() as session:
        made = await contacts.create_contact(session, talk.workspace_id, data, source=ContactSource.MANUAL)
    return made.id


async def log_of(talk: Talk, contact_id: str) -> list[ActivityRead]:
    """What the contact's log shows since it was made, newest first."""
    async with talk.db.read() as session:
        lines = await _log(session, talk.workspace_id, contact_id)
    return [line for line in lines if line.kind is not ActivityKind.CREATED]


async def _log(session: AsyncSession, workspace_id: str, contact_id: str) -> list[ActivityRead]:
    return await activity.list_activities(session, workspace_id, contact_id, limit=200)
