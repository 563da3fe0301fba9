"""What Alembic runs: the migrations, on the connection that `upgrade` was given."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


def render_item(kind: str, item: object, _autogen: AutogenContext) -> str | Literal[False]:
    """Our column types by name, so that a migration says what the model says."""
    if kind == "type" and isinstance(item, UtcDateTime | EncryptedText):
        return f"{type(item).__name__}()"
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Only our tables: the durable engine keeps its own in the same SQLite file."""
    return kind != "table" or name in Base.metadata.tables


connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_item=render_item,
    include_name=include_name,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
