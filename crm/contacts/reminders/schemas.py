"""What goes into a reminder and what is shown of it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

MAX_REMINDER_CHARS = 2000
ReminderText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REMINDER_CHARS)
]
_YEARS = range(2000, 2200)


def _in_utc(at: datetime) -> datetime:
    if at.year not in _YEARS:
        raise ValueError(f"a time of the years {_YEARS[0]} to {_YEARS[-1]}")
    return at.astimezone(UTC)


DueAt = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class ReminderState(StrEnum):
    """Which reminders a list holds."""

    WAITING = "waiting"
    FIRED = "fired"
    COMPLETED = "completed"


class ReminderCreate(BaseModel):
    """Tell somebody about a contact at a time."""

    model_config = ConfigDict(extra="forbid")

    text: ReminderText
    due_at: DueAt = Field(description="with its time zone; a time that is over is told at once")
    staff_id: str | None = Field(
        default=None, max_length=40, description="whom to tell; the contact's owner when left out"
    )


class ReminderUpdate(BaseModel):
    """What is given replaces what was there. A new time lets a reminder that was told be told again."""

    model_config = ConfigDict(extra="forbid")

    text: ReminderText | None = None
    due_at: DueAt | None = None
    staff_id: str | None = Field(default=None, max_length=40, description="null: the contact's owner")
    completed: bool | None = None


class ReminderRead(BaseModel):
    """A reminder; `told_id` is the staff member who was told."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    contact_id: str
    staff_id: str | None
    text: str
    due_at: datetime
    created_by: str
    created_at: datetime
    fired_at: datetime | None
    told_id: str | None
    completed_at: datetime | None
    deleted_at: datetime | None
