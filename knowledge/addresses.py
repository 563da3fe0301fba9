"""A page or site as an admin gives it: the address in one spelling, a name, and how far to go."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from agentflow.kit.egress import CallFailed, Egress
from agentflow.kit.errors import InvalidInput
from agentflow.kit.settings import Settings
from knowledge.errors import NotReached
from knowledge.limits import check_pages
from knowledge.models import Origin
from knowledge.origins.base import SiteLimits
from knowledge.origins.html import normal
from knowledge.schemas import UrlCreate
from knowledge.sync import NewSource

_NAME_CHARS = 255


async def source_at(egress: Egress, settings: Settings, create: UrlCreate) -> NewSource:
    """The source that an address becomes.

    Raises AddressRefused for one that may not be called, NotReached for an unknown name, TooManyPages.
    """
    try:
        await egress.check(create.url.strip())
    except CallFailed as unknown:
        raise NotReached(unknown.detail) from unknown
    try:
        location = normal(create.url.strip())
    except ValueError:
        location = None
    if location is None:
        raise InvalidInput("The address must start with http:// or https://.", code="bad_address")
    pages = create.max_pages or min(settings.sync.site_pages, settings.ingest.max_pages)
    check_pages(pages, settings.ingest.max_pages)
    depth = settings.sync.site_depth if create.max_depth is None else create.max_depth
    limits = SiteLimits(pages, depth, tuple(host.lower() for host in create.hosts))
    return NewSource(
        origin=Origin.SITE if create.site else Origin.URL,
        location=location,
        name=create.name or _name(location),
        public=create.public,
        every_seconds=create.every_seconds(settings.sync.every_seconds),
        site=limits if create.site else None,
    )


def _name(location: str) -> str:
    """The address as people say it."""
    parts = urlsplit(location)
    query = f"?{parts.query}" if parts.query else ""
    said = unquote(f"{parts.netloc}{parts.path}{query}").removeprefix("www.").rstrip("/")
    return "".join(letter for letter in said if letter.isprintable())[:_NAME_CHARS] or location[:_NAME_CHARS]
