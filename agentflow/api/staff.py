"""Who works here: invite, change, remove, bring back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, Cursor, Deleted, Limit, PeopleReader, PeopleWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from crm.teams.service import get_staff_member
from crm.teams.staff import service as staff
from crm.teams.staff.schemas import Invite, StaffDetail, StaffUpdate

router = APIRouter(prefix="/staff", tags=["people"], route_class=IdempotentRoute)

OfTeam = Annotated[str | None, Query(max_length=40, description="only the members of this team")]


@router.get("")
async def list_staff(
    app: App,
    who: PeopleReader,
    team_id: OfTeam = None,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StaffDetail]:
    """Staff with their roles and teams, oldest first."""
    after = decode_cursor(cursor)
    async with app.db.read() as session:
        found = await staff.list_staff(
            session, who.workspace_id, after=after, limit=limit + 1, deleted=deleted, team_id=team_id
        )
        shown = await staff.read_all(session, found)
    return page_of(shown, limit=limit, cursor_of=lambda one: one.id)


@router.post("", status_code=201)
async def invite(data: Invite, app: App, who: PeopleWriter) -> StaffDetail:
    """Invite somebody by mail; the link in it works once, for seven days."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.invite(session, who, data))


@router.get("/{staff_id}")
async def get_staff(staff_id: str, app: App, who: PeopleReader) -> StaffDetail:
    """One staff member."""
    async with app.db.read() as session:
        return await staff.read_one(session, await get_staff_member(session, who.workspace_id, staff_id))


@router.patch("/{staff_id}")
async def update_staff(staff_id: str, data: StaffUpdate, app: App, who: PeopleWriter) -> StaffDetail:
    """Change the name or the role, which counts from the next request on. The last admin stays an admin."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.update_staff(session, who, staff_id, data))


@router.delete("/{staff_id}")
async def delete_staff(staff_id: str, app: App, who: PeopleWriter) -> StaffDetail:
    """Put somebody into the bin: every log-in ends at once; they can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.delete_staff(session, who, staff_id))


@router.post("/{staff_id}/restore")
async def restore_staff(staff_id: str, app: App, who: PeopleWriter) -> StaffDetail:
    """Take somebody out of the bin: the password, the role and the teams are those of before."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.restore_staff(session, who, staff_id))


@router.post("/{staff_id}/invitation")
async def invite_again(staff_id: str, app: App, who: PeopleWriter) -> StaffDetail:
    """Mail a new link to somebody who has not accepted yet; the old one stops working."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.invite_again(session, who, staff_id))


@router.delete("/{staff_id}/invitation")
async def revoke_invitation(staff_id: str, app: App, who: PeopleWriter) -> StaffDetail:
    """The link that was mailed stops working; they can be invited again."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.revoke_invitation(session, who, staff_id))


@router.delete("/{staff_id}/second-factor")
async def switch_off_second_factor(staff_id: str, app: App, who: PeopleWriter) -> StaffDetail:
    """Switch off the second factor of somebody who lost it and the codes; their log-ins end."""
    async with app.db.transaction() as session:
        return await staff.read_one(session, await staff.switch_off_second_factor(session, who, staff_id))
