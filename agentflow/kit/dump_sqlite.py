"""A SQLite database as one file, copied while others write, and put back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from agentflow.kit.errors import InvalidInput

# What the two migrations keep about themselves says nothing about whether a database is in use.
BOOKKEEPING = {"alembic_version", "dbos_migrations"}


def copy(source: Path, target: Path) -> dict[str, int]:
    """Copy the database as it is at this moment; returns how many rows each table has."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as made:
        live.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it
    return rows(target)


def rows(path: Path) -> dict[str, int]:
    """How many rows each table has. Raises InvalidInput for what is no sound database."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise InvalidInput("The database in the back-up is damaged.", code="bad_backup")
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            count = 'SELECT count(*) FROM "{}"'
            return {name: connection.execute(count.format(name)).fetchone()[0] for (name,) in names}
        except sqlite3.DatabaseError as wrong:
            raise InvalidInput("The database in the back-up is damaged.", code="bad_backup") from wrong


def revision(path: Path) -> str:
    """The schema's revision."""
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def is_used(path: Path) -> bool:
    """True when there is a database with rows in it."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    return any(count for name, count in rows(path).items() if name not in BOOKKEEPING)


def replace(copied: Path, target: Path) -> None:
    """Put a copied database in the place of another one, which nobody may have open."""
    for ending in ("-wal", "-shm", "-journal"):  # of the old one: they would be played into the new one
        target.with_name(target.name + ending).unlink(missing_ok=True)
    os.replace(copied, target)
