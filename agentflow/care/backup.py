"""Write a back-up while servers run: the database as it is at one moment, then the files."""

from __future__ import annotations

import asyncio
import os
import tempfile
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from agentflow.care import repository
from agentflow.care.archive import BLOCK, Entry, Manifest, TableEntry, reading, write_manifest, writing
from agentflow.care.erasing import LEDGER
from agentflow.care.models import Backup
from agentflow.kit import dump_postgres, dump_sqlite
from agentflow.kit.db import Database, load_keys, now
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id

WORD = b"agentflow"  # what lies under each key in the manifest
DATABASE = "database.sqlite"
# Takes what is being written, how far it is, and of how many (None: unknown).
Tell = Callable[[str, int, int | None], None]


async def backup(db: Database, files: Files, target: Path, tell: Tell) -> Manifest:
    """Write everything into one new file, and note it in the table `backups`.

    Raises Conflict when the file is there already, InvalidInput when it cannot be written. The file holds no
    key, but whatever is not encrypted can be read in it.
    """
    part = await asyncio.to_thread(_new_part, target)
    try:
        manifest = await _write(db, files, part, tell)
        await files.put(f"{LEDGER}/{manifest.id}", target.name.encode())
        await asyncio.to_thread(os.replace, part, target)
    except BaseException:
        await asyncio.to_thread(part.unlink)
        raise
    async with db.transaction() as session:
        session.add(entry_of(manifest, target))
    return manifest


async def prune(db: Database, files: Files, folder: Path) -> tuple[list[str], list[str]]:
    """Delete the back-ups of this database in a folder whose time is over, and list no such one any more.

    Returns the names of those that are gone, and of those that must lie elsewhere.
    """
    async with db.read() as session:
        expired = await repository.expired_backups(session, at=now(session))
    gone, elsewhere = [], []
    for one in expired:
        file = folder / one.file
        if await asyncio.to_thread(_is, file, one.id):
            await asyncio.to_thread(file.unlink)
            await files.delete(f"{LEDGER}/{one.id}")
            gone.append(one.file)
        else:
            elsewhere.append(one.file)
        async with db.transaction() as session:
            await repository.delete_backup(session, one.id)
    return gone, elsewhere


def _is(file: Path, backup_id: str) -> bool:
    try:
        with reading(file) as (_, manifest):
            return manifest.id == backup_id
    except InvalidInput:
        return False


def _new_part(target: Path) -> Path:
    if target.exists():
        raise Conflict(f"The file {target} is there already; choose another name.", code="file_exists")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".backup-", suffix=".part")
    except OSError as wrong:
        raise InvalidInput(f"No file can be written at {target} ({wrong.strerror}).") from wrong
    os.close(handle)
    return Path(name)


def entry_of(manifest: Manifest, file: Path) -> Backup:
    """The row that lists this back-up."""
    return Backup(
        id=manifest.id,
        file=file.name[:300],
        bytes=file.stat().st_size,
        created_at=manifest.created_at,
        expires_at=manifest.expires_at,
    )


async def _write(db: Database, files: Files, part: Path, tell: Tell) -> Manifest:
    at = db.clock.now()
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        manifest = Manifest(
            id=new_id("bak"),
            store="sqlite" if db.is_sqlite else "postgresql",
            revision="",
            created_at=at,
            expires_at=at + timedelta(days=db.settings.backup.keep_days),
            keys=[_under(key) for key in load_keys(db.settings)],
            rows={},
        )
        dump = _write_sqlite if db.is_sqlite else _write_postgres
        await asyncio.to_thread(dump, db, archive, part, manifest, tell)
        keys = await files.keys()
        for number, key in enumerate(keys, 1):
            entry = await _write_file(files, archive, key)
            if entry is not None:
                manifest.files[key] = entry
            tell("files", number, len(keys))
        write_manifest(archive, manifest)
    return manifest


def _under(key: Fernet) -> str:
    return key.encrypt(WORD).decode("ascii")


def _write_sqlite(db: Database, archive: zipfile.ZipFile, part: Path, manifest: Manifest, tell: Tell) -> None:
    copied = part.with_suffix(".sqlite")
    try:
        manifest.rows = dump_sqlite.copy(sqlite_path(db.settings.sql_url), copied)
        manifest.revision = dump_sqlite.revision(copied)
        with writing(archive, DATABASE) as measured, open(copied, "rb") as file:
            while block := file.read(BLOCK):
                measured.write(block)
                tell("database", measured.bytes, copied.stat().st_size)
        manifest.database = measured.entry()
    finally:
        copied.unlink(missing_ok=True)


def _write_postgres(
    db: Database, archive: zipfile.ZipFile, _part: Path, manifest: Manifest, tell: Tell
) -> None:
    with dump_postgres.snapshot(db.settings.sql_url) as dump:
        manifest.revision = dump.revision()
        manifest.sequences = dump.sequences()
        tables = dump.tables()
        for number, table in enumerate(tables, 1):
            with writing(archive, f"tables/{table.entry}") as measured:
                rows = dump.read(table, measured.write)
            manifest.rows[table.entry] = rows
            manifest.tables[table.entry] = TableEntry(
                **measured.entry().model_dump(), rows=rows, columns=list(table.columns)
            )
            tell("tables", number, len(tables))


async def _write_file(files: Files, archive: zipfile.ZipFile, key: str) -> Entry | None:
    try:
        content = await files.read(key)
    except NotFound:  # erased since it was listed
        return None
    with writing(archive, f"files/{key}") as measured:
        async for block in content:
            measured.write(block)
    return measured.entry()


def sqlite_path(url: str) -> Path:
    """The file of a SQLite database."""
    return Path(url.removeprefix("sqlite:///"))
