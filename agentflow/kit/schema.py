"""Bring a database to the newest schema; the scripts lie in `agentflow/migrations`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

SCRIPTS = Path(__file__).parents[1] / "migrations"
# Any number that no other program is likely to take on the same server.
UPGRADE_LOCK = 0x4146_0001


def config(connection: Connection) -> Config:
    """Alembic's configuration for one open connection."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run what is missing. Workers that start together wait for each other on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
    command.upgrade(config(connection), revision)


def knows(revision: str) -> bool:
    """True for a revision of this version's history."""
    try:
        return ScriptDirectory(str(SCRIPTS)).get_revision(revision) is not None
    except CommandError:
        return False
