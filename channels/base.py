"""The channel protocol: what each of the channel files offers, and its limits as data.

`verify`, `parse`, `ack` and `window` are pure. `parse` is total: what it does not know becomes an event of
kind `unknown`. `send` makes exactly one request to the provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from agentflow.kit.errors import InvalidInput
from channels.errors import NotSupportedByChannel
from channels.messages import (
    Allowance,
    EventKind,
    HttpReply,
    InboundEvent,
    InboundRequest,
    Intent,
    MediaRef,
    OutboundMessage,
    Receipt,
    Signal,
    StoredMedia,
    Verdict,
    WindowState,
)

Sink = Callable[[AsyncIterator[bytes]], Awaitable[StoredMedia]]


@dataclass(frozen=True)
class Capabilities:
    """A channel's limits."""

    text_max: int
    text_unit: Literal["chars", "utf8_bytes", "utf16_units"]
    inbound: frozenset[EventKind]  # the kinds we act on; others are refused by name
    inbound_media: bool
    idempotent_send: bool  # a repeated send with the same id arrives once, so it may be repeated blindly
    delivered: bool
    read: bool
    typing: bool


class Channel(Protocol):
    """One way in and out."""

    name: str
    caps: Capabilities

    def verify(self, req: InboundRequest) -> Verdict:
        """Whether the raw request is genuine."""
        ...

    def parse(self, req: InboundRequest) -> list[InboundEvent]:
        """Every event of a verified request; never raises."""
        ...

    def ack(self, events: Sequence[InboundEvent]) -> HttpReply:
        """What the provider wants to hear once the events are stored."""
        ...

    async def send(self, msg: OutboundMessage) -> Receipt:
        """Make one request to the provider."""
        ...

    async def fetch_media(self, ref: MediaRef, sink: Sink) -> StoredMedia:
        """Stream a file into `sink`. Raises NotSupportedByChannel where there are none."""
        ...

    async def signal(self, contact_ref: str, what: Signal) -> None:
        """Show that somebody types; best effort."""
        ...

    def window(self, state: WindowState, now: datetime, intent: Intent) -> Allowance:
        """Whether and how we may write now."""
        ...


def check_supported(caps: Capabilities, event: InboundEvent) -> None:
    """Refuse what this channel cannot take, by name; an event of an unknown kind passes and is ignored.

    Raises NotSupportedByChannel, or InvalidInput for an event that could not be read.
    """
    if event.kind is EventKind.UNKNOWN:
        if event.error is not None and event.error.code == NotSupportedByChannel.code:
            raise NotSupportedByChannel(event.channel, event.error.detail)
        if event.error is not None:
            raise InvalidInput(event.error.detail, code=event.error.code)
        return
    if event.kind not in caps.inbound:
        raise NotSupportedByChannel(event.channel, event.kind.value)
    if event.media and not caps.inbound_media:
        raise NotSupportedByChannel(event.channel, "attachments")
