"""A PostgreSQL database table by table, from one snapshot, without programs beside our driver; and back.

The durable engine's tables (schema `dbos`) belong to it: they hold the jobs that wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, create_engine

from agentflow.kit import schema
from agentflow.kit.db import postgres_url
from agentflow.kit.dump_sqlite import BOOKKEEPING
from agentflow.kit.errors import Conflict, Unavailable
from agentflow.kit.jobs import migrate_jobs
from agentflow.kit.settings import Settings

ENGINE = "dbos"
_LEADER = "SELECT pg_try_advisory_lock(hashtextextended('leader', 7002))"  # kit.leases: a server at work
_TABLES = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND n.nspname IN (current_schema(), 'dbos') GROUP BY 1, 2 ORDER BY 1, 2
"""
_SEQUENCES = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
WHERE schemaname IN (current_schema(), 'dbos') AND last_value IS NOT NULL
"""
_FOREIGN_KEYS = """
SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND n.nspname IN (current_schema(), 'dbos')
"""

Write = Callable[[bytes], object]
Raw = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Table:
    """A table; `engine` says that it is one of the durable engine's."""

    engine: bool
    name: str
    columns: tuple[str, ...]

    @property
    def entry(self) -> str:
        """Its name among all."""
        return f"{ENGINE}.{self.name}" if self.engine else self.name


class Dump:
    """One snapshot of a database, read table by table."""

    def __init__(self, connection: Raw) -> None:
        self._connection = connection

    def tables(self) -> list[Table]:
        """Every table, but for what the migrations keep about themselves."""
        return _tables(self._connection)

    def revision(self) -> str:
        """The schema's revision."""
        row = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""

    def read(self, table: Table, write: Write) -> int:
        """Give away every row, in PostgreSQL's own text form; returns how many."""
        statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_columns(table), _name(table))
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for block in copy:
                    write(bytes(block))
            return cursor.rowcount

    def sequences(self) -> dict[str, int]:
        """How far every sequence has counted."""
        found = self._connection.execute(_SEQUENCES).fetchall()
        return {f"{ENGINE}.{name}" if of == ENGINE else name: value for of, name, value in found}


@contextmanager
def snapshot(url: str) -> Iterator[Dump]:
    """The database as it is at this moment. Raises Unavailable."""
    try:
        with psycopg.connect(_libpq(url)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield Dump(connection)
    except psycopg.OperationalError as down:
        raise Unavailable("The database does not answer.") from down


def is_used(url: str) -> bool:
    """True when any table has a row."""
    with snapshot(url) as dump:
        return any(_has_rows(dump._connection, table) for table in dump.tables())


class Load:
    """A restore under way: everything in one transaction."""

    def __init__(self, connection: Raw) -> None:
        self._connection = connection
        self._tables = {table.entry: table for table in _tables(connection)}

    def write(self, entry: str, columns: Sequence[str], blocks: Iterator[bytes]) -> int:
        """Fill a table that is there with rows; returns how many."""
        table = self._tables[entry]
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            _name(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for block in blocks:
                    copy.write(block)
            return cursor.rowcount

    def knows(self, entry: str) -> bool:
        """True for a table of the schema that was made."""
        return entry in self._tables


@contextmanager
def loading(settings: Settings, revision: str, sequences: Mapping[str, int]) -> Iterator[Load]:
    """Empty tables of a revision, to be filled; kept when the context ends well, else nothing has happened.

    Raises Conflict while a server works on the database.
    """
    migrate_jobs(settings)
    engine = create_engine(postgres_url(settings.sql_url))
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            locked = raw.execute(_LEADER).fetchone()
            if not locked or not locked[0]:
                raise Conflict("A server works on this database; stop it first.", code="server_running")
            raw.commit()
            with connection.begin():
                _make_schema(connection, raw, revision)
                keys = raw.execute(_FOREIGN_KEYS).fetchall()
                for of, table, name, _ in keys:
                    raw.execute(_alter(of, table, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(name))))
                yield Load(raw)
                for of, table, name, definition in keys:
                    added = sql.SQL("ADD CONSTRAINT {} " + definition).format(sql.Identifier(name))
                    raw.execute(_alter(of, table, added))
                for name, value in sequences.items():
                    raw.execute("SELECT setval(to_regclass(%s), %s)", (name, value))
    finally:
        engine.dispose()


def _make_schema(connection: Connection, raw: Raw, revision: str) -> None:
    ours = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    for (name,) in ours:
        raw.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))
    schema.upgrade(connection, revision)
    for table in _tables(raw):
        if table.engine:
            raw.execute(sql.SQL("TRUNCATE {} CASCADE").format(_name(table)))
        elif _has_rows(raw, table):  # a migration may have made some
            raw.execute(sql.SQL("DELETE FROM {}").format(_name(table)))


def _tables(connection: Raw) -> list[Table]:
    found = connection.execute(_TABLES).fetchall()
    return [
        Table(of == ENGINE, name, tuple(columns)) for of, name, columns in found if name not in BOOKKEEPING
    ]


def _has_rows(connection: Raw, table: Table) -> bool:
    return connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_name(table))).fetchone() is not None


def _name(table: Table) -> sql.Composable:
    return sql.Identifier(ENGINE, table.name) if table.engine else sql.Identifier(table.name)


def _columns(table: Table) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))


def _alter(of: str, table: str, change: sql.Composable) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} ").format(sql.Identifier(of, table)) + change


def _libpq(url: str) -> str:
    return postgres_url(url).replace("postgresql+psycopg://", "postgresql://", 1)
