"""What an export is asked for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from crm.contacts.filters.schemas import ContactFilter, Group


class ContactExport(BaseModel):
    """Which contacts; with nothing given, all of them."""

    model_config = ConfigDict(extra="forbid")

    filter: ContactFilter | None = None
    text: str | None = Field(
        default=None, max_length=200, description="part of a name, e-mail or phone number"
    )
    group: Group = Group.ALL
