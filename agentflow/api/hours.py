"""Working hours of the workspace and of teams."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, PeopleReader, PeopleWriter, SettingsWriter
from agentflow.api.idempotency import IdempotentRoute
from crm.teams import opening
from crm.teams.hours import Hours
from crm.teams.opening import HoursRead

router = APIRouter(tags=["people"], route_class=IdempotentRoute)


@router.get("/workspace/hours")
async def get_hours(app: App, who: PeopleReader) -> HoursRead:
    """The working hours that hold where a team has none of its own, and whether it is open now."""
    async with app.db.read() as session:
        return await opening.read_hours(session, who.workspace_id)


@router.put("/workspace/hours")
async def set_hours(data: Hours, app: App, who: SettingsWriter) -> HoursRead:
    """Set them as a whole."""
    async with app.db.transaction() as session:
        return await opening.set_hours(session, who.workspace_id, None, data)


@router.delete("/workspace/hours")
async def clear_hours(app: App, who: SettingsWriter) -> HoursRead:
    """No hours: always open."""
    async with app.db.transaction() as session:
        return await opening.set_hours(session, who.workspace_id, None, None)


@router.get("/teams/{team_id}/hours")
async def get_team_hours(team_id: str, app: App, who: PeopleReader) -> HoursRead:
    """The working hours of a team: its own, else those of the workspace."""
    async with app.db.read() as session:
        return await opening.read_hours(session, who.workspace_id, team_id)


@router.put("/teams/{team_id}/hours")
async def set_team_hours(team_id: str, data: Hours, app: App, who: PeopleWriter) -> HoursRead:
    """Give a team hours of its own."""
    async with app.db.transaction() as session:
        return await opening.set_hours(session, who.workspace_id, team_id, data)


@router.delete("/teams/{team_id}/hours")
async def clear_team_hours(team_id: str, app: App, who: PeopleWriter) -> HoursRead:
    """The team keeps the hours of the workspace again."""
    async with app.db.transaction() as session:
        return await opening.set_hours(session, who.workspace_id, team_id, None)
