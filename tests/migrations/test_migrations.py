from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from agentflow.kit.db import Base, postgres_url
from tests.conftest import load_tables


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
