"""What people, keys and teams look like from outside."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from crm.teams.hours import known_zone
from crm.teams.texts import known_overrides

OverrideText = Annotated[str, Field(max_length=2000)]


class Scope(StrEnum):
    """What a caller may do. An API key has those it was made with, a staff member those of the role."""

    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CONTACTS_EXPORT = "contacts:export"
    CONTACTS_ERASE = "contacts:erase"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    AUDIT_READ = "audit:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"


class Role(StrEnum):
    """What a staff member is in the workspace; `permissions.py` says what each may do."""

    ADMIN = "admin"
    TEAM_ADMIN = "team_admin"
    STAFF = "staff"


class WorkspaceRead(BaseModel):
    """The caller's own workspace."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    time_zone: str
    locale: str
    text_overrides: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="text key → language → text shown instead of ours"
    )
    admins_need_second_factor: bool


class WorkspaceUpdate(BaseModel):
    """What an admin may change of the workspace."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=120)
    time_zone: Annotated[str, AfterValidator(known_zone)] | None = None
    locale: str | None = Field(default=None, pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    text_overrides: Annotated[dict[str, dict[str, OverrideText]], AfterValidator(known_overrides)] | None = (
        None
    )
    admins_need_second_factor: bool | None = None


class StaffState(StrEnum):
    """`invited` until a password was chosen by the link in the mail."""

    INVITED = "invited"
    ACTIVE = "active"


class StaffRead(BaseModel):
    """A person who works in the inbox."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str
    role: Role
    state: StaffState
    second_factor: bool
    must_change_password: bool
    created_at: datetime
    deleted_at: datetime | None


class LogIn(BaseModel):
    """E-mail and password."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
    password: str = Field(max_length=1024)


class PasswordChange(BaseModel):
    """The password in use and the one wanted."""

    model_config = ConfigDict(extra="forbid")

    current: str = Field(max_length=1024)
    new: str = Field(max_length=1024)


class Identity(BaseModel):
    """Who is logged in. `csrf_token` goes back in X-CSRF-Token with every request that changes something."""

    staff: StaffRead
    workspace: WorkspaceRead
    must_change_password: bool
    second_factor_missing: bool = Field(
        description="an admin must enrol a second factor before anything else"
    )
    csrf_token: str


class ApiKeyCreate(BaseModel):
    """A name to recognise the key by, and the least scopes it needs."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    scopes: list[Scope] = Field(min_length=1)
    expires_at: AwareDatetime | None = Field(default=None, description="the key stops working then")


class ApiKeyRead(BaseModel):
    """A key without its secret; `prefix` is how the secret starts."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyCreated(ApiKeyRead):
    """A new key; `key` is shown this once."""

    key: str


class TeamCreate(BaseModel):
    """A new team."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)


class TeamUpdate(TeamCreate):
    """Another name."""


class TeamRead(BaseModel):
    """A team; the default one receives what is handed over without a team named."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    is_default: bool
    created_at: datetime
    deleted_at: datetime | None
