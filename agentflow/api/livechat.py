"""The live-chat widget's own protocol: configuration, sessions, messages, and events by SSE or long poll.

No cookie is ever read here: a visitor's token travels in `Authorization`, and a page of another origin is
answered only when the site's list names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agentflow.api import streaming
from agentflow.api.deps import App, client_address
from agentflow.api.downloads import download
from agentflow.bootstrap import Application
from agentflow.kit.event_tail import Subscription
from agentflow.kit.events import find_last_event, read_events
from agentflow.kit.telemetry import span
from channels import ChannelAccount, livechat
from channels import service as channels
from channels.base import check_supported
from channels.errors import NotSupportedByChannel
from channels.messages import AccountKeys, EventKind, InboundEvent, InboundRequest
from crm.inbox import service as inbox
from crm.inbox.events import VISITOR_KINDS
from crm.inbox.schemas import MessageStatus
from crm.teams import service as teams
from crm.teams import texts
from knowledge import service as knowledge

router = APIRouter(prefix="/widget/v1", tags=["live chat"])

HISTORY = 50  # messages that a returning visitor is shown
MAX_WAIT_SECONDS = 25
SIGNS_A_MESSAGE = 10  # typing, read and the like: so many for each message a visitor may send
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type, last-event-id, cache-control",
    "Access-Control-Max-Age": "600",
}
# The channel reads the body itself: a widget is told what is wrong with it in the channel's words.
MESSAGE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "A message or a sign; the session's token goes into Authorization.",
                    "properties": {
                        "type": {"enum": ["text", "read", "typing", "opt_out"], "default": "text"},
                        "client_msg_id": {
                            "type": "string",
                            "maxLength": 100,
                            "description": "of a text: 1 to 100 visible ASCII characters that it is known by",
                        },
                        "text": {"type": "string", "maxLength": 4000},
                        "reply_to": {"type": "string", "description": "of a text: the message it answers"},
                        "up_to": {"type": "string", "description": "of read: the last message seen"},
                        "on": {"type": "boolean", "description": "of typing"},
                    },
                }
            }
        },
    }
}
Site = Annotated[str, Path(max_length=100)]
Language = Annotated[str, Query(max_length=35, description="the visitor's language, such as nl or en-GB")]


class Page(BaseModel):
    """Where the widget runs."""

    url: str = Field(default="", max_length=2000)
    title: str = Field(default="", max_length=300)


class User(BaseModel):
    """Who the embedding site says the visitor is, with its proof."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    hash: str = Field(max_length=200)


class SessionCreate(BaseModel):
    """A visitor opens the chat; the token of an earlier visit continues it."""

    model_config = ConfigDict(extra="forbid")

    visitor_token: str | None = Field(default=None, max_length=2000)
    user: User | None = None
    page: Page = Page()
    locale: str = Field(default="en", max_length=35)


class SessionRead(BaseModel):
    """What the widget needs from now on; events after `cursor` hold the latest messages."""

    token: str
    visitor_id: str
    conversation_id: str
    cursor: int
    expires_in: int


class Accepted(BaseModel):
    """A message was stored; signs such as typing have no id."""

    id: str | None
    cursor: int | None


class Events(BaseModel):
    """What came after a cursor."""

    events: list[dict[str, Any]]
    cursor: int


@dataclass(frozen=True)
class Visitor:
    """Who holds a valid token, and the conversation that is theirs."""

    account: ChannelAccount
    ref: str
    conversation_id: str


@router.options("/{site}/{resource}", status_code=204, include_in_schema=False)
async def preflight_of_site(site: Site, request: Request, response: Response, app: App) -> None:
    """Let a page that the site lists ask."""
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, livechat.NAME, site)
    _allow_page(request, response, channels.keys_of(account))
    response.headers.update(PREFLIGHT)


@router.options("/{resource}", status_code=204, include_in_schema=False)
async def preflight_of_visitor(response: Response) -> None:
    """Let any page ask, without credentials: the token that names the site comes only with the request.

    Whether the page may read the answer, the answer says.
    """
    response.headers.update({"Access-Control-Allow-Origin": "*"} | PREFLIGHT)


@router.get(
    "/sources/{source_id}", response_class=StreamingResponse, responses={302: {"description": "its page"}}
)
async def open_source(source_id: str, app: App) -> Response:
    """The file or page behind a citation, where the admin made it public."""
    async with app.db.read() as session:
        found = await knowledge.public_file(session, source_id)
    if found.address is not None:
        return RedirectResponse(found.address, 302)
    return download(await app.files.read(found.key), found.name)


@router.get("/{site}/config")
async def get_config(
    site: Site,
    request: Request,
    response: Response,
    app: App,
    lang: Annotated[str, Query(max_length=35)] = "",
) -> dict[str, Any]:
    """How the widget looks and what it says, in the visitor's language where we have it."""
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, livechat.NAME, site)
        workspace = await teams.get_workspace(session, account.workspace_id)
    _allow_page(request, response, channels.keys_of(account))
    language = next(
        (one for one in (lang[:2].lower(), workspace.locale[:2]) if one in texts.languages()), "en"
    )
    shown = texts.widget_texts(language, json.loads(workspace.text_overrides))
    look = channels.read_account(account).public_settings
    return {
        "site": site,
        "language": language,
        "title": look.title or shown["title"],
        "subtitle": shown["subtitle"],
        "colour": look.colour,
        "texts": shown,
        "suggestions": look.suggestions,
        "identity_required": account.identity_required,
        "limits": {"max_chars": app.settings.livechat.max_chars},
    }


@router.post("/{site}/sessions")
async def open_session(
    site: Site, data: SessionCreate, request: Request, response: Response, app: App
) -> SessionRead:
    """Start or continue a visit."""
    limits = app.settings.livechat
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, livechat.NAME, site)
    keys = channels.keys_of(account)
    _allow_page(request, response, keys)
    await app.rates.check(
        "sessions", client_address(request, app), limit=limits.sessions_per_minute, seconds=60
    )
    async with app.db.transaction() as session:
        user = livechat.ClaimedUser(data.user.id, data.user.hash) if data.user else None
        visit = livechat.start_visit(
            keys, token=data.visitor_token, user=user, at=app.db.clock.now(), days=limits.token_days
        )
        opened = await inbox.open_conversation(
            session,
            account,
            visit.visitor_id,
            locale=data.locale[:16],
            entry=livechat.entry_of(data.page.url),
        )
        oldest = await find_last_event(
            session, account.workspace_id, stream=opened.id, kind="message", skip=HISTORY
        )
    return SessionRead(
        token=visit.token,
        visitor_id=visit.visitor_id,
        conversation_id=opened.id,
        cursor=oldest.cursor if oldest else 0,
        expires_in=visit.expires_in,
    )


@router.post("/messages", openapi_extra=MESSAGE_BODY)
async def post_message(request: Request, response: Response, app: App) -> Accepted:
    """Take a message, or a sign such as typing or read. The same `client_msg_id` is stored once."""
    account, inbound = await _inbound(app, request)
    _allow_page(request, response, inbound.account)
    event = await _event(app, inbound)
    with span("record", channel=livechat.NAME):
        async with app.db.transaction() as session:
            recorded = await inbox.receive(session, account, event, app.settings.turn)
    if recorded is None:
        return Accepted(id=None, cursor=None)
    cursor = await _cursor_of(app, account.workspace_id, recorded.conversation_id, recorded.message_id)
    return Accepted(id=recorded.message_id, cursor=cursor)


@router.post("/uploads")
async def upload(request: Request, response: Response, app: App) -> None:
    """Raises NotSupportedByChannel: visitors cannot send files yet."""
    account, inbound = await _inbound(app, request)
    _allow_page(request, response, inbound.account)
    livechat.read_token(inbound.account, livechat.bearer(inbound.headers), inbound.received_at)
    raise NotSupportedByChannel(livechat.NAME, "uploads")


async def _event(app: Application, inbound: InboundRequest) -> InboundEvent:
    """What a genuine request says, within the channel's abilities and the visitor's rate."""
    livechat.read_token(inbound.account, livechat.bearer(inbound.headers), inbound.received_at)
    channel = app.channels[livechat.NAME]
    event = channel.parse(inbound)[0]
    check_supported(channel.caps, event)
    limit = app.settings.livechat.messages_per_minute
    if event.kind is EventKind.MESSAGE:
        await app.rates.check("messages", event.contact_ref, limit=limit, seconds=60)
    else:
        await app.rates.check("signs", event.contact_ref, limit=SIGNS_A_MESSAGE * limit, seconds=60)
    return event


@router.get("/events", response_model=Events)
async def get_events(
    request: Request,
    app: App,
    cursor: Annotated[int, Query(ge=0, le=2**62, description="the last event seen")] = 0,
    wait: Annotated[
        int | None, Query(ge=0, le=MAX_WAIT_SECONDS, description="long poll: seconds to wait; else SSE")
    ] = None,
) -> Response:
    """Everything after a cursor, as it happens. `Last-Event-ID` wins over `cursor`."""
    visitor, headers = await _visitor(app, request)
    after = streaming.cursor_of(request, cursor)
    await _acknowledge(app, visitor, after)
    if wait is not None:
        return await _poll(app, visitor, after, wait, headers)
    return streaming.stream(
        app,
        request,
        _subscription(app, visitor, after),
        payload=lambda event: event.payload,
        heartbeat_seconds=app.settings.livechat.heartbeat_seconds,
        headers=headers,
    )


async def _poll(
    app: Application, visitor: Visitor, after: int, wait: int, headers: dict[str, str]
) -> Response:
    tail = _subscription(app, visitor, after)
    async with tail:
        found = await tail.next(wait)
    events = [{"cursor": one.cursor, "kind": one.kind, "payload": one.payload} for one in found]
    body = Events(events=events, cursor=found[-1].cursor if found else after)
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)


def _subscription(app: Application, visitor: Visitor, after: int) -> Subscription:
    return app.tail.subscribe(
        visitor.account.workspace_id, stream=visitor.conversation_id, after=after, kinds=VISITOR_KINDS
    )


async def _inbound(app: Application, request: Request) -> tuple[ChannelAccount, InboundRequest]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    site = livechat.site_named(livechat.bearer(headers))
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, livechat.NAME, site)
    return account, InboundRequest(
        method=request.method,
        public_url=app.settings.public_url + request.url.path,
        headers=headers,
        query=dict(request.query_params),
        body=await request.body(),
        received_at=app.db.clock.now(),
        account=channels.keys_of(account),
    )


async def _visitor(app: Application, request: Request) -> tuple[Visitor, dict[str, str]]:
    account, inbound = await _inbound(app, request)
    headers = _page_headers(request, inbound.account)
    ref = livechat.read_token(inbound.account, livechat.bearer(inbound.headers), inbound.received_at)
    async with app.db.transaction() as session:
        opened = await inbox.open_conversation(session, account, ref, entry=livechat.ENTRY)
    return Visitor(account, ref, opened.id), headers


async def _acknowledge(app: Application, visitor: Visitor, cursor: int) -> None:
    """A client that names a cursor has every message up to it."""
    if cursor == 0:
        return
    workspace_id = visitor.account.workspace_id
    async with app.db.transaction() as session:
        seen = await find_last_event(
            session, workspace_id, stream=visitor.conversation_id, kind="message", up_to=cursor
        )
        if seen is not None:
            conversation = await inbox.get_conversation(session, workspace_id, visitor.conversation_id)
            await inbox.mark_up_to(session, conversation, seen.payload["message_id"], MessageStatus.DELIVERED)


async def _cursor_of(app: Application, workspace_id: str, conversation_id: str, message_id: str) -> int:
    """The cursor of a message's event; newest first, so a fresh one is found at once."""
    async with app.db.read() as session:
        newest = await find_last_event(session, workspace_id, stream=conversation_id, kind="message")
        if newest is not None and newest.payload["message_id"] == message_id:
            return newest.cursor
        after = 0
        while events := await read_events(
            session, workspace_id, after=after, stream=conversation_id, kinds=("message",)
        ):
            for event in events:
                if event.payload["message_id"] == message_id:
                    return event.cursor
            after = events[-1].cursor
    return 0


def _page_headers(request: Request, keys: AccountKeys) -> dict[str, str]:
    """Let the page read the answer, and a refusal that may follow. Raises OriginNotAllowed."""
    origin = request.headers.get("origin")
    livechat.check_origin(keys, origin)
    if not origin:
        return {}
    request.state.page_headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }
    return dict(request.state.page_headers)


def _allow_page(request: Request, response: Response, keys: AccountKeys) -> None:
    response.headers.update(_page_headers(request, keys))
