"""Every query on tables. All of them take the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.tables.models import SourceTable


async def add_tables(
    session: AsyncSession, workspace_id: str, source_id: str, version: int, contents: Sequence[bytes]
) -> None:
    """Keep the tables of one version, in this order."""
    rows = [
        {
            "source_id": source_id,
            "version": version,
            "position": position,
            "workspace_id": workspace_id,
            "content": content,
        }
        for position, content in enumerate(contents)
    ]
    if rows:
        await session.execute(insert(SourceTable), rows)


async def delete_tables(session: AsyncSession, workspace_id: str, source_id: str, version: int) -> None:
    """Remove the tables of one version."""
    await session.execute(
        delete(SourceTable).where(
            SourceTable.workspace_id == workspace_id,
            SourceTable.source_id == source_id,
            SourceTable.version == version,
        )
    )


async def count_tables(session: AsyncSession, workspace_id: str, source_id: str) -> int:
    """How many tables all versions of a source have."""
    query = select(func.count()).where(
        SourceTable.workspace_id == workspace_id, SourceTable.source_id == source_id
    )
    return (await session.execute(query)).scalar_one()


async def tables_of(
    session: AsyncSession, workspace_id: str, versions: Sequence[tuple[str, int]]
) -> list[tuple[str, int, bytes]]:
    """(source, position, content) of the tables of these (source, version) pairs, in order."""
    found: list[tuple[str, int, bytes]] = []
    for source_id, version in versions:
        query = (
            select(SourceTable.source_id, SourceTable.position, SourceTable.content)
            .where(
                SourceTable.workspace_id == workspace_id,
                SourceTable.source_id == source_id,
                SourceTable.version == version,
            )
            .order_by(SourceTable.position)
        )
        found.extend((row[0], row[1], row[2]) for row in (await session.execute(query)).all())
    return found
