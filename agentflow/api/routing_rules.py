"""Routing rules: who gets a new conversation; the agent of the channel account where no rule holds."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, Deleted, SettingsReader, SettingsWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page
from crm.inbox.routing import service as routing
from crm.inbox.routing.schemas import RuleCreate, RuleOrder, RuleRead, RuleUpdate

router = APIRouter(prefix="/routing-rules", tags=["inbox"], route_class=IdempotentRoute)


@router.get("")
async def list_rules(app: App, who: SettingsReader, deleted: Deleted = False) -> Page[RuleRead]:
    """All rules, the first to be tried first."""
    async with app.db.read() as session:
        found = await routing.list_rules(session, who.workspace_id, deleted=deleted)
    return Page(items=found, next_cursor=None)


@router.post("", status_code=201)
async def create_rule(data: RuleCreate, app: App, who: SettingsWriter) -> RuleRead:
    """A new rule, behind all others."""
    async with app.db.transaction() as session:
        rule = await routing.create_rule(session, who.workspace_id, data)
        return await routing.read_rule(session, rule)


@router.post("/reorder")
async def reorder(data: RuleOrder, app: App, who: SettingsWriter) -> Page[RuleRead]:
    """Try the rules in this order from now on."""
    async with app.db.transaction() as session:
        await routing.reorder(session, who.workspace_id, data)
        found = await routing.list_rules(session, who.workspace_id)
    return Page(items=found, next_cursor=None)


@router.get("/{rule_id}")
async def get_rule(rule_id: str, app: App, who: SettingsReader) -> RuleRead:
    """One rule."""
    async with app.db.read() as session:
        rule = await routing.get_rule(session, who.workspace_id, rule_id)
        return await routing.read_rule(session, rule)


@router.patch("/{rule_id}")
async def update_rule(rule_id: str, data: RuleUpdate, app: App, who: SettingsWriter) -> RuleRead:
    """Change what is given."""
    async with app.db.transaction() as session:
        rule = await routing.update_rule(session, who.workspace_id, rule_id, data)
        return await routing.read_rule(session, rule)


@router.delete("/{rule_id}", status_code=204)
async def delete_rule(rule_id: str, app: App, who: SettingsWriter) -> None:
    """Put a rule into the bin, from which it can be restored for 30 days."""
    async with app.db.transaction() as session:
        await routing.delete_rule(session, who.workspace_id, rule_id)


@router.post("/{rule_id}/restore")
async def restore_rule(rule_id: str, app: App, who: SettingsWriter) -> RuleRead:
    """Take a rule out of the bin, to the place it had."""
    async with app.db.transaction() as session:
        rule = await routing.restore_rule(session, who.workspace_id, rule_id)
        return await routing.read_rule(session, rule)
