"""What a route needs to know about its caller: who it is, what it may do, and the application behind."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.dependencies import models as dependencies

from agentflow.api import noting
from agentflow.bootstrap import Application
from agentflow.kit.errors import InvalidInput
from agentflow.kit.pagination import MAX_LIMIT
from crm.audit.note import current
from crm.teams import service as teams
from crm.teams import throttle
from crm.teams.errors import (
    CsrfMissing,
    MissingScope,
    NoCredential,
    PasswordChangeRequired,
    SecondFactorMissing,
)
from crm.teams.schemas import Scope
from crm.teams.service import Principal

SESSION_COOKIE = "agentflow_session"
CSRF_HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def application(request: Request) -> Application:
    """The running application."""
    found = request.app.state.application
    assert isinstance(found, Application)
    return found


App = Annotated[Application, Depends(application)]


def client_address(request: Request, app: App) -> str:
    """Where from, as limits count places. Raises InvalidInput for a connection without an address."""
    found = address_of(request, app)
    if found is None:
        raise InvalidInput("The connection has no address.")
    return throttle.place_of(found)


def address_of(request: Request, app: Application) -> str | None:
    """Who connects; X-Forwarded-For counts only as far as our own proxies wrote it."""
    hops = app.settings.server.trusted_proxies
    forwarded = [
        part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()
    ]
    if hops and len(forwarded) >= hops:
        return forwarded[-hops]
    return request.client.host if request.client else None


async def stranger(request: Request, app: App) -> str:
    """The address of somebody at a door that needs no log-in, counted. Raises TooMany."""
    place = client_address(request, app)
    await throttle.check_place(app.rates, place, limit=app.settings.server.strangers_per_place)
    return place


Stranger = Annotated[str, Depends(stranger)]
Place = Annotated[str, Depends(client_address)]


async def caller(request: Request, app: App) -> Principal:
    """Who calls, by API key or session cookie. Raises NoCredential, CsrfMissing, TooMany."""
    principal = await _principal(request, app)
    note = current.get()
    if note is not None:
        note.by(principal.id, principal.workspace_id, role=principal.role)
        noting.name(note, request.scope)
    writes = request.method not in READING
    if writes and not hasattr(request.state, "counted"):  # an idempotent route asks twice
        request.state.counted = True
        limit = app.settings.server.writes_per_minute
        await app.rates.check("writes", principal.id, limit=limit, seconds=60)
    if principal.use_unnoted:
        async with app.db.transaction() as session:
            await teams.note_key_use(session, principal)
    return principal


async def _principal(request: Request, app: Application) -> Principal:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        async with app.db.read() as session:
            return await teams.principal_of_key(session, secret.strip())
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise NoCredential("Send an API key (Authorization: Bearer …) or log in.")
    async with app.db.read() as session:
        principal = await teams.principal_of_login(session, token)
    if request.method not in READING:
        _check_csrf(request, token)
    return principal


def _check_csrf(request: Request, token: str) -> None:
    sent = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(), teams.csrf_of(token).encode()):
        raise CsrfMissing(f"Send the csrf_token of your log-in in the header {CSRF_HEADER}.")


Caller = Annotated[Principal, Depends(caller)]


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency: the caller, if it has this scope and no first password waiting to be changed."""

    async def check(who: Caller) -> Principal:
        check_scope(who, scope)
        note = current.get()
        if note is not None:
            note.armed = note.method not in READING
            note.exports = note.exports or scope is Scope.CONTACTS_EXPORT
        return who

    _asks_for[check] = scope
    return check


def check_scope(who: Principal, scope: Scope) -> None:
    """Raises MissingScope, and what stands between a log-in and everything else."""
    if who.must_change_password:
        raise PasswordChangeRequired("Change the first password with POST /api/v1/auth/password.")
    if who.second_factor_missing:
        raise SecondFactorMissing("Admins need a second factor here: POST /api/v1/auth/second-factor/enrol.")
    if scope not in who.scopes:
        raise MissingScope(f"This needs the scope {scope}.", scope=scope)


_asks_for: dict[Callable[..., object], Scope] = {}


def scopes_asked(dependant: dependencies.Dependant) -> list[Scope]:
    """What the dependencies of a route ask of its caller, for the OpenAPI."""
    own = _asks_for.get(dependant.call) if dependant.call is not None else None
    inner = (scope for part in dependant.dependencies for scope in scopes_asked(part))
    return sorted({*inner, *([own] if own is not None else [])})


async def is_still_allowed(request: Request, app: Application, scope: Scope) -> bool:
    """Whether the credential of a stream that has been open for a while still opens it."""
    try:
        return scope in (await _principal(request, app)).scopes
    except NoCredential:
        return False


KnowledgeReader = Annotated[Principal, Depends(require(Scope.KNOWLEDGE_READ))]
KnowledgeWriter = Annotated[Principal, Depends(require(Scope.KNOWLEDGE_WRITE))]
AgentsReader = Annotated[Principal, Depends(require(Scope.AGENTS_READ))]
AgentsWriter = Annotated[Principal, Depends(require(Scope.AGENTS_WRITE))]
InboxReader = Annotated[Principal, Depends(require(Scope.CONVERSATIONS_READ))]
InboxWriter = Annotated[Principal, Depends(require(Scope.CONVERSATIONS_WRITE))]
ContactsReader = Annotated[Principal, Depends(require(Scope.CONTACTS_READ))]
ContactsWriter = Annotated[Principal, Depends(require(Scope.CONTACTS_WRITE))]
ContactsExporter = Annotated[Principal, Depends(require(Scope.CONTACTS_EXPORT))]
ContactsEraser = Annotated[Principal, Depends(require(Scope.CONTACTS_ERASE))]
PeopleReader = Annotated[Principal, Depends(require(Scope.PEOPLE_READ))]
PeopleWriter = Annotated[Principal, Depends(require(Scope.PEOPLE_WRITE))]
AuditReader = Annotated[Principal, Depends(require(Scope.AUDIT_READ))]
SettingsReader = Annotated[Principal, Depends(require(Scope.SETTINGS_READ))]
SettingsWriter = Annotated[Principal, Depends(require(Scope.SETTINGS_WRITE))]

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many items a page holds")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]
Deleted = Annotated[bool, Query(description="those in the bin instead, while they can be restored")]
