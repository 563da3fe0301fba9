"""What staff administration takes and shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crm.teams.schemas import Role, StaffRead

EMAIL = r'^[^@\s<>(),;:"\\]+@[^@\s<>(),;:"\\]+\.[^@\s<>(),;:"\\.]+$'


def _one_line(value: str) -> str:
    """Names stand in the headers of mails."""
    if not value.isprintable() or not value.strip():
        raise ValueError("A name is one line of text")
    return value.strip()


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]


class Invite(BaseModel):
    """Whom to invite, as what, and into which teams."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, pattern=EMAIL, examples=["ada@shop.example"])
    name: Name
    role: Role = Role.STAFF
    team_ids: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list, max_length=50)


class StaffUpdate(BaseModel):
    """Another name or role; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    role: Role | None = None


class MemberAdd(BaseModel):
    """Who joins the team."""

    model_config = ConfigDict(extra="forbid")

    staff_id: str = Field(max_length=40)


class StaffDetail(StaffRead):
    """A staff member with their teams."""

    team_ids: list[str]
    invited_until: datetime | None = Field(description="until when the newest invitation can be accepted")


class ChosenPassword(BaseModel):
    """The one-use token of a mailed link, and the password wanted."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200)
    password: str = Field(max_length=1024)


class ResetRequest(BaseModel):
    """Whose password was forgotten."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
