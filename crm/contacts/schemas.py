"""What contacts look like from outside; the same input serves the API, imports, agent tools and flows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_ADDRESSES = 20  # e-mail addresses, and phone numbers, of one contact
MAX_LABELS = 100  # of one contact
MAX_VALUES = 200  # custom properties given at once

# A custom property holds text, a number, yes or no, a date as YYYY-MM-DD, or a choice; None clears it.
PropertyValue = str | int | float | bool | None
Line = Annotated[str, StringConstraints(max_length=200)]


class AddressKind(StrEnum):
    """How somebody is reached."""

    EMAIL = "email"
    PHONE = "phone"


class ContactSource(StrEnum):
    """How a contact came to us."""

    WIDGET = "widget"
    CHANNEL = "channel"
    QR_CODE = "qr_code"
    WHATSAPP_LINK = "whatsapp_link"
    MANUAL = "manual"
    IMPORT = "import"
    API = "api"
    INTEGRATION = "integration"


class PropertyType(StrEnum):
    """What a custom property holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class ContactCreate(BaseModel):
    """A new contact; a phone number or an e-mail address alone is enough."""

    model_config = ConfigDict(extra="forbid")

    first_name: str | None = Field(default=None, max_length=100)
    last_name: str | None = Field(default=None, max_length=100)
    emails: list[Line] = Field(default_factory=list, max_length=MAX_ADDRESSES)
    phones: list[Line] = Field(
        default_factory=list, max_length=MAX_ADDRESSES, description="with country code, or in the workspace's"
    )
    company: str | None = Field(default=None, max_length=200)
    job_title: str | None = Field(default=None, max_length=200)
    location: str | None = Field(default=None, max_length=200, description="a city or an address")
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    language: str | None = Field(
        default=None,
        max_length=16,
        pattern="^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$",
        description="as nl or pt-BR",
    )
    owner_id: str | None = Field(default=None, max_length=40, description="a staff member")
    labels: list[Line] = Field(
        default_factory=list, max_length=MAX_LABELS, description="names or ids; a new name makes a new label"
    )
    properties: dict[str, PropertyValue] = Field(
        default_factory=dict, max_length=MAX_VALUES, description="custom properties by their key"
    )


class ContactUpdate(ContactCreate):
    """What is given replaces what was there; what is left out stays. `null` clears a field.

    Of the custom properties only those that are named change.
    """


class ContactLabelRead(BaseModel):
    """A label of a contact."""

    id: str
    name: str
    colour: str


class IdentityRead(BaseModel):
    """How a channel account names the contact."""

    model_config = ConfigDict(from_attributes=True)

    channel: str
    account_id: str
    ref: str
    opted_out_at: datetime | None


class ContactRead(BaseModel):
    """A contact with everything that is set. The first address of each kind is the main one."""

    id: str
    name: str | None = Field(description="as it is shown: first and last name, or what a channel calls them")
    first_name: str | None
    last_name: str | None
    emails: list[str]
    phones: list[str] = Field(description="as they were given")
    phone_numbers: list[str] = Field(description="the same with country code; one spelling for each person")
    company: str | None
    job_title: str | None
    location: str | None
    country: str | None
    language: str | None
    owner_id: str | None
    source: ContactSource
    labels: list[ContactLabelRead]
    properties: dict[str, PropertyValue]
    identities: list[IdentityRead]
    created_at: datetime
    updated_at: datetime
    last_contact_at: datetime | None
    deleted_at: datetime | None
    merged_into_id: str | None
