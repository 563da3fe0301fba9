"""A knowledge base copied into a database of its own, with the agents that answer from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, insert, select, tuple_

from agentflow.kit.db import Base, Database

_ROWS = 500


async def copy(old: Database, new: Database, workspace_id: str, knowledge_base_id: str) -> None:
    """Copy what an answer is made from, the live versions alone. A batch a transaction, of either side."""
    for name, query in _queries(workspace_id, knowledge_base_id):
        table = Base.metadata.tables[name]
        async with old.read() as session:
            keys = [tuple(row) for row in (await session.execute(query)).all()]
        for first in range(0, len(keys), _ROWS):
            of_batch = _among(table, keys[first : first + _ROWS])
            async with old.read() as session:
                found = await session.execute(select(table).where(of_batch))
                rows = [dict(row) for row in found.mappings()]
            async with new.transaction() as session:
                await session.execute(insert(table), rows)


def _among(table: Table, keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    columns = list(table.primary_key.columns)
    return columns[0].in_([key[0] for key in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)


def _queries(workspace_id: str, knowledge_base_id: str) -> list[tuple[str, Select[Any]]]:
    """(table, keys of the rows to copy), each after what it refers to."""
    tables = Base.metadata.tables
    sources, versions, chunks, cells = (
        tables[name] for name in ("sources", "source_versions", "chunks", "source_tables")
    )
    live = select(sources.c.id, sources.c.live_version).where(
        sources.c.workspace_id == workspace_id,
        sources.c.knowledge_base_id == knowledge_base_id,
        sources.c.deleted_at.is_(None),
        sources.c.live_version.is_not(None),
    )

    def of_base(name: str) -> Select[Any]:
        table = tables[name]
        return select(*table.primary_key.columns).where(
            table.c.workspace_id == workspace_id, table.c.knowledge_base_id == knowledge_base_id
        )

    def of_workspace(name: str, column: str = "workspace_id") -> Select[Any]:
        table = tables[name]
        return select(*table.primary_key.columns).where(table.c[column] == workspace_id)

    bases = of_workspace("knowledge_bases").where(tables["knowledge_bases"].c.id == knowledge_base_id)
    return [
        ("workspaces", of_workspace("workspaces", "id")),
        ("teams", of_workspace("teams")),
        ("knowledge_bases", bases),
        ("sources", of_base("sources").where(sources.c.deleted_at.is_(None))),
        (
            "source_versions",
            of_base("source_versions").where(versions.c.source_id.in_(live.with_only_columns(sources.c.id))),
        ),
        ("chunks", of_base("chunks").where(tuple_(chunks.c.source_id, chunks.c.version).in_(live))),
        (
            "source_tables",
            of_workspace("source_tables").where(tuple_(cells.c.source_id, cells.c.version).in_(live)),
        ),
        ("knowledge_generations", of_base("knowledge_generations")),
        ("agents", of_base("agents").where(tables["agents"].c.deleted_at.is_(None))),
    ]
