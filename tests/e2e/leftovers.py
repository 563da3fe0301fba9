"""What a crash may have left in the database and the files of a server, read past the server."""

from __future__ import annotations

from sqlalchemy import Connection, NullPool, create_engine, text

from agentflow.kit.db import postgres_url
from agentflow.kit.settings import Settings
from knowledge.lexical import LexicalIndex
from tests.e2e.live import LiveApp

# What answers come from: each of these finds what does not hold together.
_LIVE_BUT_NOT_READY = """
    SELECT s.name FROM sources s
    LEFT JOIN source_versions v ON v.source_id = s.id AND v.version = s.live_version
    WHERE s.live_version IS NOT NULL AND (v.state IS NULL OR v.state <> 'ready')
"""
_LIVE_BUT_NOT_WHOLE = """
    SELECT s.name, v.passages, count(c.id) FROM sources s
    JOIN source_versions v ON v.source_id = s.id AND v.version = s.live_version
    LEFT JOIN chunks c ON c.source_id = s.id AND c.version = s.live_version
    GROUP BY s.id, s.name, v.passages HAVING count(c.id) <> v.passages
"""
_BUILT = """
    SELECT b.id, g.chunk_lexical FROM knowledge_bases b
    JOIN knowledge_generations g ON g.knowledge_base_id = b.id AND g.generation = b.generation
"""
_SEARCHED = """
    SELECT count(*) FROM chunks c JOIN sources s ON s.id = c.source_id AND s.live_version = c.version
    WHERE s.knowledge_base_id = :base AND s.deleted_at IS NULL
"""
# What stands for nothing, once nothing is under way.
_NOBODY_SEARCHES = """
    SELECT 'rows of {table}', count(*) FROM {table} c
    LEFT JOIN sources s ON s.id = c.source_id AND s.live_version = c.version
    WHERE s.id IS NULL HAVING count(*) > 0
"""
_OLD_VERSIONS = """
    SELECT 'version', v.source_id, v.version FROM source_versions v JOIN sources s ON s.id = v.source_id
    WHERE v.version <> s.version OR v.version <> coalesce(s.live_version, -1)
"""
_OLD_GENERATIONS = """
    SELECT 'generation', g.generation FROM knowledge_generations g
    LEFT JOIN knowledge_bases b ON b.id = g.knowledge_base_id AND b.generation = g.generation
    WHERE b.id IS NULL
"""
_JOBS = """
    SELECT 'job', workflow_uuid, status FROM {schema}workflow_status
    WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED')
"""


def half_visible(app: LiveApp) -> list[tuple[object, ...]]:
    """Live versions that are not ready or not whole, and indexes that do not fit what they index."""
    with _reading(app) as connection:
        found = _rows(connection, _LIVE_BUT_NOT_READY) + _rows(connection, _LIVE_BUT_NOT_WHOLE)
        for base, lexical in _rows(connection, _BUILT):
            indexed = LexicalIndex.from_bytes(bytes(lexical)).size  # type: ignore[call-overload]
            stored = connection.execute(text(_SEARCHED), {"base": base}).scalar_one()
            if indexed != stored:
                found.append((base, indexed, stored))
    return found


def orphans(app: LiveApp) -> list[tuple[object, ...]]:
    """Rows, files, indexes and jobs without a source that they belong to."""
    folder = app.home / "files" / "sources"
    schema = "dbos." if app.database_url and app.database_url.startswith("postgresql") else ""
    with _reading(app) as connection:
        found = _rows(connection, _OLD_VERSIONS) + _rows(connection, _OLD_GENERATIONS)
        for table in ("chunks", "source_tables"):
            found += _rows(connection, _NOBODY_SEARCHES.format(table=table))
        found += _rows(connection, _JOBS.format(schema=schema))
        keys = {row[0] for row in _rows(connection, "SELECT file_key FROM source_versions")}
    files = {f"sources/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()}
    return found + [("file", key) for key in sorted(files ^ keys, key=str)]


def _reading(app: LiveApp) -> Connection:
    url = Settings.model_validate({"home": app.home, "database_url": app.database_url}).sql_url
    return create_engine(url if url.startswith("sqlite") else postgres_url(url), poolclass=NullPool).connect()


def _rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]
