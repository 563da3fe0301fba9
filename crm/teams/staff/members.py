"""Who is in which team, and a team's own life: another name, the bin, and back."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from crm.teams.errors import DefaultTeamNeeded, MissingScope, NameTaken, NotInTeam, RecordNotFound
from crm.teams.models import Team, TeamMember
from crm.teams.schemas import Role, Scope, TeamUpdate
from crm.teams.service import Principal, find_team_by_name, get_staff_member, get_team
from crm.teams.staff import repository


async def add_member(session: AsyncSession, who: Principal, team_id: str, staff_id: str) -> None:
    """Adding somebody twice adds once. Raises RecordNotFound, NotInTeam, MissingScope."""
    team = await _managed_team(session, who, team_id)
    staff = await get_staff_member(session, who.workspace_id, staff_id)
    member = TeamMember(
        team_id=team.id, staff_id=staff.id, workspace_id=who.workspace_id, created_at=now(session)
    )
    await repository.add_member(session, member)


async def remove_member(session: AsyncSession, who: Principal, team_id: str, staff_id: str) -> None:
    """Raises RecordNotFound when they are not in it, NotInTeam, MissingScope."""
    team = await _managed_team(session, who, team_id)
    if not await repository.remove_member(session, team.id, staff_id):
        raise RecordNotFound("There is no such member of this team.")


async def member_ids(session: AsyncSession, workspace_id: str, team_id: str) -> list[str]:
    """The staff of a team who can work, for those who hand out work."""
    return await repository.member_ids(session, workspace_id, team_id)


async def _managed_team(session: AsyncSession, who: Principal, team_id: str) -> Team:
    team = await get_team(session, who.workspace_id, team_id)
    if Scope.PEOPLE_WRITE in who.scopes:
        return team
    if who.role != Role.TEAM_ADMIN or who.staff_id is None:
        raise MissingScope(f"This needs the scope {Scope.PEOPLE_WRITE}.", scope=Scope.PEOPLE_WRITE)
    if not await repository.is_member(session, team.id, who.staff_id):
        raise NotInTeam("You can manage the members of the teams that you are in.")
    return team


async def rename_team(session: AsyncSession, workspace_id: str, team_id: str, data: TeamUpdate) -> Team:
    """Raises RecordNotFound, NameTaken."""
    team = await get_team(session, workspace_id, team_id)
    same = await find_team_by_name(session, workspace_id, data.name)
    if same is not None and same.id != team.id:
        raise NameTaken(f"Another team is called {same.name}.")
    team.name = data.name
    await session.flush()
    return team


async def delete_team(session: AsyncSession, workspace_id: str, team_id: str) -> Team:
    """Into the bin; what is handed to it from now on goes to the default team.

    Raises RecordNotFound, DefaultTeamNeeded.
    """
    team = await get_team(session, workspace_id, team_id)
    if team.is_default:
        raise DefaultTeamNeeded("The default team receives what names no team; it cannot be deleted.")
    team.deleted_at = now(session)
    await session.flush()
    return team


async def restore_team(session: AsyncSession, workspace_id: str, team_id: str) -> Team:
    """Back from the bin, with its members. Raises RecordNotFound, TooLateToRestore, NameTaken."""
    team = await repository.find_team_in_bin(session, workspace_id, team_id)
    if team is None:
        raise RecordNotFound("There is no such team in the bin.")
    check_restorable(session, team.deleted_at)
    if await find_team_by_name(session, workspace_id, team.name) is not None:
        raise NameTaken(f"Another team is called {team.name} by now; rename that one first.")
    team.deleted_at = None
    await session.flush()
    return team
