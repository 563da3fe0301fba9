"""What other features ask about a workspace and who works there."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from babel.core import get_global
from sqlalchemy.ext.asyncio import AsyncSession

from crm.teams import repository

_NOWHERE = (None, "ZZ", "001")  # what zones such as UTC have for a country


async def country_of(session: AsyncSession, workspace_id: str) -> str | None:
    """The country a workspace is in: of its time zone, or else of its language; None for UTC and English."""
    workspace = await repository.find_workspace(session, workspace_id)
    if workspace is None:
        return None
    zones = get_global("zone_territories")
    _, _, region = workspace.locale.partition("-")
    found = zones.get(_modern_name(workspace.time_zone))
    return region or None if found in _NOWHERE else str(found)


async def staff_among(session: AsyncSession, workspace_id: str, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that are staff members of this workspace."""
    asked = set(ids)
    return await repository.staff_among(session, workspace_id, asked) if asked else frozenset()


async def colleagues_of(session: AsyncSession, workspace_id: str, staff_id: str) -> frozenset[str]:
    """Ids of a staff member and of everybody who shares a team with them."""
    return frozenset({staff_id, *await repository.colleagues_of(session, workspace_id, staff_id)})


async def zone_of(session: AsyncSession, workspace_id: str) -> ZoneInfo:
    """The time zone a workspace counts its days in."""
    workspace = await repository.find_workspace(session, workspace_id)
    return ZoneInfo(workspace.time_zone if workspace else "UTC")


def _modern_name(time_zone: str) -> str:
    """A zone by the name that has a country; old names, such as Asia/Calcutta, have none."""
    return str(get_global("zone_aliases").get(time_zone, time_zone))


async def staff_by_address(session: AsyncSession, workspace_id: str) -> dict[str, str]:
    """Who works in the workspace: ids by e-mail address in small letters."""
    return await repository.staff_by_address(session, workspace_id)


async def staff_names(session: AsyncSession, workspace_id: str) -> dict[str, str]:
    """What everybody who works, or worked, in the workspace is called, by id."""
    return await repository.staff_names(session, workspace_id)
