"""What views look like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from crm.contacts.filters.schemas import Condition, ContactFilter, Group, Sort

MAX_VIEWS = 200  # shared ones of a workspace, and personal ones of each person
MAX_COLUMNS = 50

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Columns = Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=MAX_COLUMNS)]


class ViewSaved(BaseModel):
    """What a view shows."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    group: Group = Group.ALL
    filter: ContactFilter | None = None
    columns: Columns = Field(default_factory=lambda: ["name", "email", "phone", "company"])
    sort: Sort = Sort.NAME
    direction: Literal["asc", "desc"] = "asc"


class ViewCreate(ViewSaved):
    """A new view: of the caller alone, or shared with everybody, which an admin may do."""

    shared: bool = False
    is_default: bool = Field(default=False, description="what everybody sees first; one shared view is it")


class ViewUpdate(BaseModel):
    """What is given replaces what was there. `clear_filter` takes the filter away."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    group: Group | None = None
    filter: ContactFilter | None = None
    clear_filter: bool = False
    columns: Columns | None = None
    sort: Sort | None = None
    direction: Literal["asc", "desc"] | None = None
    is_default: bool | None = None


class ViewRead(BaseModel):
    """A view. Personal ones are shown to nobody else."""

    id: str
    name: str
    group: Group
    filter: Condition | None
    columns: list[str]
    sort: Sort
    direction: Literal["asc", "desc"]
    shared: bool
    is_default: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class GroupRead(BaseModel):
    """One of the views that every workspace has."""

    group: Group
    count: int


class GroupsRead(BaseModel):
    """The views that every workspace has, with how many contacts are in each."""

    items: list[GroupRead]
