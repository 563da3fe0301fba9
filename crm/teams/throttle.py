"""Guessing is slowed down by address and by place, and nobody can lock somebody else out for good.

A place is a network address, of IPv6 the network that one customer of a provider gets. Three counters: of one
place at one e-mail address (tight), of one place at all, and of all places at one e-mail address (wide). The
last one, which strangers can fill, does not hold where the person logged in before; time opens the door
again everywhere.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates
from crm.teams import repository
from crm.teams.passwords import hash_secret

SECONDS = 300
HERE = 10  # log-ins at one e-mail address from one place
ANYWHERE = 100  # and from all places
RESETS, RESET_SECONDS = 5, 3600  # mails to one e-mail address: from one place, and from all strangers


def place_of(address: str) -> str:
    """What is counted as one place; what is no network address stays as it is."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))


async def check_place(rates: Rates, place: str, *, limit: int) -> None:
    """Count one more use of the doors that need no log-in. Raises TooMany."""
    await rates.check("door", place, limit=limit, seconds=SECONDS)


async def check_log_in(db: Database, rates: Rates, *, email: str, place: str, limit: int) -> None:
    """Count one more log-in. Raises TooMany."""
    await check_place(rates, place, limit=limit)
    await rates.check("login", f"{place}:{email.lower()}", limit=HERE, seconds=SECONDS)
    await _check_anywhere(db, rates, "login", email, place, limit=ANYWHERE, seconds=SECONDS)


async def check_reset(db: Database, rates: Rates, *, email: str, place: str) -> None:
    """Count one more mail for a forgotten password. Raises TooMany."""
    await rates.check("reset", f"{place}:{email.lower()}", limit=RESETS, seconds=RESET_SECONDS)
    await _check_anywhere(db, rates, "reset", email, place, limit=RESETS, seconds=RESET_SECONDS)


async def _check_anywhere(
    db: Database, rates: Rates, kind: str, email: str, place: str, *, limit: int, seconds: int
) -> None:
    try:
        await rates.check(f"{kind}_anywhere", email.lower(), limit=limit, seconds=seconds)
    except TooMany:
        async with db.read() as session:
            staff = await repository.find_staff_by_email(session, email)
            known = staff is not None and await repository.knows_place(
                session, staff.id, place_hash(staff.id, place)
            )
        if not known:
            raise


def place_hash(staff_id: str, place: str) -> str:
    """What is kept of the place somebody logged in from."""
    return hash_secret(f"{staff_id} {place}")
