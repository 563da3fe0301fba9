"""A back-up put back: every row and file as it was, and a question finds its answer again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, inspect, text

from agentflow.bootstrap import open_database
from agentflow.care import repository
from agentflow.care.backup import backup, prune, sqlite_path
from agentflow.care.restore import list_again, restore
from agentflow.kit import events
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database, postgres_url
from agentflow.kit.errors import AppError, Conflict, Misconfigured
from agentflow.kit.files import Files, LocalFiles
from agentflow.kit.files_s3 import S3Files
from agentflow.kit.jobs import Jobs, Queue
from agentflow.kit.leases import AdvisoryLease
from agentflow.kit.settings import FileSettings, Settings
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.search import Searcher
from tests.library import OPENING, RETURNS, WORKSPACE, Library


def say_nothing(_what: str, _done: int, _total: int | None) -> None:
    """Nobody looks."""


@pytest.fixture
async def shop(library: Library) -> AsyncIterator[Library]:
    """A knowledge base with two sources, and a job that waits."""
    await library.add("returns.txt", RETURNS)
    await library.add("opening.txt", OPENING)
    jobs = Jobs(library.db, [Queue("ingest", partitioned=True)])
    jobs.register("ingest", library.delete, queue="ingest")
    await jobs.launch(work=False)
    async with library.db.transaction() as session:
        await jobs.enqueue(session, "ingest", "src_1", job_id="ingest:src_1", partition="kb")
    yield library
    await jobs.close()


@dataclass
class Little:
    """A database with an event, and a file."""

    db: Database
    files: Files

    async def add(self, text: str) -> None:
        """An event, and a file of that name."""
        async with self.db.transaction() as session:
            events.publish(session, WORKSPACE, stream="cnv_1", kind="note", payload={"text": text})
        await self.files.put(f"sources/{text}/1", text.encode())


@pytest.fixture
async def little(db: Database, settings: Settings) -> Little:
    """Enough to be carried."""
    made = Little(db, LocalFiles(settings.home / "files"))
    await made.add("first")
    return made


def every_row(settings: Settings) -> dict[str, list[str]]:
    """What stands in every table, but for the list of back-ups."""
    url = settings.sql_url
    engine = create_engine(url if url.startswith("sqlite") else postgres_url(url))
    found = {}
    with engine.connect() as connection:
        for schema in (None,) if url.startswith("sqlite") else (None, "dbos"):
            for name in inspect(connection).get_table_names(schema=schema):
                of = f'"{schema}"."{name}"' if schema else f'"{name}"'
                rows = connection.execute(text(f"SELECT * FROM {of}")).all()
                found[of] = sorted(repr(tuple(row)) for row in rows)
    engine.dispose()
    del found['"backups"']
    return found


async def every_file(files: Files) -> dict[str, bytes]:
    return {key: await files.get(key) for key in await files.keys()}


async def test_that_a_restored_back_up_has_every_row_and_file_and_answers(
    shop: Library, elsewhere: Settings, embedder: OnnxEmbedder, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    made = await backup(shop.db, shop.files, file, say_nothing)
    assert (file.stat().st_mode & 0o777, made.rows["chunks"], len(made.files)) == (0o600, 2, 2)
    there = LocalFiles(elsewhere.home / "files")
    with pytest.raises(Conflict, match="files/erasures"):
        await restore(elsewhere, there, file, say_nothing)
    shutil.copytree(shop.folder / "erasures", there.folder / "erasures")
    assert (await restore(elsewhere, there, file, say_nothing)).id == made.id
    before, after = every_row(shop.db.settings), every_row(elsewhere)
    assert sum(name.endswith('workflow_status"') and len(rows) for name, rows in before.items()) == 1
    assert before == after
    assert await every_file(there) == await every_file(shop.files)

    async with open_database(elsewhere) as db:
        await list_again(db, made, file)
        async with db.read() as session:
            listed = await repository.list_backups(session, at=made.created_at)
        assert [(one.id, one.file, (one.expires_at - one.created_at).days) for one in listed] == [
            (made.id, "backup.zip", 30)
        ]
        searcher = Searcher(db, embedder, elsewhere)
        found = await searcher.search(WORKSPACE, shop.id, "What does the return label cost?")
        assert "4.95 euro" in found.passages[0].text
        await searcher.close()


async def test_that_the_files_of_a_bucket_are_carried_and_come_back(
    little: Little, elsewhere: Settings, bucket: FileSettings, tmp_path: Path
) -> None:
    files = S3Files(bucket)
    for key, content in (await every_file(little.files)).items():
        await files.put(key, content)
    await backup(little.db, files, tmp_path / "backup.zip", say_nothing)
    there = S3Files(bucket.model_copy(update={"s3_prefix": "restored"}))
    await there.put("sources/of_another_time/1", b"not in the back-up")
    with pytest.raises(Conflict, match="--force"):
        await restore(elsewhere, there, tmp_path / "backup.zip", say_nothing)
    await restore(elsewhere, there, tmp_path / "backup.zip", say_nothing, force=True, erasures_lost=True)
    assert await every_file(there) == await every_file(little.files)
    files.close()
    there.close()


async def refused(settings: Settings, files: Files, file: Path, *, force: bool = False) -> AppError:
    """Why it is refused; nothing may have changed."""
    rows, stored = every_row(settings), await every_file(files)
    with pytest.raises(AppError) as why:
        await restore(settings, files, file, say_nothing, force=force)
    assert every_row(settings) == rows
    assert await every_file(files) == stored
    return why.value


def changed(file: Path, name: str, **manifest: Any) -> Path:  # noqa: ANN401 - whatever a manifest may hold
    """A copy of a back-up with another manifest."""
    made = file.with_name(name)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            if part == "manifest.json":
                content = json.dumps(json.loads(content) | manifest).encode()
            new.writestr(part, content)
    return made


async def test_that_what_cannot_be_restored_whole_is_refused_and_changes_nothing(
    little: Little, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    await backup(little.db, little.files, file, say_nothing)
    await little.add("later")
    here = (settings, little.files)
    with pytest.raises(Conflict, match="there already"):
        await backup(little.db, little.files, file, say_nothing)
    assert (await refused(*here, file)).code == "not_empty"

    other_key = settings.model_copy(
        update={"key": Settings(key=Fernet.generate_key().decode()).key}  # type: ignore[arg-type]
    )
    why = await refused(other_key, little.files, file, force=True)
    assert (why.code, isinstance(why, Misconfigured)) == ("wrong_key", True)
    newer = changed(file, "newer.zip", revision="9999")
    assert (await refused(*here, newer, force=True)).code == "unknown_schema"
    other = "postgresql" if little.db.is_sqlite else "sqlite"
    assert (await refused(*here, changed(file, "other.zip", store=other), force=True)).code == "other_store"
    with zipfile.ZipFile(file) as archive:
        files = json.loads(archive.read("manifest.json"))["files"]
    wrong = {key: entry | {"sha256": "0" * 64} for key, entry in files.items()}
    assert "damaged" in (await refused(*here, changed(file, "damaged.zip", files=wrong), force=True)).detail
    outside = changed(file, "outside.zip", files={"../key": next(iter(files.values()))})
    assert (await refused(*here, outside, force=True)).code == "bad_file_key"
    torn = tmp_path / "torn.zip"
    torn.write_bytes(file.read_bytes()[:-400])
    for none in (torn, tmp_path / "absent.zip", tmp_path):
        assert (await refused(*here, none, force=True)).code == "bad_backup"


async def test_that_a_forced_restore_takes_away_what_came_later(
    little: Little, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    await backup(little.db, little.files, file, say_nothing)
    rows, files = every_row(settings), await every_file(little.files)
    await little.add("later")
    await little.db.close()
    await restore(settings, little.files, file, say_nothing, force=True)
    assert every_row(settings) == rows
    assert await every_file(little.files) == files


async def test_that_only_expired_back_ups_of_this_database_are_deleted(
    little: Little, clock: ManualClock, tmp_path: Path
) -> None:
    for name in ("old.zip", "moved.zip", "replaced.zip"):
        await backup(little.db, little.files, tmp_path / name, say_nothing)
    (tmp_path / "moved.zip").rename(tmp_path / "elsewhere.zip")
    (tmp_path / "replaced.zip").write_bytes((tmp_path / "old.zip").read_bytes())
    clock.advance(timedelta(days=29))
    young = await backup(little.db, little.files, tmp_path / "young.zip", say_nothing)
    assert await prune(little.db, little.files, tmp_path) == ([], [])
    clock.advance(timedelta(days=1))
    gone, kept = await prune(little.db, little.files, tmp_path)
    assert (gone, kept) == (["old.zip"], ["moved.zip", "replaced.zip"])
    left = {"elsewhere.zip", "replaced.zip", "young.zip"}
    assert {name for name in os.listdir(tmp_path) if name.endswith(".zip")} == left
    assert f"erasures/{young.id}" in await little.files.keys("erasures")
    assert len(await little.files.keys("erasures")) == 3
    assert await prune(little.db, little.files, tmp_path) == ([], [])


@contextmanager
def hold(command: str) -> Iterator[None]:
    """Another process that holds a lock, as a server does."""
    pipe = subprocess.PIPE
    other = subprocess.Popen([sys.executable, "-c", command], stdin=pipe, stdout=pipe, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        yield
    finally:
        other.communicate()


async def test_that_a_running_server_is_not_pulled_away(
    little: Little, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    await backup(little.db, little.files, file, say_nothing)
    if little.db.is_sqlite:  # a lock of this very process would be ours as well
        command = f"import fcntl,sys; f = open({str(sqlite_path(settings.sql_url))!r} + '.worker', 'ab'); "
        command += "fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
        with hold(command):
            assert (await refused(settings, little.files, file, force=True)).code == "second_worker"
        return
    lease = AdvisoryLease(little.db.engine)
    await lease.take("wrk_1")
    assert await lease.leads()
    assert (await refused(settings, little.files, file, force=True)).code == "server_running"
    await lease.release()
