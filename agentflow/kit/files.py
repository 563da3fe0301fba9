"""Uploaded files in a local folder. A file appears whole under its key or not at all.

Keys are chosen by us (`sources/src_0190…`), never taken from a customer's file name.
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
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agentflow.kit.errors import InvalidInput, NotFound, TooLarge

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,5}")
_PART = ".part"


@dataclass(frozen=True)
class StoredFile:
    """What was stored: `size` in bytes and the SHA-256 of the content in hex."""

    key: str
    size: int
    sha256: str


class LocalFiles:
    """Files under one folder. All methods are safe to call from any task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    async def put(
        self, key: str, content: bytes | AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredFile:
        """Store `content` under `key`, replacing what was there.

        Raises TooLarge at the first byte above `max_bytes`, and InvalidInput for an unsafe key. Nothing is
        kept of a file that was not stored whole.
        """
        target = self.path(key)
        part = await asyncio.to_thread(_new_part, target)
        try:
            with open(part, "wb") as file:  # noqa: ASYNC230 - opening a local file is quick; writes use threads
                stored = await _write(file, key, content, max_bytes)
                await asyncio.to_thread(_flush, file)
            await asyncio.to_thread(os.replace, part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return stored

    async def get(self, key: str) -> bytes:
        """The whole content. Raises NotFound."""
        try:
            return await asyncio.to_thread(self.path(key).read_bytes)
        except (FileNotFoundError, IsADirectoryError) as absent:
            raise NotFound(f"There is no file {key}.", code="file_not_found") from absent

    def path(self, key: str) -> Path:
        """Where the file lies on this machine, whether it exists or not. Raises InvalidInput."""
        if not _KEY.fullmatch(key) or key.endswith(_PART):
            raise InvalidInput(
                "A file key holds letters, digits, dots, dashes and slashes.", code="bad_file_key"
            )
        return self.folder / key

    async def delete(self, key: str) -> bool:
        """Remove the file; False for one that is already gone."""
        return await asyncio.to_thread(_remove, self.path(key))

    async def sweep(self, folder: str, keep: Collection[str], *, older_seconds: float) -> list[str]:
        """Remove the files below `folder` whose key is not in `keep`, and what was never stored whole.

        Those changed within `older_seconds` stay, they may just be arriving. Returns the keys.
        """
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


async def _write(
    file: BinaryIO, key: str, content: bytes | AsyncIterable[bytes], max_bytes: int | None
) -> StoredFile:
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
