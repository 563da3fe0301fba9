"""The page of a contact."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from crm.contacts.activity.schemas import ActivityRead
from crm.contacts.media.schemas import FileRead
from crm.contacts.notes.schemas import ContactNoteRead
from crm.contacts.objects.schemas import RecordRead
from crm.contacts.properties.schemas import PropertyRead
from crm.contacts.reminders.schemas import ReminderRead
from crm.contacts.schemas import ContactLabelRead, ContactRead


class ActionKind(StrEnum):
    """What can be done at once."""

    CALL = "call"
    EMAIL = "email"


class QuickAction(BaseModel):
    """Something to do with one press; `target` is a phone number with country code or an e-mail address."""

    kind: ActionKind
    target: str


class Person(BaseModel):
    """A staff member by name."""

    id: str
    name: str


class Listed(BaseModel):
    """A list that a contact was put into."""

    id: str
    name: str


class ProfileLeft(BaseModel):
    """Who it is: contact data, every custom property, owner."""

    contact: ContactRead
    properties: list[PropertyRead] = Field(description="all there are; `contact.properties` has the values")
    owner: Person | None


class ProfileMiddle(BaseModel):
    """What happened and what is kept, the newest of each; each has a list of its own with pages."""

    activity: list[ActivityRead]
    objects: list[RecordRead]
    notes: list[ContactNoteRead]
    files: list[FileRead]
    reminders: list[ReminderRead] = Field(description="those that wait")


class ProfileRight(BaseModel):
    """How it is sorted and what can be done."""

    labels: list[ContactLabelRead]
    lists: list[Listed]
    quick_actions: list[QuickAction]


class ProfileRead(BaseModel):
    """All that is known of a contact."""

    left: ProfileLeft
    middle: ProfileMiddle
    right: ProfileRight
