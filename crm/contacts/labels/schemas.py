"""What labels look like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crm.contacts.folding import fold

MAX_LABELS_OF_WORKSPACE = 2000
MAX_NAME = 60


def label_name(name: str) -> str:
    """A name as it is kept: without the # that people write before it."""
    cleaned = " ".join(name.strip().removeprefix("#").split())
    if not fold(cleaned) or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise ValueError(f"a label's name has 1 to {MAX_NAME} printable characters")
    return cleaned


LabelName = Annotated[str, Field(max_length=MAX_NAME + 10), AfterValidator(label_name)]
Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$", description="as #rrggbb")]


class LabelCreate(BaseModel):
    """A new label; without a colour it gets one."""

    model_config = ConfigDict(extra="forbid")

    name: LabelName
    colour: Colour | None = None


class LabelUpdate(BaseModel):
    """What is given replaces what was there."""

    model_config = ConfigDict(extra="forbid")

    name: LabelName | None = None
    colour: Colour | None = None


class LabelRead(BaseModel):
    """A label."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    colour: str
    created_at: datetime
    deleted_at: datetime | None
