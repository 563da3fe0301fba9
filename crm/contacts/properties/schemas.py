"""What definitions of custom properties look like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from crm.contacts.folding import fold
from crm.contacts.schemas import PropertyType

MAX_PROPERTIES = 200  # of a workspace
MAX_CHOICES = 200

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Choices = Annotated[list[Name], Field(max_length=MAX_CHOICES)]


def _check_choices(choices: list[str]) -> None:
    if len({fold(choice) for choice in choices}) < len(choices):
        raise ValueError("two choices are the same")


class PropertyCreate(BaseModel):
    """A new custom property. Its key and type stay as they are."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="how the API and imports name it")
    name: Name = Field(description="how people name it")
    type: PropertyType
    choices: Choices = Field(default_factory=list, description="what a property of type choice may hold")
    for_agents: bool = Field(
        default=False,
        description="whether AI agents are told it of the customer they talk with, to recommend by it",
    )

    @model_validator(mode="after")
    def _choices_fit(self) -> PropertyCreate:
        if bool(self.choices) != (self.type is PropertyType.CHOICE):
            raise ValueError("choices are given for the type choice, and for no other")
        _check_choices(self.choices)
        return self


class PropertyUpdate(BaseModel):
    """What is given replaces what was there. Contacts keep a choice that is no longer offered."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    choices: Choices | None = Field(default=None, min_length=1)
    for_agents: bool | None = None

    @model_validator(mode="after")
    def _choices_differ(self) -> PropertyUpdate:
        _check_choices(self.choices or [])
        return self


class PropertyRead(BaseModel):
    """A custom property."""

    id: str
    key: str
    name: str
    type: PropertyType
    choices: list[str]
    for_agents: bool
    created_at: datetime
    deleted_at: datetime | None
