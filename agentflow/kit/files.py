"""Uploaded files: what a store of them offers, and the store in a local folder (S3: `files_s3.py`).

A file appears whole under its key or not at all. Keys are chosen by us (`sources/src_0190…`), never taken
from a customer's file name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from agentflow.kit.errors import InvalidInput, NotFound, TooLarge

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,5}")
_PART = ".part"
BLOCK = 256 * 1024


@dataclass(frozen=True)
class StoredFile:
    """What was stored: `size` in bytes and the SHA-256 of the content in hex."""

    key: str
    size: int
    sha256: str


class Files(Protocol):
    """A store of files. All methods are safe to call from any task; a bad key raises InvalidInput."""

    async def put(
        self, key: str, content: bytes | AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredFile:
        """Store `content` under `key`, replacing what was there.

        Raises TooLarge at the first byte above `max_bytes`. Nothing is kept of a file that was not stored
        whole.
        """
        ...

    async def get(self, key: str) -> bytes:
        """The whole content. Raises NotFound."""
        ...

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The content in blocks. Raises NotFound before the first one."""
        ...

    def on_disk(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The file on this machine's disk, to read while the context is open. Raises NotFound."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove the file; False for one that is already gone."""
        ...

    async def keys(self, folder: str = "") -> list[str]:
        """The keys below `folder`, or all, in order."""
        ...

    async def sweep(self, folder: str, keep: Collection[str], *, older_seconds: float) -> list[str]:
        """Remove the files below `folder` whose key is not in `keep`, and what was never stored whole.

        Those changed within `older_seconds` stay, they may just be arriving. Returns the keys.
        """
        ...


def check_key(key: str) -> str:
    """The key, if it is one. Raises InvalidInput."""
    if not _KEY.fullmatch(key) or key.endswith(_PART):
        raise InvalidInput("A file key holds letters, digits, dots, dashes and slashes.", code="bad_file_key")
    return key


def no_file(key: str) -> NotFound:
    """The refusal of a key under which nothing lies."""
    return NotFound(f"There is no file {key}.", code="file_not_found")


class LocalFiles:
    """Files under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    async def put(
        self, key: str, content: bytes | AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredFile:
        """See Files."""
        target = self.path(key)
        part = await asyncio.to_thread(_new_part, target)
        try:
            with open(part, "wb") as file:  # noqa: ASYNC230 - opening a local file is quick; writes use threads
                stored = await write(file, key, content, max_bytes)
                await asyncio.to_thread(_flush, file)
            await asyncio.to_thread(os.replace, part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return stored

    async def get(self, key: str) -> bytes:
        """See Files."""
        try:
            return await asyncio.to_thread(self.path(key).read_bytes)
        except (FileNotFoundError, IsADirectoryError) as absent:
            raise no_file(key) from absent

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """See Files."""
        try:
            file = await asyncio.to_thread(self.path(key).open, "rb")
        except (FileNotFoundError, IsADirectoryError) as absent:
            raise no_file(key) from absent
        return _read(file)

    @asynccontextmanager
    async def on_disk(self, key: str) -> AsyncIterator[Path]:
        """See Files; it is the file itself."""
        path = self.path(key)
        if not await asyncio.to_thread(path.is_file):
            raise no_file(key)
        yield path

    def path(self, key: str) -> Path:
        """Where the file lies on this machine, whether it exists or not. Raises InvalidInput."""
        return self.folder / check_key(key)

    async def delete(self, key: str) -> bool:
        """See Files."""
        return await asyncio.to_thread(_remove, self.path(key))

    async def keys(self, folder: str = "") -> list[str]:
        """See Files."""
        return await asyncio.to_thread(self._keys, self.path(folder) if folder else self.folder)

    def _keys(self, below: Path) -> list[str]:
        found = (path for path in below.rglob("*") if path.is_file() and path.suffix != _PART)
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    async def sweep(self, folder: str, keep: Collection[str], *, older_seconds: float) -> list[str]:
        """See Files."""
        return await asyncio.to_thread(self._sweep, folder, keep, time.time() - older_seconds)

    def _sweep(self, folder: str, keep: Collection[str], before: float) -> list[str]:
        removed: list[str] = []
        for path in sorted(self.path(folder).rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if key not in keep and path.is_file() and path.stat().st_mtime <= before:
                _remove(path)
                removed.append(key)
        return removed


def _remove(path: Path) -> bool:
    """Also the folder, when this was the last file in it."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    with contextlib.suppress(OSError):
        path.parent.rmdir()
    return True


def _new_part(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=_PART)
    os.close(handle)
    return Path(name)


async def write(
    file: BinaryIO, key: str, content: bytes | AsyncIterable[bytes], max_bytes: int | None
) -> StoredFile:
    """Write `content` to an open file. Raises TooLarge at the first byte above `max_bytes`."""
    size, digest = 0, hashlib.sha256()
    async for block in _blocks(content):
        size += len(block)
        if max_bytes is not None and size > max_bytes:
            raise TooLarge(f"The file has more than {max_bytes} bytes.", limit=max_bytes)
        digest.update(block)
        await asyncio.to_thread(file.write, block)
    return StoredFile(key, size, digest.hexdigest())


async def _blocks(content: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for block in content:
        yield block


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
