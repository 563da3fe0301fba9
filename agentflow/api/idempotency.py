"""`Idempotency-Key` on every POST of the API: done once, answered as often as it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from agentflow.api.deps import application, caller, check_scope, scopes_asked
from agentflow.kit import idempotency
from agentflow.kit.errors import InvalidInput
from agentflow.kit.idempotency import StoredAnswer
from crm.teams.errors import CsrfMissing, NoCredential
from crm.teams.service import Principal

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route that honours the header. Only answers of success are kept; a refusal may be tried again."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler of a POST."""
        handle = super().get_route_handler()
        if "POST" not in (self.methods or ()):
            return handle

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            who = await _known_caller(request) if key is not None else None
            if key is None or who is None:
                return await handle(request)
            for scope in scopes_asked(self.dependant):  # a right that was taken away also ends the replays
                check_scope(who, scope)
            return await _handle_once(request, handle, who, key)

        return once


def _without_boundary(request: Request, body: bytes) -> bytes:
    """A form's body without the random line between its parts, which differs each time it is sent."""
    _, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    return body.replace(boundary.strip('"').encode(), b"") if boundary else body


async def _known_caller(request: Request) -> Principal | None:
    """None for a request without a credential that holds: its route, which may need none, decides."""
    try:
        return await caller(request, application(request))
    except (NoCredential, CsrfMissing):
        return None


async def _handle_once(request: Request, handle: Handler, who: Principal, key: str) -> Response:
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise InvalidInput(
            "An Idempotency-Key has 1 to 255 printable characters.", code="bad_idempotency_key"
        )
    db = application(request).db
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n{who.id}\n".encode())
    digest.update(_without_boundary(request, await request.body()))
    known = await idempotency.reserve(db, who.workspace_id, key, digest.hexdigest())
    if known is not None:
        return Response(known.body, known.status, headers={REPLAYED: "true"}, media_type="application/json")
    try:
        response = await handle(request)
    except BaseException:
        await idempotency.release(db, who.workspace_id, key)
        raise
    answer = StoredAnswer(response.status_code, bytes(response.body).decode())
    await idempotency.complete(db, who.workspace_id, key, answer)
    return response
