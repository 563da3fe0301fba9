"""Files appear whole or not at all, and only inside their folder: the same promises from every store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentflow.kit.errors import InvalidInput, Misconfigured, NotFound, TooLarge, Unavailable
from agentflow.kit.files import BLOCK, Files, LocalFiles, check_key
from agentflow.kit.files_s3 import S3Files, open_bucket
from agentflow.kit.settings import FileSettings


@pytest.fixture(params=["folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    """An empty store of each kind."""
    if request.param == "folder":
        yield LocalFiles(tmp_path / "files")
    else:
        store = S3Files(request.getfixturevalue("bucket"))
        yield store
        store.close()


async def _stream(*blocks: bytes, fail: bool = False) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    if fail:
        raise ConnectionError("the client went away")


async def test_that_a_stored_file_can_be_read_replaced_and_deleted(files: Files) -> None:
    stored = await files.put("sources/src_1", _stream(b"one ", b"two"))
    assert (stored.key, stored.size) == ("sources/src_1", 7)
    assert stored.sha256 == hashlib.sha256(b"one two").hexdigest()
    async with files.on_disk("sources/src_1") as path:
        assert path.read_bytes() == b"one two"
    await files.put("sources/src_1", b"three")
    assert await files.get("sources/src_1") == b"three"
    assert await files.delete("sources/src_1") is True
    assert await files.delete("sources/src_1") is False
    with pytest.raises(NotFound):
        await files.get("sources/src_1")
    with pytest.raises(NotFound):
        await files.read("sources/src_1")
    with pytest.raises(NotFound):
        async with files.on_disk("sources/src_1"):
            pass


async def test_that_a_large_file_comes_back_in_blocks_and_an_empty_one_is_a_file(files: Files) -> None:
    large = os.urandom(2 * BLOCK + 17)
    await files.put("a/large", large)
    await files.put("a/empty", b"")
    blocks = [block async for block in await files.read("a/large")]
    assert b"".join(blocks) == large
    assert max(map(len, blocks)) <= BLOCK
    assert await files.get("a/empty") == b""


async def test_that_a_file_at_the_limit_is_stored_and_one_byte_more_leaves_nothing(files: Files) -> None:
    await files.put("a/fits", _stream(b"x" * 6, b"x" * 4), max_bytes=10)
    with pytest.raises(TooLarge) as refused:
        await files.put("a/more", _stream(b"x" * 6, b"x" * 5), max_bytes=10)
    assert refused.value.members == {"limit": 10}
    assert await files.keys() == ["a/fits"]


async def test_that_a_broken_upload_leaves_the_old_file_as_it_was(files: Files) -> None:
    await files.put("a", b"old")
    with pytest.raises(ConnectionError):
        await files.put("a", _stream(b"new", fail=True))
    assert await files.get("a") == b"old"
    assert await files.keys() == ["a"]


async def test_that_of_many_writers_of_one_key_one_wins_whole(files: Files) -> None:
    await asyncio.gather(*(files.put("a/b", bytes([65 + number]) * 5000) for number in range(8)))
    content = await files.get("a/b")
    assert len(content) == 5000
    assert len(set(content)) == 1


async def test_that_keys_are_listed_by_folder_and_a_sweep_leaves_what_is_kept_or_young(files: Files) -> None:
    for key in ("sources/s1/1", "sources/s1/2", "sources/s2/1", "sources_of_others/1", "previews/p1"):
        await files.put(key, b"x")
    assert await files.keys("sources") == ["sources/s1/1", "sources/s1/2", "sources/s2/1"]
    assert len(await files.keys()) == 5
    assert await files.keys("nothing") == []
    assert await files.sweep("sources", {"sources/s1/2"}, older_seconds=3600.0) == []
    removed = await files.sweep("sources", {"sources/s1/2"}, older_seconds=-60.0)
    assert removed == ["sources/s1/1", "sources/s2/1"]
    assert await files.keys() == ["previews/p1", "sources/s1/2", "sources_of_others/1"]


async def test_that_a_bad_key_is_refused_by_every_method(files: Files) -> None:
    for key in ("../key", "a/../../b", "/etc/passwd", "a//b", "", "a.part"):
        with pytest.raises(InvalidInput):
            await files.put(key, b"x")
        with pytest.raises(InvalidInput):
            await files.get(key)
        with pytest.raises(InvalidInput):
            await files.delete(key)


@given(st.text(max_size=40))
@example("../key")
@example("a/../../b")
@example("/etc/passwd")
@example("a//b")
@example("a\n")
@example("")
def test_that_no_key_leads_outside_the_folder(key: str) -> None:
    files = LocalFiles(Path("/data/files"))
    try:
        path = files.path(check_key(key))
    except InvalidInput:
        return
    assert ".." not in path.parts
    assert path.is_relative_to("/data/files")
    assert path != files.folder


async def test_that_two_prefixes_of_a_bucket_know_nothing_of_each_other(bucket: FileSettings) -> None:
    here, there = S3Files(bucket), S3Files(bucket.model_copy(update={"s3_prefix": "there"}))
    await here.put("a", b"x")
    assert await there.keys() == []
    assert await there.delete("a") is False
    assert await here.keys() == ["a"]
    here.close()
    there.close()


async def test_that_a_wrong_bucket_is_refused_at_the_start_and_a_silent_store_is_not(
    bucket: FileSettings,
) -> None:
    with pytest.raises(Misconfigured, match="AGENTFLOW_FILES__S3_BUCKET"):
        open_bucket(bucket.model_copy(update={"s3_bucket": "nobodys-bucket"}))
    started = time.monotonic()
    files = open_bucket(bucket.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(Unavailable, match="does not answer"):
        await files.put("a", b"x")
    files.close()
    assert time.monotonic() - started < 30
