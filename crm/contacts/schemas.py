"""What contacts look like from outside; the same input serves the API, imports, agent tools and flows."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

MAX_ADDRESSES = 20  # e-mail addresses, and phone numbers, of one contact
MAX_LABELS = 100  # of one contact

# A custom property holds text, a number, yes or no, a date as YYYY-MM-DD, or a choice; None clears it.
PropertyValue = str | int | float | bool | None


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
    emails: list[str] = Field(default_factory=list, max_length=MAX_ADDRESSES)
    phones: list[str] = Field(
        default_factory=list, max_length=MAX_ADDRESSES, description="with country code, or in the workspace's"
    )
    company: str | None = Field(default=None, max_length=200)
    job_title: str | None = Field(default=None, max_length=200)
    location: str | None = Field(default=None, max_length=200, description="a city or an address")
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    language: str | None = Field(default=None, max_length=16)
    owner_id: str | None = Field(default=None, max_length=40, description="a staff member")
    labels: list[str] = Field(default_factory=list, max_length=MAX_LABELS)
    properties: dict[str, PropertyValue] = Field(
        default_factory=dict, description="custom properties by their key"
    )


class ContactUpdate(ContactCreate):
    """What is given replaces what was there; what is left out stays. `null` clears a field."""
