"""On the command line while the server answers: another key, a back-up, and then another machine."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from agentflow.bootstrap import open_database
from agentflow.cli import app
from agentflow.kit import events
from agentflow.kit.settings import Settings
from tests.conftest import MANY
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
QUESTION = "How many days do I have to return an item?"


class Shell:
    """Runs commands in this process, since each start of another costs seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, home: Path, url: str | None, key: str, *arguments: str | Path) -> tuple[object, str]:
        """The exit code, and what it said."""
        settings = {"HOME": str(home), "DATABASE_URL": url, "KEY": key}
        with self._monkeypatch.context() as patched:
            for name, value in settings.items():
                if value is not None:
                    patched.setenv(f"AGENTFLOW_{name}", value)
            with pytest.raises(SystemExit) as left:
                app([str(one) for one in arguments])
        return left.value.code, "".join(self._capsys.readouterr())


async def write_under(key: str, home: Path, url: str | None) -> None:
    """What there was before the new key."""
    settings = Settings.model_validate({"home": home, "database_url": url, "key": key})
    async with open_database(settings) as db, db.transaction() as session:
        payload = {"text": "Written under the old key"}
        events.publish(session, "wsp_1", stream="cnv_1", kind="note", payload=payload)


async def read_under(key: str, home: Path, url: str | None) -> object:
    settings = Settings.model_validate({"home": home, "database_url": url, "key": key})
    async with open_database(settings) as db, db.read() as session:
        (event,) = await events.read_events(session, "wsp_1", after=0)
    return event.payload


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_that_a_server_goes_on_while_its_key_changes_and_answers_on_another_machine(
    fresh_app: LiveApp, elsewhere: Settings, shell: Shell, tmp_path: Path
) -> None:
    here = (fresh_app.home, fresh_app.database_url)
    asyncio.run(write_under(OLD, *here))
    fresh_app.start(AGENTFLOW_KEY=f"{NEW},{OLD}")
    fresh_app.wait_for_knowledge()
    visitor = fresh_app.visit()
    talking = threading.Thread(
        target=lambda: [visitor.say(f"Meanwhile {number}", f"m-{number}") for number in range(3)]
    )
    talking.start()
    code, told = shell.run(*here, f"{NEW},{OLD}", "admin", "rotate-key")
    talking.join()
    assert (code, "0 under an old key, 0 under none given" in told) == (0, True), told
    assert shell.run(*here, NEW, "admin", "rotate-key", "--check")[0] == 0
    code, told = shell.run(*here, NEW, "backup", tmp_path / "made.zip", "--prune")
    assert code == 0, told
    fresh_app.stop()

    there = (elsewhere.home, elsewhere.database_url)
    code, told = shell.run(*there, NEW, "restore", tmp_path / "made.zip")
    assert (code, "files/erasures" in told) == (2, True), told
    shutil.copytree(fresh_app.home / "files" / "erasures", elsewhere.home / "files" / "erasures")
    code, told = shell.run(*there, NEW, "restore", tmp_path / "made.zip")
    assert code == 0, told
    restored = LiveApp(elsewhere.home, elsewhere.database_url, MANY, api_key=fresh_app.api_key, launch=Forked)
    try:
        restored.start(AGENTFLOW_KEY=NEW)
        asking = restored.visit()
        asking.say(QUESTION, "asked")
        answer = asking.wait_for_answer()
        assert "30 days" in answer["text"]
        assert answer["sentences"][0]["citations"]
        path = f"/conversations/{visitor.conversation_id}/messages?limit=200"
        kept = [one["text"] for one in restored.api("GET", path)[1]["items"]]
        assert [text for text in kept if text.startswith("Meanwhile")] == [
            f"Meanwhile {number}" for number in range(3)
        ]
        assert asyncio.run(read_under(NEW, *there)) == {"text": "Written under the old key"}
    finally:
        restored.stop()
