"""The page of a contact, put together from what each room keeps."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm.contacts import service as contacts
from crm.contacts.activity import service as activity
from crm.contacts.media import service as media
from crm.contacts.media.schemas import FileRead
from crm.contacts.notes import service as notes
from crm.contacts.notes.schemas import ContactNoteRead
from crm.contacts.objects import service as objects
from crm.contacts.profile import repository
from crm.contacts.profile.schemas import (
    ActionKind,
    Listed,
    Person,
    ProfileLeft,
    ProfileMiddle,
    ProfileRead,
    ProfileRight,
    QuickAction,
)
from crm.contacts.properties import service as properties
from crm.contacts.reminders import service as reminders
from crm.contacts.reminders.schemas import ReminderRead, ReminderState
from crm.contacts.schemas import ContactRead
from crm.teams import service as teams
from crm.teams.errors import RecordNotFound

_NEWEST = 20  # of each kind
_PROPERTIES = 500


async def get_profile(session: AsyncSession, workspace_id: str, contact_id: str) -> ProfileRead:
    """All that is known of a contact. Raises ContactNotFound."""
    contact = await contacts.get_contact(session, workspace_id, contact_id)
    defined = await properties.list_properties(
        session, workspace_id, deleted=False, after=None, limit=_PROPERTIES
    )
    listed = await repository.lists_of(session, workspace_id, contact_id)
    return ProfileRead(
        left=ProfileLeft(
            contact=contact, properties=defined, owner=await _owner(session, workspace_id, contact)
        ),
        middle=await _middle(session, workspace_id, contact_id),
        right=ProfileRight(
            labels=contact.labels,
            lists=[Listed(id=list_id, name=name) for list_id, name in listed],
            quick_actions=_actions(contact),
        ),
    )


async def _middle(session: AsyncSession, workspace_id: str, contact_id: str) -> ProfileMiddle:
    found = await notes.list_notes(session, workspace_id, contact_id, limit=_NEWEST)
    files = await media.list_files(session, workspace_id, contact_id, limit=_NEWEST)
    waiting = await reminders.list_reminders(
        session, workspace_id, contact_id=contact_id, state=ReminderState.WAITING, limit=_NEWEST
    )
    return ProfileMiddle(
        activity=await activity.list_activities(session, workspace_id, contact_id, limit=_NEWEST),
        objects=await objects.list_of_contact(session, workspace_id, contact_id, limit=_NEWEST),
        notes=[ContactNoteRead.model_validate(one) for one in found],
        files=[FileRead.model_validate(one) for one in files],
        reminders=[ReminderRead.model_validate(one) for one in waiting],
    )


async def _owner(session: AsyncSession, workspace_id: str, contact: ContactRead) -> Person | None:
    if contact.owner_id is None:
        return None
    try:
        staff = await teams.get_staff_member(session, workspace_id, contact.owner_id)
    except RecordNotFound:  # somebody who has left
        return None
    return Person(id=staff.id, name=staff.name)


def _actions(contact: ContactRead) -> list[QuickAction]:
    calls = [QuickAction(kind=ActionKind.CALL, target=number) for number in contact.phone_numbers]
    return calls + [QuickAction(kind=ActionKind.EMAIL, target=address) for address in contact.emails]
