"""Another key without downtime: what was written before, during and after stays readable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from agentflow import bootstrap
from agentflow.kit import events
from agentflow.kit.db import Base, Database, EncryptedText, load_keys
from agentflow.kit.errors import Misconfigured
from agentflow.kit.key_rotation import BATCH, Standing, encrypted_columns, rotate, standing
from agentflow.kit.settings import Settings
from tests.cli.calling import refuse
from tests.conftest import TEST_KEY

NEW_KEY = Fernet.generate_key().decode()
ROWS = 3 * BATCH + 10
KILLED = """
import asyncio, sys
from agentflow.kit import events, key_rotation
from agentflow.kit.db import Database, load_keys
from agentflow.kit.settings import Settings
settings = Settings()
def tell(table, rows, changed):
    print(table, rows, changed, flush=True)
    sys.stdin.readline()
asyncio.run(key_rotation.rotate(Database(settings), load_keys(settings), tell))
"""


def say_nothing(_table: str, _rows: int, _changed: int) -> None:
    """Nobody looks."""


async def write(db: Database, *texts: str) -> None:
    async with db.transaction() as session:
        for text in texts:
            events.publish(session, "wsp_1", stream="cnv_1", kind="note", payload={"text": text})


async def read(db: Database) -> list[str]:
    texts: list[str] = []
    async with db.read() as session:
        after = 0
        while page := await events.read_events(session, "wsp_1", after=after, limit=200):
            texts += [str(event.payload["text"]) for event in page]
            after = page[-1].cursor
    return texts


def with_keys(settings: Settings, *keys: str) -> Settings:
    changed = settings.model_dump() | {"key": ",".join(keys)}
    return Settings.model_validate(changed)


def kill_after_the_first_batch(environment: dict[str, str]) -> None:
    pipe = subprocess.PIPE
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED], env=environment, stdin=pipe, stdout=pipe, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == f"events {BATCH} {BATCH}\n"
    run.kill()
    run.communicate()


async def test_that_a_run_killed_in_the_middle_is_taken_up_while_servers_write_with_either_key(
    db: Database, settings: Settings
) -> None:
    before = [f"before {number}" for number in range(ROWS)]
    await write(db, *before)
    both = with_keys(settings, NEW_KEY, TEST_KEY)
    environment = {
        "AGENTFLOW_HOME": str(settings.home),
        "AGENTFLOW_DATABASE_URL": str(settings.database_url),
        "AGENTFLOW_KEY": f"{NEW_KEY},{TEST_KEY}",
        "PYTHONPATH": ":".join(sys.path),
    }
    kill_after_the_first_batch(environment)

    server = Database(both)
    await write(db, "by a server that does not know the new key yet")
    await write(server, "by a server that does")
    found = await standing(server, load_keys(both), say_nothing)
    assert found == Standing(ROWS + 2, ROWS + 1 - BATCH, 0, {"events": ROWS + 1 - BATCH})
    told: list[tuple[str, int, int]] = []
    await rotate(server, load_keys(both), lambda *step: told.append(step))
    assert told[-1] == ("events", ROWS + 2, ROWS + 1 - BATCH)
    assert await standing(server, load_keys(both), say_nothing) == Standing(ROWS + 2)
    await server.close()

    alone = Database(with_keys(settings, NEW_KEY))
    await write(alone, "after")
    assert await read(alone) == [
        *before,
        "by a server that does not know the new key yet",
        "by a server that does",
        "after",
    ]
    await alone.close()
    with pytest.raises(Misconfigured, match="another key"):
        await read(db)


async def test_that_what_no_key_opens_is_counted_and_left(db: Database, settings: Settings) -> None:
    await write(db, "one")
    other = with_keys(settings, NEW_KEY)
    assert await rotate(db, load_keys(other), say_nothing) == Standing(1, 0, 1)
    assert await read(db) == ["one"]


def test_that_every_encrypted_column_of_every_table_is_walked() -> None:
    bootstrap.load_tables()
    walked = {(table.name, column.name) for table, columns in encrypted_columns() for column in columns}
    all_columns = (column for table in Base.metadata.tables.values() for column in table.columns)
    assert walked == {
        (column.table.name, column.name) for column in all_columns if isinstance(column.type, EncryptedText)
    }
    assert {("messages", "text"), ("events", "payload"), ("model_connections", "api_key")} - walked == set()


def test_that_a_malformed_key_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTFLOW_KEY", f"{TEST_KEY},nonsense")
    assert "AGENTFLOW_KEY must be 32 bytes" in refuse(capsys, ["admin", "rotate-key"])
