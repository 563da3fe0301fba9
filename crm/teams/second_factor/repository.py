"""Every query of the second factor."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm.teams.models import RecoveryCode, StaffMember, StaffToken


async def lock_staff(session: AsyncSession, staff_id: str) -> StaffMember | None:
    """Of two who bring the same code at once, the second sees what the first did."""
    query = select(StaffMember).where(StaffMember.id == staff_id, StaffMember.deleted_at.is_(None))
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def find_challenge(
    session: AsyncSession, token_hash: str, kind: str, *, at: datetime
) -> StaffToken | None:
    """A half log-in that has not run out."""
    query = select(StaffToken).where(
        StaffToken.token_hash == token_hash, StaffToken.kind == kind, StaffToken.expires_at > at
    )
    return (await session.execute(query)).scalar_one_or_none()


async def replace_codes(session: AsyncSession, staff_id: str, hashes: Collection[str]) -> None:
    """The codes of before are worth nothing."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    session.add_all(RecoveryCode(staff_id=staff_id, code_hash=code_hash) for code_hash in hashes)
    await session.flush()


async def use_code(session: AsyncSession, staff_id: str, code_hash: str, *, at: datetime) -> bool:
    """False when there is no such code that was not used."""
    used = await session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff_id,
            RecoveryCode.code_hash == code_hash,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(RecoveryCode.staff_id)
    )
    return used.scalar_one_or_none() is not None
