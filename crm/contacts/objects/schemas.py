"""What an admin defines, what records hold, and what is asked of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from crm.contacts.schemas import PropertyType

MAX_FIELDS = 50  # of a definition
MAX_DEFINITIONS = 100  # of a workspace
MAX_LINKS = 100  # contacts given with one record
MAX_TITLE = 500
MAX_TEXT = 2000

Key = Annotated[
    str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,39}$"), Field(description="a to z, digits and _")
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Choice = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
# Text, a number, yes or no, a date as YYYY-MM-DD, or a choice; None empties a field.
FieldValue = str | int | float | bool | None
Values = dict[str, FieldValue]


class ObjectField(BaseModel):
    """One field of an object."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    name: Name
    type: PropertyType
    choices: list[Choice] = Field(default_factory=list, max_length=200, description="for the type choice")
    required: bool = False

    @model_validator(mode="after")
    def _has_choices(self) -> Self:
        if (self.type is PropertyType.CHOICE) != bool(self.choices):
            raise ValueError("a field of the type choice, and no other, has choices")
        return self


class DefinitionCreate(BaseModel):
    """A new kind of object."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    name: Name
    fields: list[ObjectField] = Field(min_length=1, max_length=MAX_FIELDS)
    title_field: Key = Field(description="the text or number field by which other systems know a record")

    @field_validator("fields")
    @classmethod
    def _distinct(cls, fields: list[ObjectField]) -> list[ObjectField]:
        return distinct(fields)

    @model_validator(mode="after")
    def _has_title(self) -> Self:
        titles = [one.key for one in self.fields if one.type in (PropertyType.TEXT, PropertyType.NUMBER)]
        if self.title_field not in titles:
            raise ValueError(f"title_field names a text or number field: {', '.join(titles) or 'add one'}")
        return self


class DefinitionUpdate(BaseModel):
    """Another name, or more fields; the fields there were stay, with their types."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    fields: list[ObjectField] | None = Field(default=None, min_length=1, max_length=MAX_FIELDS)

    @field_validator("fields")
    @classmethod
    def _distinct(cls, fields: list[ObjectField] | None) -> list[ObjectField] | None:
        return None if fields is None else distinct(fields)


def distinct(fields: list[ObjectField]) -> list[ObjectField]:
    """The fields, if no two have one key."""
    keys = [one.key for one in fields]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"two fields have the key {twice[0]}")
    return fields


class DefinitionRead(BaseModel):
    """A kind of object."""

    id: str
    key: str
    name: str
    fields: list[ObjectField]
    title_field: str
    created_at: datetime
    deleted_at: datetime | None


class RecordWrite(BaseModel):
    """What a record holds, and whose it is."""

    model_config = ConfigDict(extra="forbid")

    values: Values = Field(max_length=MAX_FIELDS, description="by the fields' keys; null empties a field")
    contact_ids: list[Annotated[str, StringConstraints(max_length=40)]] = Field(
        default_factory=list, max_length=MAX_LINKS, description="contacts to link it to, beside those it has"
    )


class RecordRead(BaseModel):
    """An object."""

    id: str
    definition_id: str
    title: str
    values: Values
    contact_ids: list[str]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Operator(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    CONTAINS = "contains"
    EMPTY = "empty"
