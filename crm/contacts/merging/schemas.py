"""What is said about merges."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Merge(BaseModel):
    """Which contact is to go into the one of the address."""

    model_config = ConfigDict(extra="forbid")

    other_id: str = Field(max_length=40)


class MergeRead(BaseModel):
    """One contact that went into another; it can be undone until `undo_until`."""

    id: str
    survivor_id: str
    merged_id: str
    merged_by: str
    merged_at: datetime
    undone_at: datetime | None
    undo_until: datetime
