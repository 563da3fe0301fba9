from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates
from crm.teams import service as teams
from crm.teams import throttle
from crm.teams.errors import (
    AddressTaken,
    AlreadyAccepted,
    DefaultTeamNeeded,
    LastAdmin,
    LinkNotValid,
    MissingScope,
    NameTaken,
    NoCredential,
    NotInTeam,
    RecordNotFound,
    WeakPassword,
    WrongCredentials,
)
from crm.teams.passwords import check_strength
from crm.teams.schemas import Role, Scope, TeamCreate, TeamUpdate, WorkspaceUpdate
from crm.teams.service import Principal
from crm.teams.staff import links, members
from crm.teams.staff import service as staff
from crm.teams.staff.schemas import Invite, StaffUpdate
from tests.crm.teams.people import PASSWORD, Office, open_office

BOB = Invite(email="Bob@shop.example", name="Bob")
NEW = "a quite different one"


@pytest.fixture
async def office(db: Database) -> Office:
    return await open_office(db)


async def invite_bob(office: Office) -> str:
    async with office.db.transaction() as session:
        return (await staff.invite(session, office.admin, BOB)).id


async def accept(office: Office, token: str, password: str = PASSWORD) -> None:
    await links.choose_password(office.db, links.Kind.INVITE, token=token, password=password)


async def test_that_an_invitation_is_mailed_and_accepted_once(office: Office) -> None:
    bob_id = await invite_bob(office)
    with pytest.raises(WrongCredentials):
        await teams.log_in(office.db, email="bob@shop.example", password="")
    token = await office.newest_link()
    assert office.post.mails[-1].to == ("bob@shop.example",)
    await office.deliver()
    assert len(office.post.mails) == 1  # a job that runs twice mails once
    with pytest.raises(WeakPassword):
        await accept(office, token, "password1234")
    await accept(office, token)
    logged_in = await teams.log_in(office.db, email="bob@shop.example", password=PASSWORD)
    assert (logged_in.staff.id, logged_in.staff.role) == (bob_id, Role.STAFF)
    with pytest.raises(LinkNotValid):
        await accept(office, token, NEW)
    async with office.db.transaction() as session:
        with pytest.raises(AlreadyAccepted):
            await staff.invite_again(session, office.admin, bob_id)


async def test_that_names_in_a_mail_are_short_and_hold_no_link(office: Office) -> None:
    async with office.db.transaction() as session:
        name = "Win at https://evil.example/x or www.evil.example" + "!" * 60
        await staff.invite(session, office.admin, Invite(email="x@shop.example", name=name))
        workspace = WorkspaceUpdate(name="J.R. Shop\n\nCall me@evil.example")
        await teams.update_workspace(session, office.workspace_id, workspace)
    await office.deliver()
    (mail,) = office.post.mails
    hello, _, invited, *_ = mail.text.split("\n")
    assert hello == f"{'Hello Win at https evil. example x or www. evil. example':!<86},"
    assert invited.startswith("you are invited to work in “J. R. Shop Call me evil. example”.")
    assert mail.subject == "You are invited to J. R. Shop Call me evil. example"


async def test_that_of_two_who_use_a_link_at_once_one_gets_in(office: Office) -> None:
    await invite_bob(office)
    token = await office.newest_link()
    done = await asyncio.gather(accept(office, token), accept(office, token, NEW), return_exceptions=True)
    assert sum(isinstance(one, LinkNotValid) for one in done) == 1


async def test_that_a_link_ends_when_it_is_resent_revoked_or_old(office: Office, clock: ManualClock) -> None:
    bob_id = await invite_bob(office)
    first = await office.newest_link()
    async with office.db.transaction() as session:
        await staff.invite_again(session, office.admin, bob_id)
    second = await office.newest_link()
    with pytest.raises(LinkNotValid):
        await accept(office, first)
    async with office.db.transaction() as session:
        await staff.revoke_invitation(session, office.admin, bob_id)
    with pytest.raises(LinkNotValid):
        await accept(office, second)
    async with office.db.transaction() as session:
        await staff.invite_again(session, office.admin, bob_id)
    third = await office.newest_link()
    clock.advance(timedelta(days=7))
    with pytest.raises(LinkNotValid):
        await accept(office, third)


async def test_that_an_address_is_taken_once_whatever_its_case(office: Office) -> None:
    bob_id = await invite_bob(office)
    async with office.db.transaction() as session:
        with pytest.raises(AddressTaken):
            await staff.invite(session, office.admin, Invite(email="BOB@SHOP.example", name="B"))
        await staff.delete_staff(session, office.admin, bob_id)
        with pytest.raises(AddressTaken) as refused:
            await staff.invite(session, office.admin, BOB)
    assert refused.value.members == {"staff_id": bob_id}


async def test_that_the_last_admin_stays(office: Office) -> None:
    me = office.admin.id
    async with office.db.transaction() as session:
        await staff.invite(session, office.admin, Invite(email="c@shop.example", name="C", role=Role.ADMIN))
        with pytest.raises(LastAdmin):  # somebody invited cannot stand in
            await staff.update_staff(session, office.admin, me, StaffUpdate(role=Role.STAFF))
        with pytest.raises(LastAdmin):
            await staff.delete_staff(session, office.admin, me)
    second = await office.add("dora@shop.example", Role.ADMIN)

    async def demote(staff_id: str) -> None:
        async with office.db.transaction() as session:
            await staff.update_staff(session, office.admin, staff_id, StaffUpdate(role=Role.STAFF))

    done = await asyncio.gather(demote(me), demote(second.id), return_exceptions=True)
    assert sum(isinstance(one, LastAdmin) for one in done) == 1


async def test_that_nobody_gives_or_touches_rights_beyond_their_own(office: Office) -> None:
    scopes = frozenset({Scope.PEOPLE_READ, Scope.PEOPLE_WRITE})
    key = Principal(id="key_1", workspace_id=office.workspace_id, scopes=scopes)
    async with office.db.transaction() as session:
        for call in (
            staff.invite(session, key, Invite(email="x@shop.example", name="X", role=Role.ADMIN)),
            staff.delete_staff(session, key, office.admin.id),
            staff.update_staff(session, key, office.admin.id, StaffUpdate(name="Y")),
        ):
            with pytest.raises(MissingScope):
                await call
        with pytest.raises(MissingScope):
            teams.check_grant(key, [Scope.CONTACTS_ERASE])


async def test_that_whoever_is_deleted_is_out_at_once_and_can_come_back(
    office: Office, clock: ManualClock
) -> None:
    bob = await office.add("bob@shop.example", Role.STAFF)
    token = (await teams.log_in(office.db, email="bob@shop.example", password=PASSWORD)).token
    async with office.db.transaction() as session:
        await staff.delete_staff(session, office.admin, bob.id)
        with pytest.raises(NoCredential):
            await teams.principal_of_login(session, token)
    with pytest.raises(WrongCredentials):
        await teams.log_in(office.db, email="bob@shop.example", password=PASSWORD)
    async with office.db.transaction() as session:
        assert [one.id for one in await staff.list_staff(session, office.workspace_id, deleted=True)] == [
            bob.id
        ]
        await staff.restore_staff(session, office.admin, bob.id)
    await teams.log_in(office.db, email="bob@shop.example", password=PASSWORD)
    async with office.db.transaction() as session:
        await staff.delete_staff(session, office.admin, bob.id)
    clock.advance(timedelta(days=30))
    await staff.forget_deleted(office.db)
    async with office.db.transaction() as session:
        with pytest.raises(TooLateToRestore):
            await staff.restore_staff(session, office.admin, bob.id)
        await staff.invite(session, office.admin, BOB)  # the address is free again


async def test_that_a_role_counts_from_the_next_request_on(office: Office) -> None:
    bob = await office.add("bob@shop.example", Role.STAFF)
    token = (await teams.log_in(office.db, email="bob@shop.example", password=PASSWORD)).token
    async with office.db.transaction() as session:
        await staff.update_staff(session, office.admin, bob.id, StaffUpdate(role=Role.ADMIN))
        assert Scope.PEOPLE_WRITE in (await teams.principal_of_login(session, token)).scopes


async def test_that_a_team_admin_manages_the_members_of_their_own_teams(office: Office) -> None:
    lead = await office.add("lead@shop.example", Role.TEAM_ADMIN)
    bob = await office.add("bob@shop.example", Role.STAFF)
    async with office.db.transaction() as session:
        ours = await teams.create_team(session, office.workspace_id, TeamCreate(name="Ours"))
        theirs = await teams.create_team(session, office.workspace_id, TeamCreate(name="Theirs"))
        await members.add_member(session, office.admin, ours.id, lead.id)
        await members.add_member(session, lead, ours.id, bob.id)
        await members.add_member(session, lead, ours.id, bob.id)
        assert await members.member_ids(session, office.workspace_id, ours.id) == sorted([lead.id, bob.id])
        with pytest.raises(NotInTeam):
            await members.add_member(session, lead, theirs.id, bob.id)
        with pytest.raises(MissingScope):
            await members.remove_member(session, bob, ours.id, lead.id)
        await members.remove_member(session, lead, ours.id, bob.id)
        with pytest.raises(RecordNotFound):
            await members.remove_member(session, lead, ours.id, bob.id)


async def test_that_a_team_is_renamed_deleted_and_brought_back(office: Office) -> None:
    async with office.db.transaction() as session:
        team = await teams.create_team(session, office.workspace_id, TeamCreate(name="Sales"))
        with pytest.raises(NameTaken):
            await members.rename_team(session, office.workspace_id, team.id, TeamUpdate(name="SUPPORT"))
        await members.rename_team(session, office.workspace_id, team.id, TeamUpdate(name="sales"))
        default = await teams.get_team(session, office.workspace_id, None)
        with pytest.raises(DefaultTeamNeeded):
            await members.delete_team(session, office.workspace_id, default.id)
        await members.delete_team(session, office.workspace_id, team.id)
        with pytest.raises(RecordNotFound):
            await teams.get_team(session, office.workspace_id, team.id)
        await members.restore_team(session, office.workspace_id, team.id)
        assert (await teams.get_team(session, office.workspace_id, team.id)).name == "sales"


async def test_that_a_forgotten_password_is_chosen_anew_by_mail(office: Office, clock: ManualClock) -> None:
    token = (await teams.log_in(office.db, email="ada@shop.example", password=PASSWORD)).token
    async with office.db.transaction() as session:
        await links.request_reset(session, "nobody@shop.example")
        await links.request_reset(session, "ADA@shop.example")
    assert len(office.jobs.named("staff_mail")) == 1
    link = await office.newest_link()
    with pytest.raises(LinkNotValid):
        await accept(office, link)  # a link of another kind
    await links.choose_password(office.db, links.Kind.RESET, token=link, password=NEW)
    async with office.db.read() as session:
        with pytest.raises(NoCredential):
            await teams.principal_of_login(session, token)
    await teams.log_in(office.db, email="ada@shop.example", password=NEW)
    async with office.db.transaction() as session:
        await links.request_reset(session, "ada@shop.example")
    late = await office.newest_link()
    clock.advance(timedelta(hours=1))
    with pytest.raises(LinkNotValid):
        await links.choose_password(office.db, links.Kind.RESET, token=late, password=PASSWORD)


async def test_that_a_changed_password_ends_links_mailed_before(office: Office) -> None:
    token = (await teams.log_in(office.db, email="ada@shop.example", password=PASSWORD)).token
    async with office.db.transaction() as session:
        await links.request_reset(session, "ada@shop.example")
    link = await office.newest_link()
    await teams.change_password(office.db, office.admin, current=PASSWORD, new=NEW, token=token)
    with pytest.raises(LinkNotValid):
        await links.choose_password(office.db, links.Kind.RESET, token=link, password=PASSWORD)


async def test_that_strangers_cannot_lock_somebody_out_where_they_log_in(office: Office) -> None:
    rates = Rates(office.db)
    await teams.log_in(office.db, email="ada@shop.example", password=PASSWORD, place="home")

    async def knock(place: str) -> bool:
        try:
            await throttle.check_log_in(office.db, rates, email="Ada@shop.example", place=place, limit=1000)
        except TooMany:
            return False
        return True

    tried = [await knock(f"10.0.0.{number // 9}") for number in range(110)]
    assert (tried.count(True), tried[-1]) == (throttle.ANYWHERE, False)
    assert await knock("home")
    assert not await knock("somewhere else")


async def test_that_strangers_cannot_keep_somebody_from_choosing_a_password_anew(office: Office) -> None:
    rates = Rates(office.db)
    await teams.log_in(office.db, email="ada@shop.example", password=PASSWORD, place="home")
    for number in range(throttle.RESETS):
        place = throttle.place_of(f"2001:db8::{number}:1")
        await throttle.check_reset(office.db, rates, email="Ada@shop.example", place=place)
    with pytest.raises(TooMany):
        await throttle.check_reset(office.db, rates, email="ada@shop.example", place="elsewhere")
    await throttle.check_reset(office.db, rates, email="ada@shop.example", place="home")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7"),
        ("unix:", "unix:"),
    ],
)
def test_that_a_network_of_one_customer_is_one_place(address: str, place: str) -> None:
    assert throttle.place_of(address) == place


@pytest.mark.parametrize("role", list(Role))
async def test_that_only_admins_are_told_what_needs_looking_after(office: Office, role: Role) -> None:
    await office.add("bob@shop.example", role)
    await invite_other_admin(office)
    async with office.db.read() as session:
        told = await teams.staff_addresses(session, office.workspace_id)
    assert told == ["ada@shop.example"] + ["bob@shop.example"] * (role == Role.ADMIN)


async def invite_other_admin(office: Office) -> None:
    async with office.db.transaction() as session:
        await staff.invite(session, office.admin, Invite(email="c@shop.example", name="C", role=Role.ADMIN))


@pytest.mark.parametrize(
    "password",
    ["password1234", "123456789012", "qwertyuiopas", "Welcome2024!!", "summer2025summer", "aaaabbbbccccdd"],
)
def test_that_passwords_guessed_first_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password, email="ada@shop.example")


@pytest.mark.parametrize(
    "password", [PASSWORD, NEW, "first-password-to-change", "9f3k2m-aa81bc-77de01-4c5d6e"]
)
def test_that_good_passwords_pass(password: str) -> None:
    check_strength(password, email="ada@shop.example")
