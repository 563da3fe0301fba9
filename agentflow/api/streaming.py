"""Events as they happen, by server-sent events: what the widget's stream and that of staff share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from agentflow.bootstrap import Application
from agentflow.kit.event_tail import Subscription
from agentflow.kit.events import Event

Payload = Callable[[Event], dict[str, Any]]


def cursor_of(request: Request, cursor: int) -> int:
    """Where a client goes on: `Last-Event-ID`, which a browser sends by itself, wins over `cursor`."""
    resumed = request.headers.get("last-event-id", "")
    return int(resumed) if resumed.isascii() and resumed.isdigit() and len(resumed) < 19 else cursor


def stream(
    app: Application,
    request: Request,
    subscription: Subscription,
    *,
    payload: Payload,
    heartbeat_seconds: float,
    headers: dict[str, str] | None = None,
    may_go_on: Callable[[], Awaitable[bool]] | None = None,
) -> StreamingResponse:
    """Every event of the subscription until the client or the server goes, or `may_go_on` says no.

    It is asked at least as often as the heart beats.
    """
    return StreamingResponse(
        _events(app, request, subscription, payload, heartbeat_seconds, may_go_on),
        media_type="text/event-stream",
        headers={**(headers or {}), "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    app: Application,
    request: Request,
    subscription: Subscription,
    payload: Payload,
    heartbeat_seconds: float,
    may_go_on: Callable[[], Awaitable[bool]] | None,
) -> AsyncIterator[str]:
    yield ": hello\n\n"
    loop = asyncio.get_running_loop()
    asked = loop.time()
    async with subscription:
        while not app.stopping.is_set() and not await request.is_disconnected():
            found = await _next_or_stop(app, subscription.next(heartbeat_seconds))
            if may_go_on is not None and (not found or loop.time() - asked > heartbeat_seconds):
                if not await may_go_on():
                    return
                asked = loop.time()
            yield "".join(_sse(event, payload(event)) for event in found) or ": still here\n\n"


async def _next_or_stop(app: Application, fetch: Awaitable[list[Event]]) -> list[Event]:
    """The next events; nothing at once when the server stops."""
    fetching = asyncio.ensure_future(fetch)
    stopping = asyncio.ensure_future(app.stopping.wait())
    done, pending = await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return fetching.result() if fetching in done else []


def _sse(event: Event, payload: dict[str, Any]) -> str:
    data = json.dumps(payload, ensure_ascii=False)
    return f"id: {event.cursor}\nevent: {event.kind}\ndata: {data}\n\n"
