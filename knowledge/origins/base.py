"""What all origins share: `fetch` gets the newest content of one source, or says that nothing changed.

It refuses with an error of knowledge.errors or with AddressRefused; every call goes through kit.egress.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from knowledge.models import GoogleAccess

State = Mapping[str, Any]


async def _nothing() -> bytes | None:
    return None


@dataclass(frozen=True)
class GoogleCredentials:
    """A Google connection's secrets."""

    access: GoogleAccess
    values: Mapping[str, str]


@dataclass(frozen=True)
class SiteLimits:
    """How far a site is followed. `hosts` are further ones that belong to it."""

    pages: int
    depth: int
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """One source to fetch. `state` is what the last fetch gave, empty for the first or to have all anew."""

    location: str
    state: State = field(default_factory=dict)
    site: SiteLimits | None = None
    google: GoogleCredentials | None = None
    previous: Callable[[], Awaitable[bytes | None]] = _nothing  # the content that is stored now


@dataclass(frozen=True)
class Fetched:
    """`content` is None when it is what the last fetch gave; readers go by the ending of `filename`."""

    content: bytes | None
    filename: str
    state: State


class Fetcher(Protocol):
    """One kind of place that content comes from."""

    async def fetch(self, wanted: Wanted) -> Fetched:
        """The newest content."""
        ...
