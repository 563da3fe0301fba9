"""Who works here: invite, change, remove and bring back. The last admin stays an admin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import bin_since, check_restorable
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from crm.teams.errors import AddressTaken, AlreadyAccepted, LastAdmin, RecordNotFound
from crm.teams.models import StaffMember, TeamMember
from crm.teams.permissions import SCOPES
from crm.teams.repository import end_logins
from crm.teams.schemas import Role, StaffRead, StaffState
from crm.teams.second_factor import service as second_factor
from crm.teams.service import Principal, check_grant, get_staff_member, get_team
from crm.teams.staff import links, repository
from crm.teams.staff.schemas import Invite, StaffDetail, StaffUpdate

PLACE_DAYS = 90  # an address nobody logged in from for this long is a stranger again


async def invite(session: AsyncSession, who: Principal, data: Invite) -> StaffMember:
    """Somebody new, who gets a mail with a link to choose a password.

    Raises AddressTaken, RecordNotFound for a team, MissingScope for a role with rights the caller lacks.
    """
    check_grant(who, SCOPES[data.role])
    email = data.email.lower()
    taken = await repository.find_any_by_email(session, email)
    if taken is not None:
        raise _taken(who, taken)
    staff = StaffMember(
        id=new_id("stf"),
        workspace_id=who.workspace_id,
        email=email,
        name=data.name,
        role=data.role,
        password_hash="",
        must_change_password=False,
        second_factor_step=0,
        created_at=now(session),
    )
    if not await repository.add_staff(session, staff):
        raise AddressTaken("Somebody has this e-mail address already.")
    for team_id in data.team_ids:
        team = await get_team(session, who.workspace_id, team_id)
        await repository.add_member(session, _member(session, who.workspace_id, team.id, staff.id))
    await links.send(session, staff.id, links.Kind.INVITE)
    return await get_staff_member(session, who.workspace_id, staff.id)


def _taken(who: Principal, taken: StaffMember) -> AddressTaken:
    if taken.deleted_at is not None and taken.workspace_id == who.workspace_id:
        return AddressTaken(
            "Somebody with this e-mail address is in the bin; restore them.", staff_id=taken.id
        )
    return AddressTaken("Somebody has this e-mail address already.")


def _member(session: AsyncSession, workspace_id: str, team_id: str, staff_id: str) -> TeamMember:
    return TeamMember(team_id=team_id, staff_id=staff_id, workspace_id=workspace_id, created_at=now(session))


async def invite_again(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """A new mail with a new link; the old one is worth nothing. Raises RecordNotFound, AlreadyAccepted."""
    staff = await _manageable(session, who, staff_id)
    if staff.state != StaffState.INVITED:
        raise AlreadyAccepted(f"{staff.name} has accepted already.")
    await links.send(session, staff.id, links.Kind.INVITE)
    return staff


async def revoke_invitation(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """The link that was mailed opens nothing any more. Raises RecordNotFound, AlreadyAccepted."""
    staff = await _manageable(session, who, staff_id)
    if staff.state != StaffState.INVITED:
        raise AlreadyAccepted(f"{staff.name} has accepted already; delete them to shut them out.")
    await repository.delete_tokens(session, staff.id)
    return staff


async def list_staff(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: str | None = None,
    limit: int = 200,
    deleted: bool = False,
    team_id: str | None = None,
) -> list[StaffMember]:
    """Staff, oldest first; those in the bin or of one team if asked for. Raises RecordNotFound for a team."""
    if team_id is not None:
        team_id = (await get_team(session, workspace_id, team_id)).id
    return await repository.list_staff(
        session, workspace_id, after=after, limit=limit, deleted=deleted, team_id=team_id
    )


async def read_all(session: AsyncSession, found: Sequence[StaffMember]) -> list[StaffDetail]:
    """Staff as the API shows them, with their teams."""
    ids = [staff.id for staff in found]
    teams = await repository.teams_of(session, ids)
    invited = await repository.invitations(session, ids, links.Kind.INVITE, at=now(session))
    return [
        StaffDetail(
            **StaffRead.model_validate(staff).model_dump(),
            team_ids=teams[staff.id],
            invited_until=invited.get(staff.id),
        )
        for staff in found
    ]


async def read_one(session: AsyncSession, staff: StaffMember) -> StaffDetail:
    """One of them."""
    return (await read_all(session, [staff]))[0]


async def update_staff(
    session: AsyncSession, who: Principal, staff_id: str, data: StaffUpdate
) -> StaffMember:
    """Another name or role; a new role counts from the next request on.

    Raises RecordNotFound, LastAdmin, and MissingScope for a role with more rights than the caller's.
    """
    staff = await _manageable(session, who, staff_id)
    if data.role is not None and data.role != staff.role:
        check_grant(who, SCOPES[data.role])
        await _check_not_last(session, staff)
        staff.role = data.role
    if data.name is not None:
        staff.name = data.name
    await session.flush()
    return staff


async def delete_staff(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """Into the bin: every log-in and every link ends at once. Raises RecordNotFound, LastAdmin."""
    staff = await _manageable(session, who, staff_id)
    await _check_not_last(session, staff)
    staff.deleted_at = now(session)
    await end_logins(session, staff.id)
    await session.flush()
    return staff


async def restore_staff(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """Back from the bin, with the password, the role and the teams of before.

    Raises RecordNotFound, TooLateToRestore.
    """
    staff = await repository.find_in_bin(session, who.workspace_id, staff_id)
    if staff is None:
        raise RecordNotFound("There is no such staff member in the bin.")
    check_restorable(session, staff.deleted_at)
    check_grant(who, SCOPES[Role(staff.role)])
    staff.deleted_at = None
    await session.flush()
    return staff


async def switch_off_second_factor(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """For somebody who lost the app and the codes; every log-in of theirs ends. Raises RecordNotFound."""
    staff = await _manageable(session, who, staff_id)
    await second_factor.switch_off(session, staff)
    await end_logins(session, staff.id)
    return staff


async def _manageable(session: AsyncSession, who: Principal, staff_id: str) -> StaffMember:
    """Whoever has more rights than the caller is out of the caller's reach."""
    await repository.lock_workspace(session, who.workspace_id)
    staff = await get_staff_member(session, who.workspace_id, staff_id)
    check_grant(who, SCOPES[Role(staff.role)])
    return staff


async def _check_not_last(session: AsyncSession, staff: StaffMember) -> None:
    if staff.role != Role.ADMIN or staff.state == StaffState.INVITED:
        return
    if not await repository.other_admins(session, staff.workspace_id, staff.id, Role.ADMIN):
        raise LastAdmin(f"{staff.name} is the last admin; make somebody else an admin first.")


async def forget_deleted(db: Database) -> None:
    """Empty those who were in the bin for 30 days: what they wrote keeps pointing at a nameless record."""
    async with db.transaction() as session:
        at = now(session)
        for staff in await repository.expired_staff(session, bin_since(session)):
            staff.email, staff.name, staff.password_hash = f"{staff.id}@deleted", "", ""
            staff.second_factor_secret, staff.second_factor_on_at = None, None
            await repository.forget_person(session, staff.id)
        await repository.forget_old(session, at=at, places_before=at - timedelta(days=PLACE_DAYS))
