"""Uploaded files in a bucket of S3-compatible storage. The only file that knows botocore.

A file is written to a local temporary file first: its size, its hash and whether it is whole are known before
one request puts it in its place, and a request is all or nothing.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from agentflow.kit.errors import Misconfigured, Unavailable
from agentflow.kit.files import BLOCK, StoredFile, check_key, no_file, write
from agentflow.kit.settings import FileSettings

log = logging.getLogger(__name__)

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 4},
    max_pool_connections=32,
    # Not every store knows the newer checksums; the signed hash of the content is checked by all.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"payload_signing_enabled": True, "addressing_style": "auto"},
)


def open_bucket(settings: FileSettings) -> S3Files:
    """The bucket of the settings. Raises Misconfigured when the store knows it not, or not us. Blocking.

    A store that does not answer is no reason not to start: it may come back.
    """
    files = S3Files(settings)
    try:
        files.client.head_bucket(Bucket=files.bucket)
    except ClientError as refused:
        if _code(refused) not in {"403", "404", "NoSuchBucket", "AccessDenied", "Forbidden"}:
            log.warning("the file store answered: %s", refused)
            return files
        files.close()
        raise Misconfigured(
            f"The bucket {files.bucket} cannot be used ({_code(refused)}); see AGENTFLOW_FILES__S3_BUCKET, "
            "…__S3_ACCESS_KEY and …__S3_SECRET_KEY.",
            code="bad_bucket",
        ) from refused
    except BotoCoreError as down:
        log.warning("the file store does not answer: %s", down)
    return files


class S3Files:
    """Files in one bucket, below a prefix. Requests run in threads."""

    def __init__(self, settings: FileSettings) -> None:
        self.bucket = settings.s3_bucket or ""
        self._prefix = settings.s3_prefix.strip("/") + "/" if settings.s3_prefix.strip("/") else ""
        secret = settings.s3_secret_key
        try:
            self.client: Any = get_session().create_client(
                "s3",
                endpoint_url=settings.s3_endpoint,
                region_name=settings.s3_region,
                aws_access_key_id=settings.s3_access_key,
                aws_secret_access_key=secret.get_secret_value() if secret else None,
                config=_CONFIG,
            )
        except (BotoCoreError, ValueError) as wrong:
            raise Misconfigured(
                f"The settings AGENTFLOW_FILES__S3_… cannot be used: {wrong}.", code="bad_bucket"
            ) from wrong

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    async def put(
        self, key: str, content: bytes | AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredFile:
        """See Files."""
        name = self._name(key)
        with tempfile.TemporaryFile() as file:
            whole = cast(BinaryIO, file)
            stored = await write(whole, key, content, max_bytes)
            whole.seek(0)
            await self._ask(key, self.client.put_object, Key=name, Body=whole, ContentLength=stored.size)
        return stored

    async def get(self, key: str) -> bytes:
        """See Files."""
        return b"".join([block async for block in await self.read(key)])

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """See Files."""
        answer = await self._ask(key, self.client.get_object, Key=self._name(key))
        return _read(answer["Body"])

    @asynccontextmanager
    async def on_disk(self, key: str) -> AsyncIterator[Path]:
        """See Files; it is a copy that is gone afterwards."""
        blocks = await self.read(key)
        with tempfile.NamedTemporaryFile(prefix="agentflow-file-") as copy:
            async for block in blocks:
                await asyncio.to_thread(copy.write, block)
            await asyncio.to_thread(copy.flush)
            yield Path(copy.name)

    async def delete(self, key: str) -> bool:
        """See Files. The store does not say whether there was something, so it is asked before."""
        name = self._name(key)
        there = await asyncio.to_thread(_call, key, partial(self._is_there, name))
        if there:
            await self._ask(key, self.client.delete_object, Key=name)
        return bool(there)

    def _is_there(self, name: str) -> bool:
        try:
            self.client.head_object(Bucket=self.bucket, Key=name)
        except ClientError as refused:
            if _code(refused) in _ABSENT:
                return False
            raise
        return True

    async def keys(self, folder: str = "") -> list[str]:
        """See Files."""
        return [key for key, _ in await self._list(folder)]

    async def sweep(self, folder: str, keep: Collection[str], *, older_seconds: float) -> list[str]:
        """See Files. Nothing that is not whole is ever there."""
        before = time.time() - older_seconds
        old = [key for key, at in await self._list(folder) if key not in keep and at.timestamp() <= before]
        for key in old:
            await self._ask(key, self.client.delete_object, Key=self._name(key))
        return old

    async def _list(self, folder: str) -> list[tuple[str, datetime]]:
        below = self._prefix + (check_key(folder) + "/" if folder else "")
        found = await asyncio.to_thread(_call, folder, lambda: list(self._pages(below)))
        start = len(self._prefix)
        return sorted((one["Key"][start:], one["LastModified"]) for one in found)

    def _pages(self, below: str) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below)
        for page in pages:
            yield from page.get("Contents", ())

    async def _ask(self, key: str, method: Callable[..., Any], **arguments: object) -> dict[str, Any]:
        found: dict[str, Any] = await asyncio.to_thread(
            _call, key, partial(method, Bucket=self.bucket, **arguments)
        )
        return found

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)


def _call(key: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the store answers
    try:
        return request()
    except ClientError as refused:
        if _code(refused) in _ABSENT:
            raise no_file(key) from refused
        raise Unavailable(f"The file store refused: {_code(refused)}.", code="file_store") from refused
    except BotoCoreError as down:
        raise Unavailable("The file store does not answer.", code="file_store") from down


def _code(refused: ClientError) -> str:
    return str(refused.response.get("Error", {}).get("Code", "unknown"))


async def _read(body: IO[bytes]) -> AsyncIterator[bytes]:
    with closing(body):
        while block := await asyncio.to_thread(_call, "", partial(body.read, BLOCK)):
            yield block
