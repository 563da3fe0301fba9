"""Every query on previews. All take the workspace, except the ones a job or a sweep starts from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.previews.models import SourcePreview


async def find_preview(session: AsyncSession, workspace_id: str, preview_id: str) -> SourcePreview | None:
    """One preview of this workspace."""
    query = select(SourcePreview).where(
        SourcePreview.workspace_id == workspace_id, SourcePreview.id == preview_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_preview_of_job(session: AsyncSession, preview_id: str) -> SourcePreview | None:
    """A job brings the id only; the workspace is read from the record and used from then on."""
    return (
        await session.execute(select(SourcePreview).where(SourcePreview.id == preview_id))
    ).scalar_one_or_none()


async def set_values(
    session: AsyncSession, workspace_id: str, preview_id: str, values: Mapping[str, object]
) -> bool:
    """Write to a preview; False when it is gone."""
    result = await session.execute(
        update(SourcePreview)
        .where(SourcePreview.workspace_id == workspace_id, SourcePreview.id == preview_id)
        .values(dict(values))
        .returning(SourcePreview.id)
    )
    return result.scalar_one_or_none() is not None


async def delete_preview(session: AsyncSession, workspace_id: str, preview_id: str) -> None:
    """Remove the record."""
    await session.execute(
        delete(SourcePreview).where(
            SourcePreview.workspace_id == workspace_id, SourcePreview.id == preview_id
        )
    )


async def expired(session: AsyncSession, moment: datetime) -> list[SourcePreview]:
    """Those of every workspace whose day is over."""
    query = select(SourcePreview).where(SourcePreview.expires_at <= moment)
    return list((await session.execute(query)).scalars())
