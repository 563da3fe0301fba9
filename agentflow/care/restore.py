"""Put a back-up back. Everything is looked at before anything is changed."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography.fernet import InvalidToken

from agentflow.care import repository
from agentflow.care.archive import Entry, Manifest, blocks, check, reading
from agentflow.care.backup import DATABASE, WORD, Tell, entry_of, sqlite_path
from agentflow.care.erasing import LEDGER
from agentflow.kit import dump_postgres, dump_sqlite, schema
from agentflow.kit.db import Database, load_cipher
from agentflow.kit.errors import Conflict, InvalidInput, Misconfigured
from agentflow.kit.files import Files, check_key
from agentflow.kit.leases import FileLease
from agentflow.kit.settings import Settings

_NO_LEDGER = (
    "It is not known here who was erased since the back-up was made: copy the folder files/erasures from "
    "where it was made into the home folder (or set AGENTFLOW_FILES__S3_BUCKET to its bucket). Where that is "
    "lost, --erasures-lost restores all the same; erase again whom you erased since {at:%Y-%m-%d %H:%M} UTC."
)


async def restore(
    settings: Settings,
    files: Files,
    source: Path,
    tell: Tell,
    *,
    force: bool = False,
    erasures_lost: bool = False,
) -> Manifest:
    """Put the database and the files of a back-up in place of what is here.

    Raises InvalidInput when it is damaged, of an unknown schema or of the other kind of database,
    Misconfigured for a wrong key, Conflict when something is here (unless `force`), when it is not known who
    was erased since (unless `erasures_lost`), or a server runs. In PostgreSQL the tables change in one
    transaction. The next start brings an older schema up to date.
    """
    with reading(source) as (archive, manifest):
        await asyncio.to_thread(_check, settings, archive, manifest, tell)
        here = await files.keys()
        data = any(not key.startswith(f"{LEDGER}/") for key in here)
        if not force and (data or await asyncio.to_thread(_is_used, settings)):
            raise Conflict(
                "There is data here already; --force puts the back-up in its place.", code="not_empty"
            )
        if not erasures_lost and f"{LEDGER}/{manifest.id}" not in here:
            raise Conflict(_NO_LEDGER.format(at=manifest.created_at), code="erasures_unknown")
        if manifest.store == "sqlite":
            await _load_sqlite(settings, archive, tell)
        else:
            await asyncio.to_thread(_load_postgres, settings, archive, manifest, tell)
        for number, key in enumerate(manifest.files, 1):
            await files.put(key, _stream(archive, f"files/{key}"))
            tell("files", number, len(manifest.files))
        for key in sorted(set(here) - set(manifest.files)):
            if not key.startswith(f"{LEDGER}/"):  # who was erased since stays erased
                await files.delete(key)
    return manifest


async def list_again(db: Database, manifest: Manifest, source: Path) -> None:
    """The restored list of back-ups ends before this one; put it there."""
    async with db.transaction() as session:
        if await repository.find_backup(session, manifest.id) is None:
            session.add(entry_of(manifest, source))


def _check(settings: Settings, archive: zipfile.ZipFile, manifest: Manifest, tell: Tell) -> None:
    """Refuse what could not be restored whole."""
    store = "sqlite" if settings.sql_url.startswith("sqlite") else "postgresql"
    if manifest.store != store:
        raise InvalidInput(
            f"This is a back-up of {manifest.store}, and the database here is {store}; "
            "choose the same kind with AGENTFLOW_DATABASE_URL.",
            code="other_store",
        )
    if not schema.knows(manifest.revision):
        raise InvalidInput(
            f"The back-up has the schema {manifest.revision}, which this version does not know; "
            "restore it with the version that made it, or a newer one.",
            code="unknown_schema",
        )
    cipher = load_cipher(settings)
    try:
        known = [cipher.decrypt(key) for key in manifest.keys]
    except InvalidToken as wrong:
        raise Misconfigured(
            "The back-up was made with other keys; set AGENTFLOW_KEY to all of them "
            f"(there were {len(manifest.keys)}).",
            code="wrong_key",
        ) from wrong
    if any(word != WORD for word in known):
        raise InvalidInput("The manifest of the back-up is damaged.", code="bad_backup")
    parts: dict[str, Entry] = {f"tables/{name}": entry for name, entry in manifest.tables.items()}
    parts |= {f"files/{check_key(key)}": entry for key, entry in manifest.files.items()}
    if manifest.database is not None:
        parts[DATABASE] = manifest.database
    for number, (name, entry) in enumerate(parts.items(), 1):
        check(archive, name, entry)
        tell("checked", number, len(parts))


def _is_used(settings: Settings) -> bool:
    if settings.sql_url.startswith("sqlite"):
        return dump_sqlite.is_used(sqlite_path(settings.sql_url))
    return dump_postgres.is_used(settings.sql_url)


async def _load_sqlite(settings: Settings, archive: zipfile.ZipFile, tell: Tell) -> None:
    path = sqlite_path(settings.sql_url)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = FileLease(Path(f"{path}.worker"))
    await lease.take("restore")
    try:
        await asyncio.to_thread(_replace_sqlite, path, archive, tell)
    finally:
        await lease.release()


def _replace_sqlite(path: Path, archive: zipfile.ZipFile, tell: Tell) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".restore-") as folder:
        copied = Path(folder) / DATABASE
        with open(copied, "wb") as file:
            for block in blocks(archive, DATABASE):
                file.write(block)
                tell("database", file.tell(), archive.getinfo(DATABASE).file_size)
        dump_sqlite.rows(copied)
        dump_sqlite.replace(copied, path)


def _load_postgres(settings: Settings, archive: zipfile.ZipFile, manifest: Manifest, tell: Tell) -> None:
    with dump_postgres.loading(settings, manifest.revision, manifest.sequences) as load:
        for number, (name, table) in enumerate(manifest.tables.items(), 1):
            if not load.knows(name):
                raise InvalidInput(
                    f"The back-up has a table {name}, which is unknown.", code="unknown_schema"
                )
            rows = load.write(name, table.columns, blocks(archive, f"tables/{name}"))
            if rows != table.rows:
                raise InvalidInput(f"The table {name} of the back-up is damaged.", code="bad_backup")
            tell("tables", number, len(manifest.tables))


async def _stream(archive: zipfile.ZipFile, name: str) -> AsyncIterator[bytes]:
    for block in blocks(archive, name):
        yield block
