"""SQLite as both engines of a process use it: our policies, one hop a statement, a sub-second clock."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agentflow.kit.errors import Misconfigured

Rows = list[tuple[Any, ...]]
Description = Sequence[tuple[Any, ...]] | None


def make_engine(path: Path) -> AsyncEngine:
    """The async engine of a database file, which is made if need be."""
    prepare_sqlite_file(path)
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", connect_args={"async_creator_fn": _Connection.open}
    )
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def prepare_sqlite_file(path: Path) -> None:
    """Put the file in WAL mode, which lasts, so that readers never wait for the writer.

    Raises Misconfigured when it cannot be made or written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # knowledge in it is not encrypted
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as wrong:
        raise Misconfigured(
            f"The database {path} cannot be used ({getattr(wrong, 'strerror', wrong)}); "
            "choose another place with AGENTFLOW_HOME or AGENTFLOW_DATABASE_URL.",
            code="bad_database_file",
        ) from wrong


class _Connection(aiosqlite.Connection):
    """Its cursors cross to the connection's thread once per statement; BEGIN goes with the first one.

    Those of the driver cross four times (make, execute, fetch, close): half a millisecond a statement.
    """

    _begin: str | None = None  # what will open the transaction
    _stopping = False
    _stopped: asyncio.Future[None] | None = None

    @classmethod
    def open(cls, path: str, **options: bool) -> Self:
        """A connection that opens when it is awaited."""
        connection = cls(partial(sqlite3.connect, path, **options), iter_chunk_size=64)
        connection._thread.daemon = True  # as SQLAlchemy sets it for the connections it makes
        return connection

    def cursor(self) -> _Cursor:  # type: ignore[override]
        """A cursor that has done nothing yet."""
        return _Cursor(self)

    def begin(self, statement: str) -> None:
        """Open a transaction with the next statement."""
        self._begin = statement

    async def commit(self) -> None:
        """Commit, unless nothing was done."""
        if self._take_begin() is None:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, unless nothing was done. Nobody waits: the next statement comes after it anyway."""
        if self._take_begin() is None:
            self._tx.put_nowait((None, self._conn.rollback))

    def stop(self) -> asyncio.Future[None] | None:
        """Close, and end the thread, after what it was asked before; once, as it answers nothing more."""
        if not self._stopping:
            self._stopping, self._stopped = True, super().stop()
        return self._stopped

    async def close(self) -> None:
        """Stop, and wait for that: a task that is cancelled twice does one after the other."""
        if (stopped := self.stop()) is not None:
            await asyncio.shield(stopped)

    async def run(self, method: str, statement: str, parameters: Iterable[Any]) -> _Done:
        """Run one statement, from making its cursor to closing it, in the connection's thread."""
        run = partial(_run, self._conn, self._take_begin(), method, statement, parameters)
        done: _Done = await self._execute(run)  # type: ignore[no-untyped-call]
        return done

    def _take_begin(self) -> str | None:
        begin, self._begin = self._begin, None
        return begin


class _Done:
    """What a statement left."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description: Description = cursor.description
        self.rows: Rows = cursor.fetchall() if cursor.description else []
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid


def _run(
    connection: sqlite3.Connection,
    begin: str | None,
    method: str,
    statement: str,
    parameters: Iterable[Any],
) -> _Done:
    cursor = connection.cursor()
    try:
        if begin is not None:
            cursor.execute(begin)
        getattr(cursor, method)(statement, parameters)
        return _Done(cursor)
    finally:
        cursor.close()


class _Cursor:
    """The part of an async cursor that SQLAlchemy uses."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: Rows = []
        self.description: Description = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> None:
        """Run a statement and keep its rows."""
        if statement.startswith("BEGIN"):
            self._connection.begin(statement)
            return
        self._keep(await self._connection.run("execute", statement, parameters))

    async def executemany(self, statement: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Run a statement once per row of parameters."""
        self._keep(await self._connection.run("executemany", statement, parameters))

    def _keep(self, done: _Done) -> None:
        self._rows, self.description = done.rows, done.description
        self.rowcount, self.lastrowid = done.rowcount, done.lastrowid

    async def fetchall(self) -> Rows:
        """The rows of the last statement."""
        return self._rows

    async def close(self) -> None:
        """Nothing is left to close."""


def _on_connect(connection: DBAPIConnection, _record: object) -> None:
    # The driver must not begin transactions by itself; the begin event below does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # Jobs are added on these connections, by statements of the durable engine.
    if needs := _missing_clock():
        connection.create_function(*needs)


def _on_begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read transaction later would fail with "locked".
    begin = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {begin}")


def fix_sqlite_clock() -> None:
    """Give every SQLite connection of this process a sub-second clock; the durable engine needs it.

    On Python 3.11 the engine asks strftime('%s'), which has whole seconds, so jobs made in the same second
    lose their order. From 3.12 on it asks unixepoch('subsec'), which SQLite knows only from 3.42 on.
    """
    if not event.contains(Engine, "connect", _add_sqlite_clock):
        event.listen(Engine, "connect", _add_sqlite_clock)


def _add_sqlite_clock(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        if needs := _missing_clock():
            connection.create_function(*needs)
        connection.execute("PRAGMA synchronous=FULL")


def _missing_clock() -> tuple[str, int, Callable[..., float | None]] | None:
    if sys.version_info < (3, 12):
        return "strftime", 2, _strftime_seconds
    if sqlite3.sqlite_version_info < (3, 42):
        return "unixepoch", 1, _unix_seconds
    return None


def _strftime_seconds(form: str, _when: str) -> float | None:
    return time.time() if form == "%s" else None


def _unix_seconds(_how: str) -> float:
    return time.time()
