"""Every query of staff administration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import shown
from agentflow.kit.db import upsert
from crm.teams.models import (
    LoginPlace,
    RecoveryCode,
    StaffMember,
    StaffToken,
    Team,
    TeamMember,
    Workspace,
)


async def lock_workspace(session: AsyncSession, workspace_id: str) -> None:
    """Changes of who is an admin come one after the other (SQLite writes one at a time anyway)."""
    await session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update())


async def add_staff(session: AsyncSession, staff: StaffMember) -> bool:
    """False when the address is taken, also by somebody who was added a moment ago."""
    values = {
        column.key: getattr(staff, column.key)
        for column in StaffMember.__table__.columns
        if getattr(staff, column.key) is not None
    }
    added = await session.execute(
        upsert(session, StaffMember)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(StaffMember.id)
    )
    return added.scalar_one_or_none() is not None


async def find_any_by_email(session: AsyncSession, email: str) -> StaffMember | None:
    """Whoever has this address, deleted ones and other workspaces' too."""
    query = select(StaffMember).where(func.lower(StaffMember.email) == email.lower())
    return (await session.execute(query)).scalars().first()


async def find_in_bin(session: AsyncSession, workspace_id: str, staff_id: str) -> StaffMember | None:
    """A staff member of this workspace in the bin."""
    query = select(StaffMember).where(
        StaffMember.workspace_id == workspace_id,
        StaffMember.id == staff_id,
        StaffMember.deleted_at.is_not(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_staff(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: str | None,
    limit: int,
    deleted: bool = False,
    team_id: str | None = None,
) -> list[StaffMember]:
    """Staff of this workspace by id; ids sort by time."""
    query = select(StaffMember).where(
        StaffMember.workspace_id == workspace_id, shown(session, StaffMember.deleted_at, deleted)
    )
    if team_id is not None:
        query = query.where(
            StaffMember.id.in_(select(TeamMember.staff_id).where(TeamMember.team_id == team_id))
        )
    if after is not None:
        query = query.where(StaffMember.id > after)
    return list((await session.execute(query.order_by(StaffMember.id).limit(limit))).scalars())


async def other_admins(session: AsyncSession, workspace_id: str, staff_id: str, role: str) -> int:
    """How many others of this role can log in."""
    query = select(func.count()).where(
        StaffMember.workspace_id == workspace_id,
        StaffMember.id != staff_id,
        StaffMember.role == role,
        StaffMember.password_hash != "",
        StaffMember.deleted_at.is_(None),
    )
    return (await session.execute(query)).scalar_one()


async def delete_tokens(session: AsyncSession, staff_id: str, kind: str | None = None) -> None:
    """Links that were mailed (of one kind) are worth nothing any more."""
    statement = delete(StaffToken).where(StaffToken.staff_id == staff_id)
    await session.execute(statement if kind is None else statement.where(StaffToken.kind == kind))


async def take_token(
    session: AsyncSession, token_hash: str, kinds: Collection[str], *, at: datetime
) -> StaffToken | None:
    """A token that has not run out, taken away in the same breath: of two who bring it one gets it."""
    query = (
        delete(StaffToken)
        .where(
            StaffToken.token_hash == token_hash,
            StaffToken.kind.in_(list(kinds)),
            StaffToken.expires_at > at,
        )
        .returning(StaffToken)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_token(
    session: AsyncSession, token_hash: str, kinds: Collection[str], *, at: datetime
) -> tuple[StaffToken, StaffMember] | None:
    """A token that has not run out, with whom it is for unless deleted."""
    query = (
        select(StaffToken, StaffMember)
        .join(StaffMember, StaffMember.id == StaffToken.staff_id)
        .where(
            StaffToken.token_hash == token_hash,
            StaffToken.kind.in_(list(kinds)),
            StaffToken.expires_at > at,
            StaffMember.deleted_at.is_(None),
        )
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def mark_mailed(session: AsyncSession, token_hash: str) -> None:
    """The secret of a link that has left is forgotten."""
    await session.execute(update(StaffToken).where(StaffToken.token_hash == token_hash).values(secret=None))


async def invitations(
    session: AsyncSession, staff_ids: Collection[str], kind: str, *, at: datetime
) -> dict[str, datetime]:
    """Until when each can accept."""
    query = select(StaffToken.staff_id, StaffToken.expires_at).where(
        StaffToken.staff_id.in_(list(staff_ids)), StaffToken.kind == kind, StaffToken.expires_at > at
    )
    return {row.staff_id: row.expires_at for row in await session.execute(query)}


async def teams_of(session: AsyncSession, staff_ids: Collection[str]) -> dict[str, list[str]]:
    """The teams of each that are not deleted."""
    query = (
        select(TeamMember.staff_id, TeamMember.team_id)
        .join(Team, Team.id == TeamMember.team_id)
        .where(TeamMember.staff_id.in_(list(staff_ids)), Team.deleted_at.is_(None))
        .order_by(TeamMember.team_id)
    )
    found: dict[str, list[str]] = {staff_id: [] for staff_id in staff_ids}
    for row in await session.execute(query):
        found[row.staff_id].append(row.team_id)
    return found


async def is_member(session: AsyncSession, team_id: str, staff_id: str) -> bool:
    """Whether somebody is in a team."""
    return await session.get(TeamMember, (team_id, staff_id)) is not None


async def add_member(session: AsyncSession, member: TeamMember) -> None:
    """Adding somebody twice adds once."""
    values = {column.key: getattr(member, column.key) for column in TeamMember.__table__.columns}
    await session.execute(upsert(session, TeamMember).values(**values).on_conflict_do_nothing())


async def remove_member(session: AsyncSession, team_id: str, staff_id: str) -> bool:
    """False when they were not in it."""
    gone = await session.execute(
        delete(TeamMember)
        .where(TeamMember.team_id == team_id, TeamMember.staff_id == staff_id)
        .returning(TeamMember.staff_id)
    )
    return gone.scalar_one_or_none() is not None


async def member_ids(session: AsyncSession, workspace_id: str, team_id: str) -> list[str]:
    """Who of a team can work: neither deleted nor still invited."""
    query = (
        select(StaffMember.id)
        .join(TeamMember, TeamMember.staff_id == StaffMember.id)
        .where(
            TeamMember.workspace_id == workspace_id,
            TeamMember.team_id == team_id,
            StaffMember.deleted_at.is_(None),
            StaffMember.password_hash != "",
        )
        .order_by(StaffMember.id)
    )
    return list((await session.execute(query)).scalars())


async def find_team_in_bin(session: AsyncSession, workspace_id: str, team_id: str) -> Team | None:
    """A team of this workspace in the bin."""
    query = select(Team).where(
        Team.workspace_id == workspace_id, Team.id == team_id, Team.deleted_at.is_not(None)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def expired_staff(session: AsyncSession, before: datetime) -> Sequence[StaffMember]:
    """Deleted so long ago that nobody can restore them, and not emptied yet."""
    query = select(StaffMember).where(StaffMember.deleted_at <= before, StaffMember.name != "").limit(500)
    return (await session.execute(query)).scalars().all()


async def forget_person(session: AsyncSession, staff_id: str) -> None:
    """What only this person's log-in needed."""
    for table in (LoginPlace, RecoveryCode, TeamMember):
        await session.execute(delete(table).where(table.staff_id == staff_id))


async def forget_old(session: AsyncSession, *, at: datetime, places_before: datetime) -> None:
    """Links that have run out, and places nobody logged in from for long."""
    await session.execute(delete(StaffToken).where(StaffToken.expires_at <= at))
    await session.execute(delete(LoginPlace).where(LoginPlace.seen_at <= places_before))
