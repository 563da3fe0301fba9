from __future__ import annotations

from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from crm.teams import service as teams
from crm.teams.errors import (
    EndsInPast,
    MissingScope,
    NoCredential,
    RecordNotFound,
    WeakPassword,
    WrongCredentials,
)
from crm.teams.passwords import check_strength
from crm.teams.schemas import ApiKeyCreate, Scope, TeamCreate
from crm.teams.service import Principal
from tests.people import quick_hash

FIRST = "first password 1"
SECOND = "another long one 2"


async def make_person(db: Database, email: str = "ada@shop.example") -> str:
    async with db.transaction() as session:
        workspace = await teams.create_workspace(session, name="Shop", time_zone="UTC", locale="en")
        await teams.create_staff_member(
            session, workspace.id, email=email, name="Ada", password_hash=quick_hash(FIRST)
        )
        return workspace.id


def admin_of(workspace_id: str) -> Principal:
    return Principal("stf_1", workspace_id, frozenset(Scope))


async def test_that_the_first_password_must_be_changed_and_other_logins_end(db: Database) -> None:
    await make_person(db)
    one = await teams.log_in(db, email="ADA@shop.example", password=FIRST)
    other = await teams.log_in(db, email="ada@shop.example", password=FIRST)
    async with db.read() as session:
        who = await teams.principal_of_login(session, one.token)
    assert who.must_change_password
    await teams.change_password(db, who, current=FIRST, new=SECOND, token=one.token)
    async with db.read() as session:
        assert not (await teams.principal_of_login(session, one.token)).must_change_password
        with pytest.raises(NoCredential):
            await teams.principal_of_login(session, other.token)
    with pytest.raises(WrongCredentials):
        await teams.log_in(db, email="ada@shop.example", password=FIRST)


@pytest.mark.parametrize(("email", "password"), [("ada@shop.example", "wrong"), ("nobody@x.example", FIRST)])
async def test_that_wrong_and_unknown_get_the_same_answer(db: Database, email: str, password: str) -> None:
    await make_person(db)
    with pytest.raises(WrongCredentials) as refused:
        await teams.log_in(db, email=email, password=password)
    assert refused.value.detail == "The e-mail address or the password is wrong."


async def test_that_a_login_ends_with_its_time(db: Database, clock: ManualClock) -> None:
    await make_person(db)
    done = await teams.log_in(db, email="ada@shop.example", password=FIRST)
    clock.advance(timedelta(hours=db.settings.server.login_hours))
    async with db.read() as session:
        with pytest.raises(NoCredential):
            await teams.principal_of_login(session, done.token)


async def test_that_a_key_is_stored_as_a_hash_limited_and_revocable(db: Database) -> None:
    workspace_id = await make_person(db)
    async with db.transaction() as session:
        key, secret = await teams.create_key(
            session, workspace_id, ApiKeyCreate(name="sync", scopes=[Scope.KNOWLEDGE_READ])
        )
        assert secret not in (key.secret_hash, key.prefix)
        assert secret.startswith(key.prefix)
        who = await teams.principal_of_key(session, secret)
        assert who.scopes == {Scope.KNOWLEDGE_READ}
        assert who.workspace_id == workspace_id
        lesser = Principal("key_1", workspace_id, frozenset({Scope.SETTINGS_WRITE}))
        with pytest.raises(MissingScope):
            await teams.revoke_key(session, lesser, key.id)
        await teams.revoke_key(session, admin_of(workspace_id), key.id)
        with pytest.raises(NoCredential):
            await teams.principal_of_key(session, secret)


async def test_that_a_key_ends_at_its_time_which_is_not_over_yet(db: Database, clock: ManualClock) -> None:
    workspace_id = await make_person(db)
    async with db.transaction() as session:
        data = ApiKeyCreate(name="sync", scopes=[Scope.KNOWLEDGE_READ], expires_at=clock.now())
        with pytest.raises(EndsInPast):
            await teams.create_key(session, workspace_id, data)
        data.expires_at = clock.now() + timedelta(seconds=1)
        _, secret = await teams.create_key(session, workspace_id, data)
        await teams.principal_of_key(session, secret)
        clock.advance(timedelta(seconds=1))
        with pytest.raises(NoCredential):
            await teams.principal_of_key(session, secret)


async def test_that_records_of_another_workspace_do_not_exist(db: Database) -> None:
    mine = await make_person(db)
    theirs = await make_person(db, "bob@other.example")
    async with db.transaction() as session:
        team = await teams.create_team(session, theirs, TeamCreate(name="Sales"))
        key, _ = await teams.create_key(session, theirs, ApiKeyCreate(name="k", scopes=[Scope.AGENTS_READ]))
        with pytest.raises(RecordNotFound):
            await teams.get_team(session, mine, team.id)
        with pytest.raises(RecordNotFound):
            await teams.revoke_key(session, admin_of(mine), key.id)
        assert (await teams.get_team(session, theirs, None)).is_default


async def test_that_resetting_a_password_ends_every_login(db: Database) -> None:
    await make_person(db)
    done = await teams.log_in(db, email="ada@shop.example", password=FIRST)
    async with db.transaction() as session:
        await teams.reset_password(session, email="ada@shop.example", password_hash=quick_hash(SECOND))
        with pytest.raises(NoCredential):
            await teams.principal_of_login(session, done.token)
    assert (await teams.log_in(db, email="ada@shop.example", password=SECOND)).staff.must_change_password


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaa", "my ada.byron is long"])
def test_that_weak_passwords_are_refused_with_a_reason(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_strength(password, email="ada.byron@shop.example")
    assert "password" in refused.value.detail
