"""Active contacts: somebody wrote, or was answered, in the month.

A one-way broadcast to somebody who does not react calls nothing here, and neither does storing a contact.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.errors import InvalidInput
from crm.contacts.usage import repository
from crm.contacts.usage.schemas import MonthlyActiveContacts
from crm.teams import service as teams

_MONTH = re.compile(r"2\d{3}-(0[1-9]|1[0-2])")
# The clocks of the world stand between these: where both show the same month, every zone does.
_FIRST_ZONE, _LAST_ZONE = timedelta(hours=14), timedelta(hours=-12)


async def note_active(
    session: AsyncSession, workspace_id: str, contact_id: str, *, noted_at: datetime | None = None
) -> None:
    """Count a contact for the month it is in the workspace; called where a message of a talk is stored.

    `noted_at` is when it was noted before: in the same month everywhere there is nothing to write.
    """
    at = now(session)
    month = f"{at + _FIRST_ZONE:%Y-%m}"
    if noted_at is not None and month == f"{noted_at + _LAST_ZONE:%Y-%m}":
        return
    if month != f"{at + _LAST_ZONE:%Y-%m}":
        workspace = await teams.get_workspace(session, workspace_id)
        month = month_of(at, workspace.time_zone)
    await repository.add(session, workspace_id, month, contact_id)


def month_of(at: datetime, time_zone: str) -> str:
    """The month there at that time, as YYYY-MM."""
    return f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m}"


async def monthly_active_contacts(
    session: AsyncSession, workspace_id: str, month: str | None = None
) -> MonthlyActiveContacts:
    """How many contacts were active in a month, in this one if none is given. Raises InvalidInput."""
    workspace = await teams.get_workspace(session, workspace_id)
    month = month or month_of(now(session), workspace.time_zone)
    if not _MONTH.fullmatch(month):
        raise InvalidInput("A month is written as 2026-03.", code="bad_month", field="month")
    active = await repository.count(session, workspace_id, month)
    return MonthlyActiveContacts(month=month, time_zone=workspace.time_zone, active=active)


async def keep_count(session: AsyncSession, workspace_id: str, contact_ids: Collection[str]) -> None:
    """Called before contacts are erased: the months in which they were active go on counting them.

    Who comes back after an erasure is somebody new.
    """
    await repository.keep_count(session, workspace_id, contact_ids)
