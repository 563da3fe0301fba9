"""Another encryption key without downtime: what an old key encrypted is encrypted again with the newest.

Servers go on meanwhile: a batch is one short transaction, and a value that changed since it was read is left
as it is. What a run has done is done: the next one only reads over it. Every encrypted column of every table
is found in the metadata, so a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Column, Row, Select, Table, Text, bindparam, select, type_coerce, update

from agentflow.kit.db import Base, Database, EncryptedText, pages_by_key

BATCH = 200
# Takes the table, how many of its rows were seen, and how many values were encrypted again.
Tell = Callable[[str, int, int], None]


@dataclass
class Standing:
    """Encrypted values by key: `old` are those the newest key does not open, `unreadable` no key at all."""

    values: int = 0
    old: int = 0
    unreadable: int = 0
    tables: dict[str, int] = field(default_factory=dict)  # those with values under an old key, and how many


@dataclass(frozen=True)
class _Change:
    key: tuple[Any, ...]
    column: str
    old: str
    new: str


def encrypted_columns() -> list[tuple[Table, list[Column[Any]]]]:
    """Every table with its encrypted columns. All modules with tables must have been imported."""
    found = []
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if isinstance(column.type, EncryptedText)]
        if columns:
            found.append((table, columns))
    return found


async def rotate(db: Database, keys: Sequence[Fernet], tell: Tell) -> Standing:
    """Encrypt with the first key what another one encrypted; says what was found. Safe to repeat."""
    return await _walk(db, keys, tell, write=True)


async def standing(db: Database, keys: Sequence[Fernet], tell: Tell) -> Standing:
    """How many values are under which key. Changes nothing."""
    return await _walk(db, keys, tell, write=False)


async def _walk(db: Database, keys: Sequence[Fernet], tell: Tell, *, write: bool) -> Standing:
    found = Standing()
    for table, columns in encrypted_columns():
        seen = changed = 0
        async for rows in pages_by_key(db, table, _query(table, columns), BATCH):
            changes = _changes(table, columns, rows, keys, found)
            if changes and write:
                await _write(db, table, changes)
            seen, changed = seen + len(rows), changed + len(changes)
            tell(table.name, seen, changed)
        if changed:
            found.tables[table.name] = changed
    return found


def _query(table: Table, columns: Sequence[Column[Any]]) -> Select[Any]:
    """The key's parts, then what stands in the columns, as it is stored."""
    stored = [type_coerce(column, Text).label(f"stored_{column.name}") for column in columns]
    return select(*table.primary_key.columns, *stored)


def _changes(
    table: Table,
    columns: Sequence[Column[Any]],
    rows: Sequence[Row[Any]],
    keys: Sequence[Fernet],
    found: Standing,
) -> list[_Change]:
    newest, cipher, width = keys[0], MultiFernet(keys), len(table.primary_key.columns)
    changes = []
    for row in rows:
        for column, stored in zip(columns, row[width:], strict=True):
            if stored is None:
                continue
            found.values += 1
            if _opens(newest, stored):
                continue
            try:
                new = cipher.rotate(stored.encode("ascii")).decode("ascii")
            except (InvalidToken, UnicodeEncodeError):
                found.unreadable += 1
                continue
            found.old += 1
            changes.append(_Change(row[:width], column.name, stored, new))
    return changes


def _opens(key: Fernet, stored: str) -> bool:
    try:
        key.decrypt(stored.encode("ascii"))
    except (InvalidToken, UnicodeEncodeError):
        return False
    return True


async def _write(db: Database, table: Table, changes: Sequence[_Change]) -> None:
    """Put the new text where the old one still stands."""
    keys = list(table.primary_key.columns)
    async with db.transaction() as session:
        connection = await session.connection()
        for column in sorted({change.column for change in changes}):
            of_row = [part == bindparam(f"key_{number}", type_=part.type) for number, part in enumerate(keys)]
            same = type_coerce(table.c[column], Text) == bindparam("old", type_=Text())
            statement = update(table).where(*of_row, same).values({column: bindparam("new", type_=Text())})
            rows = [
                {f"key_{number}": part for number, part in enumerate(change.key)}
                | {"old": change.old, "new": change.new}
                for change in changes
                if change.column == column
            ]
            await connection.execute(statement, rows)
