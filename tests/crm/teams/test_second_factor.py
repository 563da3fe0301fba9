from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates
from crm.teams import service as teams
from crm.teams.errors import (
    ChallengeNotValid,
    SecondFactorRequired,
    SecondFactorState,
    WrongCode,
    WrongCredentials,
)
from crm.teams.schemas import WorkspaceUpdate
from crm.teams.second_factor import service as second_factor
from crm.teams.second_factor import totp
from crm.teams.second_factor.schemas import BothFactors, SecondStep
from crm.teams.service import LoggedIn
from crm.teams.staff import service as staff
from tests.crm.teams.people import PASSWORD, Office, open_office

EMAIL = "ada@shop.example"


@pytest.fixture
async def office(db: Database) -> Office:
    return await open_office(db)


def code_now(secret: str, clock: ManualClock, *, steps: int = 0) -> str:
    return totp.code_of(secret, totp.step_at(clock.now()) + steps)


async def switch_on(office: Office, clock: ManualClock) -> tuple[str, list[str]]:
    secret = (await second_factor.enrol(office.db, Rates(office.db), office.admin, PASSWORD)).secret
    codes = await second_factor.confirm(office.db, Rates(office.db), office.admin, code_now(secret, clock))
    clock.advance(timedelta(minutes=20))  # another window of the limit, and another code
    return secret, codes


async def challenge_of(office: Office) -> str:
    with pytest.raises(SecondFactorRequired) as asked:
        await teams.log_in(office.db, email=EMAIL, password=PASSWORD)
    return str(asked.value.members["challenge"])


async def second(office: Office, challenge: str, code: str) -> LoggedIn:
    step = SecondStep(challenge=challenge, code=code)
    return await second_factor.complete(office.db, Rates(office.db), step, place="home")


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_that_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp.code_of(secret, totp.step_at(datetime.fromtimestamp(seconds, UTC))) == code


async def test_that_a_log_in_takes_two_steps_and_a_code_counts_once(
    office: Office, clock: ManualClock
) -> None:
    secret, _ = await switch_on(office, clock)
    challenge = await challenge_of(office)
    with pytest.raises(WrongCode):
        await second(office, challenge, "000000" if code_now(secret, clock) != "000000" else "000001")
    code = code_now(secret, clock, steps=-1)  # a phone whose clock is behind
    entered = await second(office, challenge, code)
    async with office.db.read() as session:
        assert (await teams.principal_of_login(session, entered.token)).staff_id == office.admin.id
    with pytest.raises(ChallengeNotValid):
        await second(office, challenge, code_now(secret, clock))
    with pytest.raises(WrongCode):
        await second(office, await challenge_of(office), code)
    with pytest.raises(WrongCode):
        await second(office, await challenge_of(office), code_now(secret, clock, steps=2))


async def test_that_a_changed_password_ends_a_half_log_in_by_the_old_one(
    office: Office, clock: ManualClock
) -> None:
    secret, _ = await switch_on(office, clock)
    challenge = await challenge_of(office)
    await teams.change_password(
        office.db, office.admin, current=PASSWORD, new="a quite different one", token=""
    )
    with pytest.raises(ChallengeNotValid):
        await second(office, challenge, code_now(secret, clock))


async def test_that_of_two_who_bring_one_code_at_once_one_gets_in(office: Office, clock: ManualClock) -> None:
    secret, _ = await switch_on(office, clock)
    challenges = [await challenge_of(office) for _ in range(2)]
    code = code_now(secret, clock)
    done = await asyncio.gather(
        *(second(office, challenge, code) for challenge in challenges), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["LoggedIn", "WrongCode"]


async def test_that_a_recovery_code_opens_one_log_in(office: Office, clock: ManualClock) -> None:
    secret, codes = await switch_on(office, clock)
    assert len(set(codes)) == second_factor.CODES
    await second(office, await challenge_of(office), codes[0].upper())
    with pytest.raises(WrongCode):
        await second(office, await challenge_of(office), codes[0])
    both = BothFactors(password=PASSWORD, code=code_now(secret, clock))
    fresh = await second_factor.renew_codes(office.db, Rates(office.db), office.admin, both)
    with pytest.raises(WrongCode):
        await second(office, await challenge_of(office), codes[1])
    await second(office, await challenge_of(office), fresh[1])


async def test_that_guessing_codes_ends_the_challenge_and_is_slowed_down(
    office: Office, clock: ManualClock
) -> None:
    _, codes = await switch_on(office, clock)
    challenge = await challenge_of(office)
    for _ in range(second_factor.ATTEMPTS):
        with pytest.raises(WrongCode):
            await second(office, challenge, "abcd-efgh")
    with pytest.raises(ChallengeNotValid):
        await second(office, challenge, codes[0])
    challenge = await challenge_of(office)
    for _ in range(second_factor.TRIES - second_factor.ATTEMPTS - 1):
        with pytest.raises(WrongCode):
            await second(office, challenge, "abcd-efgh")
    with pytest.raises(TooMany):
        await second(office, await challenge_of(office), codes[0])
    clock.advance(timedelta(seconds=second_factor.TRIES_SECONDS))
    late = await challenge_of(office)
    clock.advance(teams.CHALLENGE_TIME)
    with pytest.raises(ChallengeNotValid):
        await second(office, late, codes[0])
    await second(office, await challenge_of(office), codes[0])


async def test_that_a_log_in_alone_changes_no_factor(office: Office, clock: ManualClock) -> None:
    rates = Rates(office.db)
    with pytest.raises(WrongCredentials):
        await second_factor.enrol(office.db, rates, office.admin, "wrong")
    secret, _ = await switch_on(office, clock)
    code = code_now(secret, clock)
    for change in (second_factor.disable, second_factor.renew_codes):
        with pytest.raises(WrongCredentials):
            await change(office.db, rates, office.admin, BothFactors(password="wrong", code=code))
        with pytest.raises(WrongCode):
            await change(office.db, rates, office.admin, BothFactors(password=PASSWORD, code="1"))
    with pytest.raises(SecondFactorState):  # or the password alone could put another app in place
        await second_factor.enrol(office.db, rates, office.admin, PASSWORD)
    await second_factor.disable(office.db, rates, office.admin, BothFactors(password=PASSWORD, code=code))
    await teams.log_in(office.db, email=EMAIL, password=PASSWORD)


async def test_that_admins_may_be_asked_to_have_one_and_another_admin_can_switch_it_off(
    office: Office, clock: ManualClock
) -> None:
    token = (await teams.log_in(office.db, email=EMAIL, password=PASSWORD)).token

    async def missing(token: str) -> bool:
        async with office.db.read() as session:
            return (await teams.principal_of_login(session, token)).second_factor_missing

    assert not await missing(token)
    async with office.db.transaction() as session:
        await teams.update_workspace(
            session, office.workspace_id, WorkspaceUpdate(admins_need_second_factor=True)
        )
    assert await missing(token)
    await switch_on(office, clock)
    assert not await missing(token)
    async with office.db.transaction() as session:
        await staff.switch_off_second_factor(session, office.admin, office.admin.id)
    again = await teams.log_in(office.db, email=EMAIL, password=PASSWORD)
    assert await missing(again.token)


async def test_that_the_app_is_told_everything_it_needs_and_the_secret_is_unreadable(office: Office) -> None:
    made = await second_factor.enrol(office.db, Rates(office.db), office.admin, PASSWORD)
    parts = urlsplit(made.uri)
    assert (parts.scheme, parts.netloc, parts.path) == (
        "otpauth",
        "totp",
        "/AgentFlow%20Shop%3Aada%40shop.example",
    )
    assert parse_qs(parts.query) == {"secret": [made.secret], "issuer": ["AgentFlow Shop"]}
    async with office.db.engine.connect() as connection:
        stored = await connection.exec_driver_sql("SELECT second_factor_secret FROM staff_members")
        assert made.secret not in str(stored.scalar_one())
    await teams.log_in(office.db, email=EMAIL, password=PASSWORD)  # nothing changes before it is confirmed
