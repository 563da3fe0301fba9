"""What goes into a note and what is shown of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

MAX_NOTE_CHARS = 20_000
NoteText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NOTE_CHARS)]


class ContactNoteWrite(BaseModel):
    """A note's text, seen by staff only."""

    model_config = ConfigDict(extra="forbid")

    text: NoteText


class ContactNoteRead(BaseModel):
    """A note; `author_id` is a staff member or an API key."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    contact_id: str
    author_id: str
    text: str
    created_at: datetime
    edited_at: datetime | None
    edited_by: str | None
    deleted_at: datetime | None
