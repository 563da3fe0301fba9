"""SQLAlchemy in both stores: column types, the engine's policies, and one short transaction at a time.

A transaction holds no model call, HTTP call or send: those call `refuse_inside_transaction()` first.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    TypeDecorator,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase

from agentflow.kit import sqlite
from agentflow.kit.clock import Clock, SystemClock
from agentflow.kit.errors import InvalidInput, Misconfigured, Unavailable
from agentflow.kit.settings import Settings

_open_transaction: ContextVar[bool] = ContextVar("open_transaction", default=False)


class Base(DeclarativeBase):
    """Every table of ours; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, aware and in UTC in both stores. A naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was given; use an aware one in UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gives naive values back; they are UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EncryptedText(TypeDecorator[str]):
    """Text that is unreadable in the database without the key (Fernet: AES-128-CBC with HMAC-SHA256).

    The cipher hangs on the engine's dialect, so two engines in one process may have two keys.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt on the way in."""
        if value is None:
            return None
        return _cipher_of(dialect).encrypt(value.encode()).decode("ascii")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt on the way out; a wrong key is a configuration error."""
        if value is None:
            return None
        try:
            return _cipher_of(dialect).decrypt(value.encode("ascii")).decode()
        except InvalidToken as wrong:
            raise Misconfigured(
                "The database was encrypted with another key; set AGENTFLOW_KEY to that key.",
                code="wrong_key",
            ) from wrong


def _cipher_of(dialect: Dialect) -> MultiFernet:
    cipher = getattr(dialect, "agentflow_cipher", None)
    if not isinstance(cipher, MultiFernet):
        raise Misconfigured("This database engine has no encryption key.", code="no_key")
    return cipher


def load_cipher(settings: Settings) -> MultiFernet:
    """What encrypts with the newest key and decrypts with any. Raises what `load_keys` raises."""
    return MultiFernet(load_keys(settings))


def load_keys(settings: Settings) -> list[Fernet]:
    """The keys of AGENTFLOW_KEY (newest first), else one made once in the home folder.

    Raises Misconfigured when a key is not 32 url-safe base64 bytes, or the folder cannot be used.
    """
    try:
        return [Fernet(key) for key in _written_keys(settings)]
    except ValueError as wrong:
        raise Misconfigured("AGENTFLOW_KEY must be 32 bytes in url-safe base64.", code="bad_key") from wrong


def _written_keys(settings: Settings) -> list[str]:
    if settings.key is not None:
        return [part.strip() for part in settings.key.get_secret_value().split(",")]
    return [_key_file(settings.home)]


def _key_file(home: Path) -> str:
    path = home / "key"
    try:
        with suppress(FileExistsError):  # the key; or a file in the folder's place, which reading finds
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(path, "x", opener=_private_opener) as file:
                file.write(Fernet.generate_key().decode())
        return path.read_text().strip()
    except OSError as wrong:
        raise Misconfigured(
            f"The folder {home} cannot be used ({wrong.strerror}); choose another with AGENTFLOW_HOME.",
            code="bad_home",
        ) from wrong


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def refuse_inside_transaction(what: str) -> None:
    """Raise when a transaction is open: `what` (a model call, an HTTP call, a send) may take long."""
    if _open_transaction.get():
        raise RuntimeError(f"{what} must not run while a database transaction is open")


@contextmanager
def _only_one() -> Iterator[None]:
    """Around a transaction, of which a task has one at a time."""
    if _open_transaction.get():
        raise RuntimeError("a transaction is already open in this task; pass its session on")
    token = _open_transaction.set(True)
    try:
        yield
    except DataError as wrong:  # PostgreSQL holds no NUL character, and no number beyond its type
        raise InvalidInput("There is a character or a number that cannot be stored.") from wrong
    finally:
        _open_transaction.reset(token)


class Database:
    """Holds the engine; hands out one short transaction per request or job step.

    `session.info` carries what services need: `clock`, `jobs` once bootstrap has set it, and `before_commit`,
    a list of functions that are awaited with the session just before a write transaction commits.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, cipher: MultiFernet | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.jobs: object | None = None
        self.before_commit: list[Callable[[AsyncSession], Awaitable[None]]] = []  # of every transaction
        self.ports: dict[str, object] = {}  # what services ask of rooms above them; bootstrap fills it
        self.after_commit: list[Callable[[AsyncSession], None]] = []  # each is called with what was committed
        self.engine = _make_engine(settings, cipher or load_cipher(settings))
        self._word_keys = [_derive(key, b"words") for key in _written_keys(settings)]
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite, False for PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One write transaction: commits at the end, rolls back on any exception."""
        async with self._session("IMMEDIATE") as session:
            yield session
            for last_word in (*self.before_commit, *session.info["before_commit"]):
                await last_word(session)
            await session.commit()
            for hear in self.after_commit:
                hear(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One read transaction; nothing it changes is kept."""
        async with self._session("DEFERRED") as session:
            yield session

    @asynccontextmanager
    async def _session(self, begin: str) -> AsyncIterator[AsyncSession]:
        info = {
            "clock": self.clock,
            "jobs": self.jobs,
            "before_commit": [],
            "word_keys": self._word_keys,
            **self.ports,
        }
        with _only_one():
            async with self._sessions(info=info) as session:
                await session.connection(execution_options={"sqlite_begin": begin})
                yield session

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement that reads; a session would cost as much again."""
        with _only_one():
            async with self.engine.connect() as connection:
                yield await connection.execution_options(sqlite_begin="DEFERRED")

    async def ping(self) -> None:
        """Raise Unavailable when the database does not answer."""
        try:
            async with self.read() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as down:
            raise Unavailable("The database does not answer.") from down

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def pages_by_key(
    db: Database, table: Table, query: Select[Any], size: int
) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of a query over one table, by its primary key (which it selects), a transaction a page."""
    keys = list(table.primary_key.columns)
    query = query.order_by(*keys).limit(size)
    page = query
    while True:
        async with db.read() as session:
            rows = (await session.execute(page)).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = [rows[-1]._mapping[key] for key in keys]
        page = query.where(keys[0] > last[0] if len(keys) == 1 else tuple_(*keys) > tuple_(*last))


def now(session: AsyncSession) -> datetime:
    """The time by the clock this session was made with."""
    clock: Clock = session.info["clock"]
    return clock.now()


async def wait_for_turn(session: AsyncSession, what: str) -> None:
    """Wait for whoever else does the same, until this transaction ends; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(literal(what)))))


def upsert(session: AsyncSession, table: type[Base] | Table) -> postgresql.Insert:
    """An INSERT that can say `on_conflict_…`; both stores understand the same."""
    if session.get_bind().dialect.name == "sqlite":
        return cast(postgresql.Insert, insert_into_sqlite(table))
    return postgresql.insert(table)


def finds_one(query: Select[Any]) -> ColumnElement[bool]:
    """What EXISTS says, asked row by row: for EXISTS PostgreSQL may find all that any row could ask for."""
    return query.limit(1).scalar_subquery().is_not(None)


def word_keys(session: AsyncSession) -> list[bytes]:
    """Keys for hashes of words, one from each encryption key, newest first; they decrypt nothing."""
    keys: list[bytes] = session.info["word_keys"]
    return keys


def _derive(key: str, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"agentflow " + purpose).derive(key.encode())


def _make_engine(settings: Settings, cipher: MultiFernet) -> AsyncEngine:
    url = settings.sql_url
    if url.startswith("sqlite:///"):
        engine = sqlite.make_engine(Path(url.removeprefix("sqlite:///")))
    else:
        engine = create_async_engine(postgres_url(url), pool_size=10, max_overflow=20, pool_pre_ping=True)
    engine.dialect.agentflow_cipher = cipher  # type: ignore[attr-defined]
    return engine


def postgres_url(url: str) -> str:
    """`postgresql://…` in any spelling, with the psycopg driver that both of our engines use.

    Raises Misconfigured for any other database.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise Misconfigured(
            f"AGENTFLOW_DATABASE_URL must start with sqlite:/// or postgresql://, not {scheme}://.",
            code="bad_database_url",
        )
    return f"postgresql+psycopg://{rest}"
