"""The file of a back-up: a zip with the database, the uploaded files, and a manifest that says what is in it.

The manifest comes last: a file that was not written to its end has none.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from agentflow.kit.errors import InvalidInput

FORMAT = 1
BLOCK = 256 * 1024
_MANIFEST = "manifest.json"
_MAX_MANIFEST = 256 * 1024 * 1024


class Entry(BaseModel):
    """A part of the archive."""

    bytes: int
    sha256: str


class TableEntry(Entry):
    """The rows of one table (PostgreSQL)."""

    rows: int
    columns: list[str]


class Manifest(BaseModel):
    """What a back-up holds. `keys` holds a word under each encryption key that was in use."""

    format: int = FORMAT
    id: str
    store: str  # sqlite | postgresql
    revision: str
    created_at: datetime
    expires_at: datetime
    keys: list[str]
    rows: dict[str, int]
    database: Entry | None = None  # SQLite: the whole file
    tables: dict[str, TableEntry] = {}  # PostgreSQL
    sequences: dict[str, int] = {}
    files: dict[str, Entry] = {}


class _Measured:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.bytes, self._hash = file, 0, hashlib.sha256()

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self.bytes += len(block)
        self._hash.update(block)

    def entry(self) -> Entry:
        return Entry(bytes=self.bytes, sha256=self._hash.hexdigest())


@contextmanager
def writing(archive: zipfile.ZipFile, name: str) -> Iterator[_Measured]:
    """A part to be written; `entry()` says afterwards what was."""
    with archive.open(name, "w", force_zip64=True) as part:
        yield _Measured(part)


def write_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """The last part."""
    archive.writestr(_MANIFEST, manifest.model_dump_json(indent=1))


@contextmanager
def reading(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """An archive and its manifest. Raises InvalidInput for anything but a whole back-up."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST:
                raise KeyError(_MANIFEST)
            content = json.loads(archive.read(_MANIFEST))
            if isinstance(content, dict) and content.get("format") != FORMAT:
                raise InvalidInput(
                    f"The back-up has the format {content.get('format')}; this version reads {FORMAT}.",
                    code="bad_backup",
                )
            yield archive, Manifest.model_validate(content)
    except OSError as wrong:
        raise InvalidInput(
            f"The file {path} cannot be read ({wrong.strerror}).", code="bad_backup"
        ) from wrong
    except (zipfile.BadZipFile, KeyError, ValidationError, json.JSONDecodeError) as wrong:
        raise InvalidInput(f"The file {path} is no whole back-up.", code="bad_backup") from wrong


def blocks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of a part."""
    with archive.open(name) as part:
        while block := part.read(BLOCK):
            yield block


def check(archive: zipfile.ZipFile, name: str, expected: Entry) -> None:
    """Raise InvalidInput unless the part is what the manifest says."""
    size, digest = 0, hashlib.sha256()
    for block in blocks(archive, name):
        size += len(block)
        digest.update(block)
    if (size, digest.hexdigest()) != (expected.bytes, expected.sha256):
        raise InvalidInput(f"The part {name} of the back-up is damaged.", code="bad_backup")
