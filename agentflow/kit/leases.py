"""Which workers are alive: each holds a lease that the operating system or PostgreSQL frees when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agentflow.kit.errors import Misconfigured

log = logging.getLogger(__name__)

_WORKERS = 7001  # the seed of every worker's lock number
_LEADER = 7002  # the lock of the one worker that runs sweeps


class FileLease:
    """SQLite: one worker per database, by a lock on a file beside it.

    A POSIX record lock, because a child process does not inherit it: a reader that outlives a killed worker
    must not keep the next one out.
    """

    certain = True  # whoever holds this lease knows that every other worker is dead

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    async def take(self, worker: str) -> None:
        """Raises Misconfigured when another process works on this database."""
        file = open(self._path, "ab")  # noqa: ASYNC230, SIM115 - local, and held until release
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            file.close()
            raise Misconfigured(
                "Another server or worker runs on this SQLite database; stop it, or use PostgreSQL for more.",
                code="second_worker",
            ) from held
        self._file = file

    async def renew(self) -> None:
        """A file lock lasts as long as its process."""

    async def leads(self) -> bool:
        """The only worker runs the sweeps."""
        return True

    @asynccontextmanager
    async def if_dead(self, worker: str) -> AsyncIterator[bool]:
        """Every worker but this one is dead."""
        yield True

    async def release(self) -> None:
        """Let another worker start."""
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLease:
    """PostgreSQL: a session lock per worker, on a connection of its own that is kept open."""

    certain = False  # a broken connection frees the lock while its worker lives; it is taken again soon

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._worker = ""
        self._leads = False

    async def take(self, worker: str) -> None:
        """Hold the lock of `worker`, a name nobody else has."""
        self._worker = worker
        await self.renew()

    async def renew(self) -> None:
        """Check the connection; after a broken one, connect and take the lock again."""
        async with self._one_at_a_time:
            if self._connection is not None:
                try:
                    await self._connection.execute(text("SELECT 1"))
                except SQLAlchemyError:
                    log.warning("the worker's lease was lost with its database connection")
                    await self._drop()
                else:
                    return
            connection = await self._engine.connect()
            self._connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            if not await self._lock(_WORKERS, self._worker):
                log.warning("the worker's lease is being examined by another worker")
                await self._drop()

    async def leads(self) -> bool:
        """True for one worker at a time."""
        async with self._one_at_a_time:
            if not self._leads and self._connection is not None:
                self._leads = await self._lock(_LEADER, "leader")
            return self._leads

    @asynccontextmanager
    async def if_dead(self, worker: str) -> AsyncIterator[bool]:
        """True while we hold the lock of a worker that no longer holds it itself."""
        async with self._one_at_a_time:
            dead = self._connection is not None and await self._lock(_WORKERS, worker)
        try:
            yield dead
        finally:
            if dead:
                async with self._one_at_a_time:
                    await self._ask("SELECT pg_advisory_unlock(hashtextextended(:name, :seed))", worker)

    async def release(self) -> None:
        """Give up every lock; if that fails, the closed connection frees them a moment later."""
        async with self._one_at_a_time:
            if self._connection is not None:
                with contextlib.suppress(SQLAlchemyError):
                    await self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
            await self._drop()

    async def _drop(self) -> None:
        self._leads = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.invalidate()
            await connection.close()

    async def _lock(self, seed: int, name: str) -> bool:
        return await self._ask("SELECT pg_try_advisory_lock(hashtextextended(:name, :seed))", name, seed)

    async def _ask(self, statement: str, name: str, seed: int = _WORKERS) -> bool:
        if self._connection is None:
            return False
        answer = await self._connection.execute(text(statement), {"name": name, "seed": seed})
        return bool(answer.scalar_one())
