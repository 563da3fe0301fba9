"""Chat models that agents answer with: OpenAI-compatible addresses, tried in order."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, Cursor, Deleted, Limit, SettingsReader, SettingsWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.bootstrap import Application
from agentflow.kit.egress import CallFailed
from agentflow.kit.errors import InvalidInput
from agentflow.kit.pagination import Page, decode_cursor, page_of
from agentflow.llm import service as llm
from agentflow.llm.schemas import ModelConnectionCreate, ModelConnectionRead, ModelConnectionUpdate

router = APIRouter(prefix="/model-connections", tags=["model connections"], route_class=IdempotentRoute)


@router.get("")
async def list_connections(
    app: App, who: SettingsReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[ModelConnectionRead]:
    """Connections without their keys, oldest first."""
    async with app.db.read() as session:
        found = await llm.list_connections(
            session, who.workspace_id, after=decode_cursor(cursor), limit=limit + 1, deleted=deleted
        )
    return page_of([llm.read_connection(one) for one in found], limit=limit, cursor_of=lambda one: one.id)


@router.post("", status_code=201)
async def create_connection(
    data: ModelConnectionCreate, app: App, who: SettingsWriter
) -> ModelConnectionRead:
    """A new connection; an address in a private network is refused unless the operator allows it."""
    await _check_address(app, data.base_url)
    async with app.db.transaction() as session:
        return llm.read_connection(await llm.create_connection(session, who.workspace_id, data))


@router.get("/{connection_id}")
async def get_connection(connection_id: str, app: App, who: SettingsReader) -> ModelConnectionRead:
    """One connection, with the alert that took it out of use, if any."""
    async with app.db.read() as session:
        return llm.read_connection(await llm.get_connection(session, who.workspace_id, connection_id))


@router.patch("/{connection_id}")
async def update_connection(
    connection_id: str, data: ModelConnectionUpdate, app: App, who: SettingsWriter
) -> ModelConnectionRead:
    """Change what is given; a new address needs its key again."""
    if data.base_url is not None:
        await _check_address(app, data.base_url)
    async with app.db.transaction() as session:
        changed = await llm.update_connection(session, who.workspace_id, connection_id, data)
        return llm.read_connection(changed)


@router.delete("/{connection_id}", status_code=204)
async def delete_connection(connection_id: str, app: App, who: SettingsWriter) -> None:
    """Put a connection into the bin; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        await llm.delete_connection(session, who.workspace_id, connection_id)


@router.post("/{connection_id}/restore")
async def restore_connection(connection_id: str, app: App, who: SettingsWriter) -> ModelConnectionRead:
    """Take a connection out of the bin."""
    async with app.db.transaction() as session:
        return llm.read_connection(await llm.restore_connection(session, who.workspace_id, connection_id))


async def _check_address(app: Application, url: str) -> None:
    """Raises AddressRefused, and InvalidInput for a name that nobody knows."""
    try:
        await app.egress.check(url)
    except CallFailed as unknown:
        raise InvalidInput(unknown.detail, code="unknown_address") from unknown
