"""Files appear whole or not at all, and only inside their folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentflow.kit.errors import InvalidInput, NotFound, TooLarge
from agentflow.kit.files import LocalFiles


async def _stream(*blocks: bytes, fail: bool = False) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    if fail:
        raise ConnectionError("the client went away")


async def test_that_a_stored_file_can_be_read_replaced_and_deleted(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "files")
    stored = await files.put("sources/src_1", _stream(b"one ", b"two"))
    assert (stored.key, stored.size) == ("sources/src_1", 7)
    assert stored.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert files.path("sources/src_1").read_bytes() == b"one two"
    await files.put("sources/src_1", b"three")
    assert await files.get("sources/src_1") == b"three"
    await files.delete("sources/src_1")
    await files.delete("sources/src_1")
    with pytest.raises(NotFound):
        await files.get("sources/src_1")


async def test_that_a_file_at_the_limit_is_stored_and_one_byte_more_leaves_nothing(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    await files.put("a/fits", _stream(b"x" * 6, b"x" * 4), max_bytes=10)
    with pytest.raises(TooLarge) as refused:
        await files.put("a/more", _stream(b"x" * 6, b"x" * 5), max_bytes=10)
    assert refused.value.members == {"limit": 10}
    assert os.listdir(tmp_path / "a") == ["fits"]


async def test_that_a_broken_upload_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    await files.put("a", b"old")
    with pytest.raises(ConnectionError):
        await files.put("a", _stream(b"new", fail=True))
    assert await files.get("a") == b"old"
    assert os.listdir(tmp_path) == ["a"]


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
        path = files.path(key)
    except InvalidInput:
        return
    assert ".." not in path.parts
    assert path.is_relative_to("/data/files")
    assert path != files.folder
