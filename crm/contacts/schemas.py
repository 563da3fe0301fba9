"""What contacts look like from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ContactRead(BaseModel):
    """A person or entity."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str | None
    locale: str | None
    created_at: datetime
