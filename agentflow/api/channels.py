"""Connected channel accounts, and which agent answers each."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from agentflow.agents import service as agents
from agentflow.api.deps import App, Cursor, Limit, SettingsReader, SettingsWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from channels import service as channels
from channels.schemas import ChannelAccountCreate, ChannelAccountRead, ChannelAccountUpdate
from crm.inbox import service as inbox
from crm.inbox.schemas import RouteRead

router = APIRouter(prefix="/channel-accounts", tags=["channels"], route_class=IdempotentRoute)


class RouteUpdate(BaseModel):
    """The agent that shall answer."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str


@router.get("")
async def list_accounts(
    app: App, who: SettingsReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ChannelAccountRead]:
    """Connected accounts, oldest first; for the widget `ref` is the site key of the script tag."""
    async with app.db.read() as session:
        found = await channels.list_accounts(
            session, who.workspace_id, after=decode_cursor(cursor), limit=limit + 1
        )
    items = [channels.read_account(account) for account in found]
    return page_of(items, limit=limit, cursor_of=lambda account: account.id)


@router.post("", status_code=201)
async def create_account(data: ChannelAccountCreate, app: App, who: SettingsWriter) -> ChannelAccountRead:
    """A new website for the widget."""
    async with app.db.transaction() as session:
        return channels.read_account(await channels.create_account(session, who.workspace_id, data))


@router.get("/{account_id}")
async def get_account(account_id: str, app: App, who: SettingsReader) -> ChannelAccountRead:
    """One account."""
    async with app.db.read() as session:
        return channels.read_account(await channels.get_account(session, who.workspace_id, account_id))


@router.patch("/{account_id}")
async def update_account(
    account_id: str, data: ChannelAccountUpdate, app: App, who: SettingsWriter
) -> ChannelAccountRead:
    """Change what is given."""
    async with app.db.transaction() as session:
        return channels.read_account(
            await channels.update_account(session, who.workspace_id, account_id, data)
        )


@router.put("/{account_id}/route")
async def set_route(account_id: str, data: RouteUpdate, app: App, who: SettingsWriter) -> RouteRead:
    """Let an agent answer the new conversations of this account."""
    async with app.db.transaction() as session:
        agent = await agents.get_agent(session, who.workspace_id, data.agent_id)
        route = await inbox.set_route(session, who.workspace_id, account_id, agent.id)
        return RouteRead.model_validate(route)
