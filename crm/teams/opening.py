"""Whose hours hold: a team's own, else the workspace's, else always open."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from crm.teams.hours import Hours, is_open, next_opening
from crm.teams.service import get_team, get_workspace


class HoursRead(BaseModel):
    """The hours that hold, and whether somebody is there now."""

    hours: Hours | None = Field(description="null: always open")
    inherited: bool = Field(description="a team that has none of its own keeps those of the workspace")
    is_open: bool
    next_opening: datetime | None = Field(description="now, when it is open; null when it never is")


async def hours_of(session: AsyncSession, workspace_id: str, team_id: str | None = None) -> Hours | None:
    """The hours that hold for a team, or for the workspace; None: always open. Raises RecordNotFound."""
    team = await get_team(session, workspace_id, team_id) if team_id is not None else None
    stored = team.hours if team else None
    if stored is None:
        stored = (await get_workspace(session, workspace_id)).hours
    return None if stored is None else Hours.model_validate_json(stored)


async def is_team_open(
    session: AsyncSession, workspace_id: str, team_id: str | None, *, at: datetime
) -> bool:
    """Whether a team (or the workspace) works at this time. Raises RecordNotFound."""
    hours = await hours_of(session, workspace_id, team_id)
    return hours is None or is_open(hours, at)


async def read_hours(session: AsyncSession, workspace_id: str, team_id: str | None = None) -> HoursRead:
    """As the API shows them. Raises RecordNotFound."""
    team = await get_team(session, workspace_id, team_id) if team_id is not None else None
    hours = await hours_of(session, workspace_id, team_id)
    at = now(session)
    opening = at if hours is None else next_opening(hours, at)
    return HoursRead(
        hours=hours,
        inherited=team is not None and team.hours is None,
        is_open=opening == at,
        next_opening=opening,
    )


async def set_hours(
    session: AsyncSession, workspace_id: str, team_id: str | None, hours: Hours | None
) -> HoursRead:
    """Other hours; None gives a team those of the workspace, and keeps a workspace always open.

    Raises RecordNotFound.
    """
    owner = (
        await get_workspace(session, workspace_id)
        if team_id is None
        else await get_team(session, workspace_id, team_id)
    )
    owner.hours = None if hours is None else hours.model_dump_json()
    await session.flush()
    return await read_hours(session, workspace_id, team_id)
