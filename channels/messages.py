"""What travels over a channel, in our words: frozen values that no provider's JSON ever leaks into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal


class EventKind(StrEnum):
    """What a provider can tell us."""

    MESSAGE = "message"
    POSTBACK = "postback"
    REACTION = "reaction"
    STATUS = "status"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    EDIT = "edit"
    UNSEND = "unsend"
    CONTACT_UPDATE = "contact_update"
    REFERRAL = "referral"
    TEMPLATE_STATUS = "template_status"
    ACCOUNT_ALERT = "account_alert"
    TYPING = "typing"
    ECHO = "echo"
    UNKNOWN = "unknown"


class ErrorClass(StrEnum):
    """What an error means for us; the outbox, not the channel, turns it into a retry or an end."""

    TRANSIENT = "transient"
    THROTTLED_ACCOUNT = "throttled_account"
    THROTTLED_CONTACT = "throttled_contact"
    WINDOW_CLOSED = "window_closed"
    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    ACCOUNT_BLOCKED = "account_blocked"
    QUOTA = "quota"
    MEDIA = "media"


Actor = Literal["bot", "human", "broadcast"]
Entry = Literal["channel", "widget", "qr_code"]  # by which door somebody came
Role = Literal["contact", "agent", "staff", "system"]
DeliveryStatus = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True)
class ErrorInfo:
    """An error as the provider named it, and its class. `retry_after` is in seconds."""

    cls: ErrorClass
    code: str
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class AccountKeys:
    """What a channel needs of the connected account to judge a request; secrets never leave this process.

    `signing_keys` are tried in order, so a key can be replaced without a gap; the first one signs.
    """

    account_id: str
    account_ref: str  # the provider's (or our public) name for it: the site key, a page id, a number
    signing_keys: tuple[str, ...] = field(repr=False)
    identity_secret: str | None = field(default=None, repr=False)
    identity_required: bool = False
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class InboundRequest:
    """One HTTP request as it came, built once by the web layer. Header names become lower case."""

    method: str
    public_url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: datetime
    account: AccountKeys

    def __post_init__(self) -> None:
        lower = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "headers", lower)


@dataclass(frozen=True)
class HttpReply:
    """What the web layer answers."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Verdict:
    """Whether a request is genuine. `reply` is set for handshakes, which are not parsed."""

    ok: bool
    reason: str = ""
    reply: HttpReply | None = None


@dataclass(frozen=True)
class MediaRef:
    """A file that a message points at; it is fetched later, by a worker."""

    ref: str
    mime: str
    name: str = ""
    size: int | None = None


@dataclass(frozen=True)
class StoredMedia:
    """A fetched file: where it lies, its hash, and its type as sniffed."""

    key: str
    sha256: str
    mime: str
    size: int


@dataclass(frozen=True)
class InboundEvent:
    """One thing that happened at the provider. `dedupe_key` is the same each time it is told again."""

    kind: EventKind
    channel: str
    account_ref: str
    dedupe_key: str
    contact_ref: str
    provider_ts: datetime
    contact_aliases: tuple[str, ...] = ()
    # With country code, and only where the provider vouches that the sender holds the number: whoever is
    # known by it is taken for the sender. Never what somebody typed.
    phone: str | None = None
    entry: Entry = "channel"
    client_ref: str | None = None  # the sender's own id for it, told back so that it can match the two
    text: str = ""
    media: tuple[MediaRef, ...] = ()
    reply_to: str | None = None
    payload: str | None = (
        None  # a button's payload; for typing "on" or "off"; for a status the message it is about
    )
    status: DeliveryStatus | None = None
    error: ErrorInfo | None = None
    reply_token: str | None = None
    raw: str = ""


@dataclass(frozen=True)
class VisitorCitation:
    """A citation as a visitor sees it. `url` is set only where the admin marked the source public."""

    n: int
    title: str
    place: str
    quote: str
    url: str | None = None


@dataclass(frozen=True)
class VisitorSentence:
    """One checked sentence and what it stands on."""

    text: str
    citations: tuple[VisitorCitation, ...] = ()


@dataclass(frozen=True)
class TextBody:
    """Text to send; a channel that can show citations uses `sentences`, any other one `text`."""

    text: str
    sentences: tuple[VisitorSentence, ...] = ()


@dataclass(frozen=True)
class OutboundMessage:
    """One request's worth of sending. `id` is the outbox row's, by which a channel recognises a repeat.

    `conversation_id`, `message_id` and `seq` are opaque to a channel; the widget hands them to the visitor.
    """

    id: str
    workspace_id: str
    account_id: str
    contact_ref: str
    body: TextBody
    actor: Actor
    conversation_id: str
    message_id: str
    seq: int
    created_at: datetime
    reply_to: str | None = None
    reply_token: str | None = None
    deadline: datetime | None = None


@dataclass(frozen=True)
class Receipt:
    """How one request went. `unknown` means it may or may not have arrived."""

    outcome: Literal["accepted", "duplicate", "rejected", "unknown"]
    provider_ids: tuple[str, ...] = ()
    error: ErrorInfo | None = None


@dataclass(frozen=True)
class Signal:
    """A passing sign to the contact that keeps no record: somebody types, or we have read up to here."""

    kind: Literal["typing", "read"]
    workspace_id: str
    conversation_id: str
    on: bool = True
    role: Role = "agent"


@dataclass(frozen=True)
class WindowState:
    """What decides whether we may write to a contact."""

    last_inbound_at: datetime | None = None
    sends_since_inbound: int = 0
    opted_out: bool = False


Intent = Literal["reply", "broadcast"]


@dataclass(frozen=True)
class Allowance:
    """What may be sent now, and until when."""

    mode: Literal["free", "template_only", "human_tag", "broadcast_only", "blocked"]
    until: datetime | None = None
    remaining: int | None = None
    reason: str = ""
