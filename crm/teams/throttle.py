"""Guessing is slowed down by address and by place, and nobody can lock somebody else out for good.

Three counters: of one place at one e-mail address (tight), of one place at all, and of all places at one
e-mail address (wide). The last one, which strangers can fill, does not hold where the person logged in
before; time opens the door again everywhere.
"""

from __future__ import annotations

from agentflow.kit.db import Database
from agentflow.kit.errors import TooMany
from agentflow.kit.rates import Rates
from crm.teams import repository
from crm.teams.passwords import hash_secret

SECONDS = 300
HERE = 10  # at one e-mail address from one place
ANYWHERE = 100  # at one e-mail address from all places


async def check_place(rates: Rates, place: str, *, limit: int) -> None:
    """Count one more use of the doors that need no log-in. Raises TooMany."""
    await rates.check("door", place, limit=limit, seconds=SECONDS)


async def check_log_in(db: Database, rates: Rates, *, email: str, place: str, limit: int) -> None:
    """Count one more log-in. Raises TooMany."""
    await check_place(rates, place, limit=limit)
    await rates.check("login", f"{place}:{email.lower()}", limit=HERE, seconds=SECONDS)
    try:
        await rates.check("login_anywhere", email.lower(), limit=ANYWHERE, seconds=SECONDS)
    except TooMany:
        async with db.read() as session:
            staff = await repository.find_staff_by_email(session, email)
            known = staff is not None and await repository.knows_place(
                session, staff.id, place_hash(staff.id, place)
            )
        if not known:
            raise


def place_hash(staff_id: str, place: str) -> str:
    """What is kept of the network address somebody logged in from."""
    return hash_secret(f"{staff_id} {place}")
