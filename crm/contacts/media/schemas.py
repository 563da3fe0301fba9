"""What is shown of a contact's file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

MAX_FILE_BYTES = 20 * 1024 * 1024


class FileRead(BaseModel):
    """A file; `content_type` is what its bytes say."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    contact_id: str
    name: str
    content_type: str
    size: int
    sha256: str
    added_by: str
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class Download:
    """A file with its bytes."""

    name: str
    content_type: str
    content: bytes
