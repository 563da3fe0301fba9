"""Is it alive, can it work, and what has it done."""

from __future__ import annotations

from fastapi import APIRouter, Response

from agentflow.api.deps import App
from agentflow.kit.telemetry import render_metrics

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Something we depend on is down"}})
async def readyz(app: App) -> dict[str, str]:
    """The database, the index and the durable engine answer."""
    await app.ready()
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    body, media_type = render_metrics()
    return Response(body, media_type=media_type)
