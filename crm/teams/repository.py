"""Every query over workspaces, staff, log-ins, keys and teams."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert, wait_for_turn
from crm.teams.models import (
    ApiKey,
    LoginPlace,
    LoginSession,
    StaffMember,
    StaffToken,
    Team,
    TeamMember,
    Workspace,
)


async def find_workspace(session: AsyncSession, workspace_id: str) -> Workspace | None:
    """The workspace of this id."""
    return await session.get(Workspace, workspace_id)


async def lock_workspaces(session: AsyncSession) -> list[str]:
    """The ids of all workspaces, once no other server is starting; the next one waits for the commit."""
    await wait_for_turn(session, "start of a server")
    return list((await session.execute(select(Workspace.id).order_by(Workspace.id))).scalars())


async def find_staff_by_email(session: AsyncSession, email: str) -> StaffMember | None:
    """The staff member with this address, whatever its case, unless deleted."""
    query = select(StaffMember).where(
        func.lower(StaffMember.email) == email.lower(), StaffMember.deleted_at.is_(None)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_staff(session: AsyncSession, workspace_id: str, staff_id: str) -> StaffMember | None:
    """A staff member of this workspace, unless deleted."""
    query = select(StaffMember).where(
        StaffMember.workspace_id == workspace_id,
        StaffMember.id == staff_id,
        StaffMember.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def staff_among(session: AsyncSession, workspace_id: str, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are staff members of this workspace, not deleted."""
    query = select(StaffMember.id).where(
        StaffMember.workspace_id == workspace_id,
        StaffMember.id.in_(ids),
        StaffMember.deleted_at.is_(None),
    )
    return frozenset((await session.execute(query)).scalars())


async def list_addresses(session: AsyncSession, workspace_id: str, role: str) -> list[str]:
    """E-mail addresses of the active staff of a role, by name of the address."""
    query = (
        select(StaffMember.email)
        .where(
            StaffMember.workspace_id == workspace_id,
            StaffMember.role == role,
            StaffMember.password_hash != "",
            StaffMember.deleted_at.is_(None),
        )
        .order_by(StaffMember.email)
    )
    return list((await session.execute(query)).scalars())


async def find_login(
    session: AsyncSession, token_hash: str, *, at: datetime
) -> tuple[StaffMember, bool] | None:
    """Whose log-in it is, if it has not expired, and whether their admins need a second factor."""
    query = (
        select(StaffMember, Workspace.admins_need_second_factor)
        .join(LoginSession, StaffMember.id == LoginSession.staff_id)
        .join(Workspace, Workspace.id == StaffMember.workspace_id)
        .where(
            LoginSession.token_hash == token_hash,
            LoginSession.expires_at > at,
            StaffMember.deleted_at.is_(None),
        )
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def end_logins(session: AsyncSession, staff_id: str, *, but: str | None = None) -> None:
    """End every log-in, but one if given by its token hash, and what could become one: links, first steps."""
    await session.execute(delete(StaffToken).where(StaffToken.staff_id == staff_id))
    statement = delete(LoginSession).where(LoginSession.staff_id == staff_id)
    if but is not None:
        statement = statement.where(LoginSession.token_hash != but)
    await session.execute(statement)


async def delete_login(session: AsyncSession, token_hash: str) -> None:
    """End one log-in."""
    await session.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash))


async def delete_expired_logins(session: AsyncSession, *, at: datetime) -> None:
    """Forget log-ins that have run out."""
    await session.execute(delete(LoginSession).where(LoginSession.expires_at <= at))


async def knows_place(session: AsyncSession, staff_id: str, place_hash: str) -> bool:
    """Whether somebody logged in from there before."""
    return await session.get(LoginPlace, (staff_id, place_hash)) is not None


async def note_place(session: AsyncSession, staff_id: str, place_hash: str, *, at: datetime) -> None:
    """Somebody logged in from there."""
    statement = upsert(session, LoginPlace).values(staff_id=staff_id, place_hash=place_hash, seen_at=at)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["staff_id", "place_hash"], set_={"seen_at": at})
    )


async def find_key_by_hash(session: AsyncSession, secret_hash: str, *, at: datetime) -> ApiKey | None:
    """The key with this secret, unless it was revoked or has run out."""
    query = select(ApiKey).where(
        ApiKey.secret_hash == secret_hash,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_key(session: AsyncSession, workspace_id: str, key_id: str) -> ApiKey | None:
    """A key of this workspace, revoked or not."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id, ApiKey.id == key_id)
    return (await session.execute(query)).scalar_one_or_none()


async def list_keys(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[ApiKey]:
    """Keys of this workspace by id; ids sort by time."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.id).limit(limit)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return list((await session.execute(query)).scalars())


async def find_team(session: AsyncSession, workspace_id: str, team_id: str) -> Team | None:
    """A team of this workspace, unless deleted."""
    query = select(Team).where(
        Team.workspace_id == workspace_id, Team.id == team_id, Team.deleted_at.is_(None)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_team_by_name(session: AsyncSession, workspace_id: str, name: str) -> Team | None:
    """A team of this workspace by its name, whatever its case."""
    query = select(Team).where(
        Team.workspace_id == workspace_id, func.lower(Team.name) == name.lower(), Team.deleted_at.is_(None)
    )
    return (await session.execute(query)).scalars().first()


async def find_default_team(session: AsyncSession, workspace_id: str) -> Team | None:
    """The team that receives what names no team."""
    query = select(Team).where(Team.workspace_id == workspace_id, Team.is_default.is_(True))
    return (await session.execute(query)).scalars().first()


async def list_teams(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: str | None,
    limit: int,
    deleted: bool = False,
) -> list[Team]:
    """Teams of this workspace by id; ids sort by time. Those in the bin when `deleted`."""
    query = select(Team).where(Team.workspace_id == workspace_id).order_by(Team.id).limit(limit)
    query = query.where(shown(session, Team.deleted_at, deleted))
    if after is not None:
        query = query.where(Team.id > after)
    return list((await session.execute(query)).scalars())


async def staff_by_address(session: AsyncSession, workspace_id: str) -> dict[str, str]:
    """Who works in the workspace: ids by e-mail address in small letters."""
    query = select(StaffMember.email, StaffMember.id).where(
        StaffMember.workspace_id == workspace_id, StaffMember.deleted_at.is_(None)
    )
    return {email.casefold(): staff_id for email, staff_id in (await session.execute(query)).all()}


async def staff_names(session: AsyncSession, workspace_id: str) -> dict[str, str]:
    """Names of staff by id, of deleted ones too."""
    query = select(StaffMember.id, StaffMember.name).where(StaffMember.workspace_id == workspace_id)
    return {row.id: row.name for row in (await session.execute(query)).all()}


async def colleagues_of(session: AsyncSession, workspace_id: str, staff_id: str) -> set[str]:
    """Ids of whoever is in a team of this staff member's."""
    own = select(TeamMember.team_id).where(
        TeamMember.workspace_id == workspace_id, TeamMember.staff_id == staff_id
    )
    query = select(TeamMember.staff_id).where(
        TeamMember.workspace_id == workspace_id, TeamMember.team_id.in_(own)
    )
    return set((await session.execute(query)).scalars())
