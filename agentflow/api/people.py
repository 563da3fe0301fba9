"""The workspace and its API keys."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, Cursor, Limit, SettingsReader, SettingsWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.teams import service as teams
from crm.teams.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyRead,
    WorkspaceRead,
    WorkspaceUpdate,
)

router = APIRouter(tags=["workspace"], route_class=IdempotentRoute)


@router.get("/workspace")
async def get_workspace(app: App, who: SettingsReader) -> WorkspaceRead:
    """The caller's workspace."""
    async with app.db.read() as session:
        return teams.read_workspace(await teams.get_workspace(session, who.workspace_id))


@router.patch("/workspace")
async def update_workspace(data: WorkspaceUpdate, app: App, who: SettingsWriter) -> WorkspaceRead:
    """Change the name, time zone, language or the texts that customers see."""
    async with app.db.transaction() as session:
        return teams.read_workspace(await teams.update_workspace(session, who.workspace_id, data))


@router.get("/api-keys")
async def list_keys(
    app: App, who: SettingsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyRead]:
    """API keys without their secrets, oldest first."""
    async with app.db.read() as session:
        keys = await teams.list_keys(session, who.workspace_id, after=decode_cursor(cursor), limit=limit + 1)
    return page_of([teams.read_key(key) for key in keys], limit=limit, cursor_of=lambda key: key.id)


@router.post("/api-keys", status_code=201)
async def create_key(data: ApiKeyCreate, app: App, who: SettingsWriter) -> ApiKeyCreated:
    """Make a key with rights you have; its secret is shown in this answer and never again."""
    teams.check_grant(who, data.scopes)
    async with app.db.transaction() as session:
        key, secret = await teams.create_key(session, who.workspace_id, data)
    return ApiKeyCreated(**teams.read_key(key).model_dump(), key=secret)


@router.delete("/api-keys/{key_id}")
async def revoke_key(key_id: str, app: App, who: SettingsWriter) -> ApiKeyRead:
    """Revoke a key: it stops working at once and for good."""
    async with app.db.transaction() as session:
        return teams.read_key(await teams.revoke_key(session, who, key_id))
