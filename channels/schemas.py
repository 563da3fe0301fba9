"""What channel accounts look like from outside. No secret is ever among it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|\*\.[a-z0-9-]+(\.[a-z0-9-]+)+")


def _origin(value: str) -> str:
    value = value.strip().lower().rstrip("/")
    if not _ORIGIN.fullmatch(value):
        raise ValueError("An origin looks like https://shop.example or *.shop.example")
    return value


Origin = Annotated[str, AfterValidator(_origin)]


class PublicSettings(BaseModel):
    """How the widget looks; everybody can read it. An empty title means the catalogue's."""

    model_config = ConfigDict(extra="forbid")

    colour: str = Field(default="#2456c8", pattern=r"^#[0-9a-fA-F]{6}$")
    title: str = Field(default="", max_length=80)
    suggestions: list[Annotated[str, Field(min_length=1, max_length=120)]] = Field(
        default_factory=list, max_length=3, description="questions offered before the first message"
    )


class ChannelAccountCreate(BaseModel):
    """A new site for the widget."""

    model_config = ConfigDict(extra="forbid")

    channel: Literal["livechat"] = "livechat"
    name: str = Field(min_length=1, max_length=120)
    allowed_origins: list[Origin] = Field(default_factory=list, max_length=50)
    identity_required: bool = False
    public_settings: PublicSettings = PublicSettings()


class ChannelAccountUpdate(BaseModel):
    """What an admin may change of an account; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=120)
    allowed_origins: list[Origin] | None = Field(default=None, max_length=50)
    identity_required: bool | None = None
    public_settings: PublicSettings | None = None
    enabled: bool | None = None


class ChannelAccountRead(BaseModel):
    """A connected account. `ref` is public: the site key that the widget's script tag carries."""

    id: str
    channel: str
    name: str
    ref: str
    allowed_origins: list[str]
    identity_required: bool
    public_settings: PublicSettings
    enabled: bool
    created_at: datetime
