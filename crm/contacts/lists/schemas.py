"""What lists look like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from crm.contacts.filters.schemas import Condition, ContactFilter
from crm.contacts.labels.schemas import LabelName

MAX_LISTS = 500  # of a workspace
MAX_AT_ONCE = 1000  # contacts named in one request

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Ids = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=MAX_AT_ONCE)]


class ListCreate(BaseModel):
    """A new list: with a filter its members are whom it finds, without one those put in by hand."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    filter: ContactFilter | None = None


class ListUpdate(BaseModel):
    """What is given replaces what was there; a static list stays one, a dynamic one too."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    filter: ContactFilter | None = None


class ListRead(BaseModel):
    """A list."""

    id: str
    name: str
    dynamic: bool
    filter: Condition | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class MembersChange(BaseModel):
    """Whom to put into a static list and whom to take out; those in both are in."""

    model_config = ConfigDict(extra="forbid")

    add: Ids = Field(default_factory=list)
    remove: Ids = Field(default_factory=list)


class MembersChanged(BaseModel):
    """How many came in and went out; those who were there, or not, before do not count."""

    added: int
    removed: int
    unknown: list[str] = Field(description="ids to add that are of nobody here, or of somebody in the bin")


class LabelsChange(BaseModel):
    """Labels to put on, and to take off, every contact that is named or that the filter finds."""

    model_config = ConfigDict(extra="forbid")

    contact_ids: Ids | None = None
    filter: ContactFilter | None = None
    add: list[LabelName] = Field(
        default_factory=list, max_length=20, description="names or ids; a new name makes a new label"
    )
    remove: list[LabelName] = Field(default_factory=list, max_length=20, description="names or ids")

    @model_validator(mode="after")
    def _one_choice(self) -> LabelsChange:
        if (self.contact_ids is None) == (self.filter is None):
            raise ValueError("give contact_ids or a filter, and not both")
        if not self.add and not self.remove:
            raise ValueError("name a label to add or to remove")
        return self


class LabelsChanged(BaseModel):
    """How many contacts there were, and how many labels were put on and taken off."""

    contacts: int
    added: int
    removed: int
