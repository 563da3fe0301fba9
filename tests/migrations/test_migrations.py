from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, func, insert, select, types

from agentflow.kit import schema
from agentflow.kit.db import Base, Database, postgres_url
from agentflow.kit.settings import Settings
from crm.contacts.models import Contact
from tests.conftest import TEST_KEY, load_tables

OLDEST = "0005"  # the revision before there were roles, contacts with names, and the inbox
WROTE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """The durable engine keeps its own tables in the same SQLite file."""
    return kind != "table" or name in Base.metadata.tables


def test_that_migrations_make_what_the_models_say(database_url: str) -> None:
    load_tables()
    url = database_url if database_url.startswith("sqlite") else postgres_url(database_url)
    engine = create_engine(url)
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


@pytest.fixture(params=["sqlite", "postgres"])
def old_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty database, without any table; PostgreSQL in a place that is not at UTC."""
    url = f"sqlite:///{tmp_path}/old.sqlite"
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        with psycopg.connect(server.replace("///", "///postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE old")
            admin.execute("ALTER DATABASE old SET timezone = 'Asia/Tokyo'")
        url = server.replace("///", "///old")
    yield Settings.model_validate({"home": tmp_path / "home", "database_url": url, "key": TEST_KEY})
    if request.param == "postgres":
        with psycopg.connect(server.replace("///", "///postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE old WITH (FORCE)")


def some_value(column: Column[Any], rows: dict[str, dict[str, object]]) -> object:
    """What may stand in a column, once the tables it refers to have a row."""
    for key in column.foreign_keys:
        return rows.get(key.column.table.name, {}).get(key.column.name)
    if isinstance(column.type, types.Boolean):
        return True
    if isinstance(column.type, types.Numeric | types.Integer):
        return 1
    if isinstance(column.type, types.DateTime):
        return WROTE_AT
    return b"x" if isinstance(column.type, types.LargeBinary) else column.name[:10]


def fill(connection: Connection) -> dict[str, int]:
    """A row in each table, and a second contact who never wrote; returns how many rows there are."""
    found = MetaData()
    found.reflect(connection)
    rows: dict[str, dict[str, object]] = {}
    for table in found.sorted_tables:
        if table.name != "alembic_version":
            rows[table.name] = {column.name: some_value(column, rows) for column in table.columns}
            connection.execute(insert(table).values(rows[table.name]))
    connection.execute(insert(found.tables["contacts"]).values(rows["contacts"] | {"id": "silent"}))
    return dict.fromkeys(rows, 1) | {"contacts": 2}


def count(connection: Connection, names: set[str]) -> dict[str, int]:
    tables = [Table(name, MetaData()) for name in sorted(names)]
    return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


async def test_that_an_older_database_keeps_every_row(old_database: Settings) -> None:
    db = Database(old_database)
    async with db.engine.begin() as connection:
        await connection.run_sync(schema.upgrade, OLDEST)
        rows = await connection.run_sync(fill)
    async with db.engine.begin() as connection:
        await connection.run_sync(schema.upgrade)
        assert await connection.run_sync(count, set(rows)) == rows
    async with db.read() as session:
        contacts = (await session.execute(select(Contact).order_by(Contact.contacted_at.desc()))).scalars()
        assert [each.last_contact_at for each in contacts] == [WROTE_AT, None]
    await db.close()
