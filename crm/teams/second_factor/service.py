"""Enrol, confirm, and the second step of a log-in. A code counts once, and guessing is slowed down."""

from __future__ import annotations

import base64
import secrets

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.rates import Rates
from crm.teams.errors import ChallengeNotValid, SecondFactorState, WrongCode
from crm.teams.models import StaffMember
from crm.teams.passwords import hash_secret
from crm.teams.second_factor import repository, totp
from crm.teams.second_factor.schemas import BothFactors, Enrolment, SecondStep
from crm.teams.service import CHALLENGE, LoggedIn, Principal, check_own_password, get_workspace, open_login

CODES = 10
ATTEMPTS = 5  # for one challenge
TRIES, TRIES_SECONDS = 10, 900  # for one person
ISSUER = "AgentFlow"


async def enrol(db: Database, rates: Rates, who: Principal, password: str) -> Enrolment:
    """A new secret for the app; nothing changes before it is confirmed.

    Raises WrongCredentials, SecondFactorState, TooMany.
    """
    await _count(rates, who.id)
    await check_own_password(db, who, password)
    async with db.transaction() as session:
        staff = await _locked(session, who.id)
        if staff.second_factor:
            raise SecondFactorState("The second factor is on; switch it off first.")
        staff.second_factor_secret = totp.new_secret()
        workspace = await get_workspace(session, who.workspace_id)
    issuer = f"{ISSUER} {workspace.name}".replace(":", " ")
    return Enrolment(
        secret=staff.second_factor_secret,
        uri=totp.uri(staff.second_factor_secret, account=staff.email, issuer=issuer),
    )


async def confirm(db: Database, rates: Rates, who: Principal, code: str) -> list[str]:
    """Switch it on; gives the recovery codes. Raises SecondFactorState, WrongCode, TooMany."""
    await _count(rates, who.id)
    async with db.transaction() as session:
        staff = await _locked(session, who.id)
        if staff.second_factor or staff.second_factor_secret is None:
            raise SecondFactorState("There is no second factor waiting to be confirmed.")
        step = totp.find_step(staff.second_factor_secret, code.strip(), at=now(session), after=0)
        if step is None:
            raise _wrong()
        staff.second_factor_on_at, staff.second_factor_step = now(session), step
        return await _new_codes(session, staff.id)


async def renew_codes(db: Database, rates: Rates, who: Principal, data: BothFactors) -> list[str]:
    """Ten new recovery codes. Raises WrongCredentials, SecondFactorState, WrongCode, TooMany."""
    await _count(rates, who.id)
    await check_own_password(db, who, data.password)
    async with db.transaction() as session:
        staff = await _locked(session, who.id)
        await _check(session, staff, data.code)
        return await _new_codes(session, staff.id)


async def disable(db: Database, rates: Rates, who: Principal, data: BothFactors) -> None:
    """Switch it off. Raises WrongCredentials, SecondFactorState, WrongCode, TooMany."""
    await _count(rates, who.id)
    await check_own_password(db, who, data.password)
    async with db.transaction() as session:
        staff = await _locked(session, who.id)
        await _check(session, staff, data.code)
        await switch_off(session, staff)


async def switch_off(session: AsyncSession, staff: StaffMember) -> None:
    """Forget the secret and the recovery codes."""
    staff.second_factor_secret = staff.second_factor_on_at = None
    await repository.replace_codes(session, staff.id, ())


async def complete(db: Database, rates: Rates, data: SecondStep, *, place: str) -> LoggedIn:
    """The second step of a log-in. A challenge ends with the right code, five wrong ones, or five minutes.

    Raises ChallengeNotValid, WrongCode, TooMany.
    """
    token_hash = hash_secret(data.challenge)
    async with db.read() as session:
        challenge = await repository.find_challenge(session, token_hash, CHALLENGE, at=now(session))
    if challenge is None:
        raise _stale()
    await _count(rates, challenge.staff_id)
    async with db.transaction() as session:
        staff = await repository.lock_staff(session, challenge.staff_id)
        challenge = await repository.find_challenge(session, token_hash, CHALLENGE, at=now(session))
        if staff is None or challenge is None or challenge.attempts >= ATTEMPTS:
            raise _stale()
        if await _accepts(session, staff, data.code):
            await session.delete(challenge)
            return await open_login(session, staff, hours=db.settings.server.login_hours, place=place)
        challenge.attempts += 1
    wrong = _wrong()
    wrong.staff_id = challenge.staff_id
    raise wrong


async def _locked(session: AsyncSession, staff_id: str) -> StaffMember:
    staff = await repository.lock_staff(session, staff_id)
    if staff is None:
        raise SecondFactorState("Only a logged-in staff member has a second factor.")
    return staff


async def _check(session: AsyncSession, staff: StaffMember, code: str) -> None:
    if not staff.second_factor:
        raise SecondFactorState("The second factor is off.")
    if not await _accepts(session, staff, code):
        raise _wrong()


async def _accepts(session: AsyncSession, staff: StaffMember, code: str) -> bool:
    """Whether a code is right; it is used up."""
    given = "".join(code.split()).lower()
    if staff.second_factor_secret is not None and len(given) == totp.DIGITS:
        step = totp.find_step(
            staff.second_factor_secret, given, at=now(session), after=staff.second_factor_step
        )
        staff.second_factor_step = max(step or 0, staff.second_factor_step)
        return step is not None
    return await repository.use_code(session, staff.id, _hash(staff.id, given), at=now(session))


async def _new_codes(session: AsyncSession, staff_id: str) -> list[str]:
    codes = [_recovery_code() for _ in range(CODES)]
    await repository.replace_codes(session, staff_id, [_hash(staff_id, code) for code in codes])
    return codes


def _recovery_code() -> str:
    """80 random bits, so that a fast hash is enough."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hash(staff_id: str, code: str) -> str:
    return hash_secret(f"{staff_id} {code.replace('-', '')}")


async def _count(rates: Rates, staff_id: str) -> None:
    await rates.check("second_factor", staff_id, limit=TRIES, seconds=TRIES_SECONDS)


def _wrong() -> WrongCode:
    return WrongCode("The code is wrong, too old, or was used already; wait for the next one.")


def _stale() -> ChallengeNotValid:
    return ChallengeNotValid("This log-in has run out; start again with the password.")
