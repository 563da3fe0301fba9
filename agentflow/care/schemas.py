"""Reports of erasures, and exports, as an admin sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class StoreRead(BaseModel):
    """One place that was searched."""

    store: str = Field(description="a table by its name, `files`, or `job inputs`")
    searched: int = Field(description="rows or files looked at after erasing")
    erased: int
    left: int = Field(description="that still hold an address of the person")
    alike: int = Field(description="of others, that hold the same name or the same text")


class BackupRead(BaseModel):
    """A back-up that still holds the person; restoring it erases the person again."""

    file: str
    created_at: datetime
    expires_at: datetime


class ErasureRead(BaseModel):
    """What became of the erasure of one person."""

    id: str
    contact_id: str
    state: Literal["queued", "done", "failed"]
    erased: int
    left: int
    stores: list[StoreRead]
    backups: list[BackupRead]
    created_at: datetime
    done_at: datetime | None


class ExportRead(BaseModel):
    """Everything of the workspace in one zip of JSON lines."""

    id: str
    state: Literal["queued", "ready", "failed"]
    rows: dict[str, int]
    bytes: int
    created_at: datetime
    expires_at: datetime
