"""What notes look like from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

MAX_CHARS = 10_000
MAX_MENTIONS = 20


class NoteWrite(BaseModel):
    """A note, new or changed."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_CHARS)
    mentions: list[str] = Field(
        default_factory=list, max_length=MAX_MENTIONS, description="ids of staff members who should see it"
    )


class NoteRead(BaseModel):
    """A note as staff see it."""

    id: str
    conversation_id: str
    staff_id: str
    text: str
    mentions: list[str]
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
