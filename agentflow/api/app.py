"""The HTTP door: one FastAPI application over a running Application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.requests import Request

from agentflow import web
from agentflow.api import (
    agents,
    audit,
    auth,
    care,
    channels,
    contact_files,
    contact_lists,
    contact_merges,
    contact_profile,
    contact_properties,
    contact_records,
    contacts,
    conversation_notes,
    conversation_search,
    custom_objects,
    errors,
    events,
    exports,
    gaps,
    health,
    hours,
    imports,
    inbox,
    knowledge,
    livechat,
    model_connections,
    people,
    previews,
    routing_rules,
    search,
    sources,
    staff,
    teams,
)
from agentflow.api.deps import scopes_asked
from agentflow.api.links import add_links
from agentflow.api.middleware import Audit, BodyLimit, RequestMetrics
from agentflow.bootstrap import Application
from agentflow.kit.settings import Settings
from channels import service as accounts

DEMO_SITE = "demo"
PARTS = (
    auth,
    people,
    staff,
    teams,
    hours,
    audit,
    *(knowledge, sources, previews, search, gaps),
    agents,
    model_connections,
    channels,
    *(conversation_search, inbox, conversation_notes, routing_rules, events),
    *(contact_properties, contact_lists, contacts, imports, exports),
    *(contact_records, contact_files, contact_merges, contact_profile, custom_objects),
    care,
)
Start = Callable[[], AbstractAsyncContextManager[Application]]


ABOUT = """AI agents in front of your customers: an answer that cites its source, or a human.

- **Who calls**: an API key (`Authorization: Bearer afk_…`), or the cookie of `POST /api/v1/auth/login` with
  its `csrf_token` in `X-CSRF-Token` on everything but GET. `x-scopes` says what a route asks for.
- **Twice**: a POST that creates or sends takes `Idempotency-Key`; the same key and body within 24 hours get
  the first answer again.
- **Lists** are pages: `limit` is at most 200, `next_cursor` goes into `cursor`; it is null on the last page.
- **Refusals** are `application/problem+json` (RFC 9457) with a stable `code`, a `detail` for people, and
  where it fits `field` or `fields`, and `allowed` or `limit`.
"""


class Linked(FastAPI):
    """Its OpenAPI says where the id of an answer goes on."""

    def openapi(self) -> dict[str, Any]:
        """The schema, with links."""
        if self.openapi_schema is None:
            add_links(super().openapi())
        return super().openapi()


def create_app(settings: Settings, start: Start) -> FastAPI:
    """The web application; `start` opens everything behind it as long as the server runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with start() as application:
            app.state.application = application
            yield

    app = Linked(
        title="AgentFlow",
        version="1",
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
        middleware=[
            Middleware(RequestMetrics),
            Middleware(Audit),
            Middleware(BodyLimit, max_file_bytes=settings.ingest.max_bytes),
        ],
    )
    errors.install(app)
    for part in PARTS:
        _tell_scopes(part.router)
        # Not by way of a router for all: each level would work out every route once more, at every start.
        app.include_router(part.router, prefix="/api/v1", responses=errors.RESPONSES)
    app.include_router(livechat.router, responses=errors.RESPONSES)
    app.include_router(health.router)
    app.add_api_route("/api/docs", docs, include_in_schema=False)
    web.mount(app, demo_site)
    return app


def _tell_scopes(router: APIRouter) -> None:
    """`x-scopes` says in the OpenAPI what a route asks of its caller; the permission walk reads it."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            scopes = [str(scope) for scope in scopes_asked(route.dependant)]
            route.openapi_extra = {**(route.openapi_extra or {}), "x-scopes": scopes}


async def demo_site(request: Request) -> str | None:
    """The site key for the page at `/`, where there is a demo workspace."""
    application: Application = request.app.state.application
    async with application.db.read() as session:
        found = await accounts.find_account_by_ref(session, "livechat", DEMO_SITE)
    return found.ref if found and found.enabled else None


async def docs() -> HTMLResponse:
    """The API's description to read and try; its parts come from here, not from a network."""
    return get_swagger_ui_html(
        openapi_url="/api/openapi.json",
        title="AgentFlow API",
        swagger_js_url="/static/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger-ui.css",
        swagger_favicon_url="/static/favicon.svg",
    )
