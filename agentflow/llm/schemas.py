"""Model connections as the API takes and shows them; a key goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _without_slash(address: str) -> str:
    return address.rstrip("/")


Address = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2000),
    AfterValidator(_without_slash),
]


class ModelConnectionCreate(BaseModel):
    """A new connection. Its address is checked against private networks."""

    model_config = ConfigDict(extra="forbid")

    name: Short
    base_url: Address = Field(description="For example https://api.openai.com/v1")
    model: Short
    api_key: SecretStr | None = None
    position: int = Field(default=10, ge=0, le=1000, description="Lower is tried first.")


class ModelConnectionUpdate(BaseModel):
    """Changes; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Short | None = None
    base_url: Address | None = None
    model: Short | None = None
    api_key: SecretStr | None = None
    position: int | None = Field(default=None, ge=0, le=1000)


class ModelConnectionRead(BaseModel):
    """A connection without its key. `alert` says why it is out of use until `circuit_open_until`."""

    id: str
    name: str
    base_url: str
    model: str
    position: int
    has_key: bool
    created_by_environment: bool
    circuit_open_until: datetime | None
    alert: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
