"""Teams and their members."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, Cursor, Deleted, Limit, PeopleReader, PeopleWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.teams import service as teams
from crm.teams.schemas import TeamCreate, TeamRead, TeamUpdate
from crm.teams.staff import members
from crm.teams.staff import service as staff
from crm.teams.staff.schemas import MemberAdd, StaffDetail

router = APIRouter(prefix="/teams", tags=["people"], route_class=IdempotentRoute)


@router.get("")
async def list_teams(
    app: App, who: PeopleReader, deleted: Deleted = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[TeamRead]:
    """Teams, oldest first."""
    after = decode_cursor(cursor)
    async with app.db.read() as session:
        found = await teams.list_teams(
            session, who.workspace_id, after=after, limit=limit + 1, deleted=deleted
        )
    shown = [TeamRead.model_validate(team) for team in found]
    return page_of(shown, limit=limit, cursor_of=lambda team: team.id)


@router.post("", status_code=201)
async def create_team(data: TeamCreate, app: App, who: PeopleWriter) -> TeamRead:
    """A further team to hand conversations to."""
    async with app.db.transaction() as session:
        return TeamRead.model_validate(await teams.create_team(session, who.workspace_id, data))


@router.get("/{team_id}")
async def get_team(team_id: str, app: App, who: PeopleReader) -> TeamRead:
    """One team."""
    async with app.db.read() as session:
        return TeamRead.model_validate(await teams.get_team(session, who.workspace_id, team_id))


@router.patch("/{team_id}")
async def rename_team(team_id: str, data: TeamUpdate, app: App, who: PeopleWriter) -> TeamRead:
    """Give a team another name."""
    async with app.db.transaction() as session:
        return TeamRead.model_validate(await members.rename_team(session, who.workspace_id, team_id, data))


@router.delete("/{team_id}")
async def delete_team(team_id: str, app: App, who: PeopleWriter) -> TeamRead:
    """Put a team into the bin; it can be restored for 30 days. The default team stays."""
    async with app.db.transaction() as session:
        return TeamRead.model_validate(await members.delete_team(session, who.workspace_id, team_id))


@router.post("/{team_id}/restore")
async def restore_team(team_id: str, app: App, who: PeopleWriter) -> TeamRead:
    """Take a team out of the bin, with its members."""
    async with app.db.transaction() as session:
        return TeamRead.model_validate(await members.restore_team(session, who.workspace_id, team_id))


@router.get("/{team_id}/members")
async def list_members(
    team_id: str, app: App, who: PeopleReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[StaffDetail]:
    """Who is in a team, oldest first."""
    after = decode_cursor(cursor)
    async with app.db.read() as session:
        found = await staff.list_staff(
            session, who.workspace_id, after=after, limit=limit + 1, team_id=team_id
        )
        shown = await staff.read_all(session, found)
    return page_of(shown, limit=limit, cursor_of=lambda one: one.id)


@router.post("/{team_id}/members", status_code=204)
async def add_member(team_id: str, data: MemberAdd, app: App, who: PeopleReader) -> None:
    """Add somebody. Admins may in every team, a team admin in those they are in."""
    async with app.db.transaction() as session:
        await members.add_member(session, who, team_id, data.staff_id)


@router.delete("/{team_id}/members/{staff_id}", status_code=204)
async def remove_member(team_id: str, staff_id: str, app: App, who: PeopleReader) -> None:
    """Take somebody out of a team. Admins may in every team, a team admin in those they are in."""
    async with app.db.transaction() as session:
        await members.remove_member(session, who, team_id, staff_id)
