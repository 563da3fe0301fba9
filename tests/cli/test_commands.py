"""The other commands, each as a process of its own: what they print, and how they leave."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from agentflow.cli import app
from agentflow.cli.main import read_settings
from agentflow.cli.words import printable
from tests.cli.calling import check_refusal, refuse, run
from tests.e2e.live import LiveApp, free_port
from tests.knowledge.files import encrypted_pdf

Capture = pytest.CaptureFixture[str]


def test_that_chat_answers_with_sources(live_app: LiveApp) -> None:
    typed = "How many days do I have to return an item?\nWhat does the Dune floor lamp cost?\n\n"
    done = run("chat", typed=typed, AGENTFLOW_PORT=str(live_app.port))
    assert (done.returncode, done.stderr) == (0, "")
    assert "within 30 days of delivery" in done.stdout
    assert re.search(r"^  \[1\] Shipping and returns\.txt, Returns: \"", done.stdout, re.MULTILINE)
    assert "129.00" in done.stdout
    assert re.search(r"^  \[\d\] Prices\.csv, row 3: \"", done.stdout, re.MULTILINE)


def test_that_chat_says_that_no_server_answers(capsys: Capture) -> None:
    line = refuse(capsys, ["chat", "--url", "http://127.0.0.1:9"])
    assert "No server answers at http://127.0.0.1:9" in line


def test_that_ingest_tries_every_file_waits_and_says_how_each_went(live_app: LiveApp, tmp_path: Path) -> None:
    base = live_app.api("POST", "/knowledge-bases", {"name": "By command"})[1]["id"]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "gate.txt").write_text("The gate opens at 9:00 and closes at 17:00.")
    (folder / "empty.txt").write_text("")
    (folder / "letter.docx").write_text("Dear reader")
    (folder / ".hidden.txt").write_text("Not this one.")
    locked = encrypted_pdf(tmp_path / "locked.pdf", "secret")
    arguments = ("ingest", "--url", live_app.url, "--knowledge-base", base)
    key = {"AGENTFLOW_API_KEY": live_app.api_key}
    done = run(*arguments, tmp_path / "none.txt", folder, locked, **key)
    assert done.returncode == 2  # one has failed, and two were refused
    assert done.stdout.splitlines() == [
        "empty.txt: added; ready, 0 passages (no text was found in it)",
        "gate.txt: added; ready, 1 passages",
        "locked.pdf: added; failed. The file is protected by a password.",
    ]
    refused = [line for line in done.stderr.splitlines() if line.startswith("agentflow: ")]
    assert "none.txt cannot be read: No such file" in refused[0]
    assert refused[1].startswith("agentflow: letter.docx: Files of type .docx cannot be read")
    assert len(refused) == 2
    page: dict[str, Any] = live_app.api("GET", f"/knowledge-bases/{base}/sources")[1]
    states = {source["name"]: source["state"] for source in page["items"]}
    assert states == {"gate.txt": "ready", "empty.txt": "ready", "locked.pdf": "failed"}

    (folder / "gate.txt").write_text("The gate opens at 8:00 and closes at 17:00.")
    again = run(*arguments, folder / "empty.txt", folder / "gate.txt", **key)
    assert again.returncode == 0
    assert again.stdout.splitlines() == [
        "empty.txt: unchanged; ready, 0 passages (no text was found in it)",
        "gate.txt: replaced; ready, 1 passages",
    ]


def test_that_ingest_passes_on_what_the_server_refuses(
    live_app: LiveApp, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "gate.txt").write_text("The gate opens at 9:00.")
    base = ("--url", live_app.url, "--knowledge-base", live_app.knowledge_base())
    mine = ("--api-key", live_app.api_key)
    wrong = refuse(capsys, ["ingest", *base, "--api-key", "afk_wrong", tmp_path / "gate.txt"])
    assert wrong == "agentflow: gate.txt: The API key is unknown, has expired or was revoked.\n"
    assert "none.txt cannot be read" in refuse(capsys, ["ingest", *base, *mine, tmp_path / "none.txt"])
    (tmp_path / "nothing").mkdir()
    assert "holds no file" in refuse(capsys, ["ingest", *base, *mine, tmp_path / "nothing"])


def test_that_extract_prints_the_text_and_nothing_else(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffOne\r\ntwo \U0001f6a3".encode())
    done = run("extract", tmp_path / "a.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "One\r\ntwo \U0001f6a3", "")
    assert "password" in refuse(capsys, ["extract", encrypted_pdf(tmp_path / "b.pdf", "secret")])
    assert "none.txt does not exist" in refuse(capsys, ["extract", tmp_path / "none.txt"])
    assert "is not a file" in refuse(capsys, ["extract", tmp_path])


def test_that_a_built_model_is_found_again() -> None:
    done = run("models", "build")
    assert (done.returncode, done.stderr) == (0, "")
    folder = Path(done.stdout.removeprefix("The local model is ready in ").strip())
    assert list(folder.glob("*.onnx"))


def test_that_a_taken_port_is_said_before_anything_is_made(live_app: LiveApp, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run("serve", AGENTFLOW_PORT=str(live_app.port), AGENTFLOW_HOME=str(home))
    check_refusal(done.returncode, done.stdout, done.stderr)
    assert f"Port {live_app.port} of 127.0.0.1 cannot be used" in done.stderr
    assert not home.exists()


def test_that_a_home_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("Not a folder.")
    done = run("serve", AGENTFLOW_PORT=str(free_port()), AGENTFLOW_HOME=str(home))
    check_refusal(done.returncode, done.stdout, done.stderr)
    assert f"The folder {home} cannot be used (Not a directory)" in done.stderr


def test_that_a_worker_of_its_own_is_refused_on_sqlite(capsys: Capture) -> None:
    assert "needs PostgreSQL" in refuse(capsys, ["worker"])


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("harbour", "valid integer"),
        ("99999", "less than or equal to 65535"),
        ("0", "greater than or equal to 1"),
    ],
)
def test_that_a_malformed_setting_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, port: str, said: str
) -> None:
    monkeypatch.setenv("AGENTFLOW_PORT", port)
    line = refuse(capsys, ["serve"])
    assert "AGENTFLOW_PORT" in line
    assert said in line


def test_that_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGENTFLOW_PORT", "AGENTFLOW_KEY", "AGENTFLOW_MAIL__HOST", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "")
    settings = read_settings()
    assert (settings.port, settings.key, settings.mail.host, settings.openai_api_key) == (
        8000,
        None,
        None,
        None,
    )


def test_that_no_document_speaks_to_the_terminal() -> None:
    assert printable("a\x1b[2J\nb\x9b1m") == "a [2J b 1m"


def test_that_help_is_shown_where_nothing_is_asked_for() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


@pytest.mark.parametrize("words", [["reindex"], ["admin", "reindex"]])
def test_that_reindex_is_found_under_either_name(capsys: Capture, words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        app([*words, "--help"])
    assert not left.value.code
    assert "Embed all knowledge again" in capsys.readouterr().out


def test_that_wrong_usage_of_any_command_is_one_line(capsys: Capture) -> None:
    assert "No such command 'nothing'" in refuse(capsys, ["nothing"])
    assert "Missing command" in refuse(capsys, ["admin"])
