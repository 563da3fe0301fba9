"""The live-chat widget as a channel: its own small protocol, with our event log as the wire.

A visitor holds a token (`base64url(payload).hmac`), made and read here. What a visitor's page posts becomes
InboundEvents; what we send becomes one `message` event in the conversation's stream, once per outbox row.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError
from agentflow.kit.events import publish
from agentflow.kit.ids import new_id
from channels import repository, window
from channels.base import Capabilities, Sink
from channels.errors import NotSupportedByChannel, OriginNotAllowed, WrongIdentity, WrongVisitorToken
from channels.messages import (
    AccountKeys,
    Allowance,
    Entry,
    ErrorClass,
    ErrorInfo,
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

NAME = "livechat"
ENTRY: Entry = "widget"
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,100}")
_LATER = frozenset({"postback", "reaction", "location", "form"})  # come with the channels work


@dataclass(frozen=True)
class Visit:
    """A visitor who may talk for `expires_in` seconds from now."""

    visitor_id: str
    token: str
    expires_in: int


@dataclass(frozen=True)
class ClaimedUser:
    """Who the embedding site says its visitor is, and its proof."""

    id: str
    hash: str


def make_token(keys: AccountKeys, visitor_id: str, expires_at: datetime) -> str:
    """A visitor's token for one site."""
    payload = {"sub": visitor_id, "site": keys.account_ref, "exp": int(expires_at.timestamp())}
    packed = base64.urlsafe_b64encode(json.dumps(payload, separators=(",", ":")).encode())
    part = packed.rstrip(b"=").decode("ascii")
    return f"{part}.{_sign(keys.signing_keys[0], part)}"


def read_token(keys: AccountKeys, token: str, at: datetime) -> str:
    """The visitor a token belongs to. Raises WrongVisitorToken: forged, another site's, or expired."""
    part, _, signature = token.partition(".")
    given = signature.encode("utf-8", "replace")
    if not any(hmac.compare_digest(_sign(key, part).encode(), given) for key in keys.signing_keys):
        raise WrongVisitorToken("The visitor token is not ours.")
    payload = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if payload["site"] != keys.account_ref:
        raise WrongVisitorToken("The visitor token is of another site.")
    if payload["exp"] <= at.timestamp():
        raise WrongVisitorToken("The visitor token has expired.", code="expired_visitor_token")
    return str(payload["sub"])


def site_named(token: str) -> str:
    """The site a token claims to be of, before anything is proved. Raises WrongVisitorToken."""
    part = token.partition(".")[0]
    try:
        return str(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["site"])
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise WrongVisitorToken("The visitor token is not ours.") from wrong


def _sign(key: str, part: str) -> str:
    return hmac.new(key.encode(), part.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def identity_hash(secret: str, user_id: str) -> str:
    """The proof that the embedding site's server vouches for this user id."""
    return hmac.new(secret.encode(), user_id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def start_visit(
    keys: AccountKeys, *, token: str | None, user: ClaimedUser | None, at: datetime, days: int
) -> Visit:
    """A fresh token: for the same visitor while the old token is valid, else for a new one.

    Raises WrongVisitorToken for a forged token, WrongIdentity for a wrong proof, and NotSupportedByChannel
    for a right one, because visitors are not merged into known contacts yet.
    """
    if user is not None:
        expected = identity_hash(keys.identity_secret or "", user.id).encode()
        if not hmac.compare_digest(expected, user.hash.encode("utf-8", "replace")):
            raise WrongIdentity("The hash does not belong to this user id.")
        raise NotSupportedByChannel(NAME, "identity")
    visitor_id = _same_visitor(keys, token, at) or new_id("vis")
    expires_at = at + timedelta(days=days)
    return Visit(visitor_id, make_token(keys, visitor_id, expires_at), days * 86_400)


def _same_visitor(keys: AccountKeys, token: str | None, at: datetime) -> str | None:
    try:
        return read_token(keys, token, at) if token else None
    except WrongVisitorToken as wrong:
        if wrong.code == "expired_visitor_token":
            return None
        raise


def entry_of(page: str) -> Entry:
    """How a visitor came: by a QR code when the page's address says so as campaigns do, `utm_medium=qr`."""
    try:
        medium = parse_qs(urlsplit(page).query).get("utm_medium", [""])[0]
    except ValueError:  # no address
        return ENTRY
    return "qr_code" if medium.casefold() == "qr" else ENTRY


def check_origin(keys: AccountKeys, origin: str | None) -> None:
    """Refuse a page that is not on the site's list (exact, or `*.domain`). Raises OriginNotAllowed.

    Browsers name the page's origin in every request that crosses origins; without one nothing is checked,
    and the limits per address and visitor hold the rest.
    """
    if origin is None:
        return
    origin = origin.lower()
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        host = ""
    for allowed in keys.allowed_origins:
        if origin == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:])):
            return
    raise OriginNotAllowed("This page may not embed the widget.", origin=origin[:200])


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header. Raises WrongVisitorToken."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise WrongVisitorToken("Send the visitor token as Authorization: Bearer …")
    return token.strip()


def message_payload(msg: OutboundMessage) -> dict[str, Any]:
    """The `message` event by which a visitor gets an answer."""
    return {
        "message_id": msg.message_id,
        "seq": msg.seq,
        "role": "staff" if msg.actor == "human" else "agent",
        "text": msg.body.text,
        "sentences": [asdict(sentence) for sentence in msg.body.sentences],
        "status": "sent",
        "created_at": msg.created_at.isoformat(),
    }


class LiveChat:
    """The widget."""

    name = NAME

    def __init__(self, db: Database) -> None:
        self._db = db
        self.caps = Capabilities(
            text_max=db.settings.livechat.max_chars,
            text_unit="chars",
            inbound=frozenset({EventKind.MESSAGE, EventKind.STATUS, EventKind.TYPING, EventKind.OPT_OUT}),
            inbound_media=False,
            idempotent_send=True,
            delivered=True,
            read=True,
            typing=True,
        )

    def verify(self, req: InboundRequest) -> Verdict:
        """The page's origin is on the list and the bearer token is a valid one of this site."""
        try:
            check_origin(req.account, req.headers.get("origin"))
            read_token(req.account, bearer(req.headers), req.received_at)
        except AppError as refusal:
            return Verdict(False, refusal.code)
        return Verdict(True)

    def parse(self, req: InboundRequest) -> list[InboundEvent]:
        """The one event of a request; one that cannot be read is `unknown` and carries the reason."""
        try:
            visitor = read_token(req.account, bearer(req.headers), req.received_at)
        except WrongVisitorToken:
            visitor = ""
        return [_Parser(req, visitor, self.caps.text_max).event()]

    def ack(self, events: Sequence[InboundEvent]) -> HttpReply:
        """How many events were taken."""
        return HttpReply(200, json.dumps({"accepted": len(events)}).encode(), "application/json")

    async def send(self, msg: OutboundMessage) -> Receipt:
        """One short transaction: the visitor's `message` event, once per outbox row.

        A row that was withdrawn in the meantime (a takeover) is not sent: its lock decides who was first.
        """
        async with self._db.transaction() as session:
            row = await repository.lock_row(session, msg.id)
            if row is None or row.state != "sending":
                withdrawn = ErrorInfo(ErrorClass.BAD_REQUEST, "withdrawn", "The message was withdrawn.")
                return Receipt("rejected", error=withdrawn)
            if not await repository.note_widget_delivery(session, msg.id, now(session)):
                return Receipt("duplicate", (msg.message_id,))
            publish(
                session,
                msg.workspace_id,
                stream=msg.conversation_id,
                kind="message",
                payload=message_payload(msg),
            )
        return Receipt("accepted", (msg.message_id,))

    async def fetch_media(self, ref: MediaRef, sink: Sink) -> StoredMedia:
        """Raises NotSupportedByChannel: visitors cannot send files yet."""
        raise NotSupportedByChannel(NAME, "attachments")

    async def signal(self, contact_ref: str, what: Signal) -> None:
        """Show the visitor that somebody types."""
        if what.kind != "typing":
            return
        async with self._db.transaction() as session:
            publish(
                session,
                what.workspace_id,
                stream=what.conversation_id,
                kind="typing",
                payload={"on": what.on, "role": what.role},
            )

    def window(self, state: WindowState, now: datetime, intent: Intent) -> Allowance:
        """There is none: the visitor may be written to at any time."""
        return window.no_window(state, intent)


class _Parser:
    """One body of the widget's protocol → one event."""

    def __init__(self, req: InboundRequest, visitor: str, text_max: int) -> None:
        digest = hashlib.sha256(req.body).hexdigest()
        self._body = req.body
        self._text_max = text_max
        self._unknown = InboundEvent(
            kind=EventKind.UNKNOWN,
            channel=NAME,
            account_ref=req.account.account_ref,
            dedupe_key=f"{visitor}:{digest}",
            contact_ref=visitor,
            provider_ts=req.received_at,
            entry=ENTRY,
        )

    def event(self) -> InboundEvent:
        try:
            body = json.loads(self._body)
        except (ValueError, RecursionError):
            return self._refused("bad_json", "The body is not JSON.")
        if not isinstance(body, dict):
            return self._refused("bad_json", "The body must be a JSON object.")
        kind = body.get("type", "text")
        if kind == "text":
            return self._text(body)
        if kind == "read":
            return self._read(body)
        if kind == "typing":
            return replace(self._unknown, kind=EventKind.TYPING, payload="on" if body.get("on") else "off")
        if kind == "opt_out":
            return replace(self._unknown, kind=EventKind.OPT_OUT)
        if isinstance(kind, str) and kind in _LATER:
            return self._refused(NotSupportedByChannel.code, kind)
        return self._unknown

    def _text(self, body: dict[str, Any]) -> InboundEvent:
        client_id, text, reply_to = body.get("client_msg_id"), body.get("text"), body.get("reply_to")
        if body.get("attachments"):
            return self._refused(NotSupportedByChannel.code, "attachments")
        if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
            return self._refused("invalid_input", "A client_msg_id has 1 to 100 visible ASCII characters.")
        if not isinstance(text, str) or not _storable(text).strip():
            return self._refused("invalid_input", "A message needs a text.")
        if len(text) > self._text_max:
            found = f"A message may have {self._text_max} characters, this one has {len(text)}."
            return self._refused("text_too_long", found)
        return replace(
            self._unknown,
            kind=EventKind.MESSAGE,
            dedupe_key=f"{self._unknown.contact_ref}:{client_id}",
            client_ref=client_id,
            text=_storable(text),
            reply_to=_storable(reply_to)[:40] if isinstance(reply_to, str) else None,
        )

    def _read(self, body: dict[str, Any]) -> InboundEvent:
        up_to = body.get("up_to")
        if not isinstance(up_to, str) or not _CLIENT_ID.fullmatch(up_to):
            return self._refused("invalid_input", "The value of up_to must be the id of a message.")
        return replace(self._unknown, kind=EventKind.STATUS, payload=up_to, status="read")

    def _refused(self, code: str, detail: str) -> InboundEvent:
        return replace(self._unknown, error=ErrorInfo(ErrorClass.BAD_REQUEST, code, detail))


def _storable(text: str) -> str:
    """Without what a database or UTF-8 cannot hold: NUL characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
