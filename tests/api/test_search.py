"""The retrieval console over HTTP and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calling import refuse, run
from tests.e2e.live import LiveApp

QUESTION = "How many days do I have to return an item?"
Capture = pytest.CaptureFixture[str]


def test_that_a_search_says_what_it_found_and_why(live_app: LiveApp, other_workspace_key: str) -> None:
    path = f"/knowledge-bases/{live_app.knowledge_base()}/search"
    status, found = live_app.api("POST", path, {"question": QUESTION, "limit": 3})
    assert (status, found["known"], len(found["items"])) == (200, True, 3)
    assert "return" in found["items"][0]["matched"]
    assert found["evidence"]["margin"] > 0
    status, problem = live_app.api("POST", path, {"question": ""})
    assert (status, problem["status"]) == (422, 422)
    foreign = live_app.call("POST", f"/api/v1{path}", {"question": QUESTION}, token=other_workspace_key)
    assert foreign[0] == 404


def test_that_the_command_searches_files(tmp_path: Path) -> None:
    (tmp_path / "gate.txt").write_text(
        "The gate\n\nThe garden gate [red]opens\x1b at seven in the morning.\n"
    )
    question = "When does the garden gate open?"
    done = run("search", "--source", tmp_path, "--json", question)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["question"], row["rank"], row["source"]) == (question, 1, "gate.txt")
    assert {"score", "dense", "lexical", "sentence", "known", "evidence", "timings_ms"} <= row.keys()
    table = run("search", "--source", tmp_path, question, COLUMNS="120")
    assert "The garden gate [red]opens  at seven in the morning." in table.stdout
    assert "against the line" in table.stdout


def test_that_the_command_searches_the_running_server(live_app: LiveApp, capsys: Capture) -> None:
    base = ("--knowledge-base", live_app.knowledge_base(), "--url", live_app.url)
    done = run("search", *base, "--limit", "2", "--json", QUESTION, AGENTFLOW_API_KEY=live_app.api_key)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["rank"] for line in done.stdout.splitlines()] == [1, 2]
    assert "unknown, has expired or was revoked" in refuse(
        capsys, ["search", *base, "--api-key", "afk_wrong", QUESTION]
    )


def test_that_a_search_needs_files_or_a_knowledge_base(capsys: Capture, tmp_path: Path) -> None:
    assert "either --source" in refuse(capsys, ["search", QUESTION])
    both: list[str | Path] = ["search", "--source", tmp_path, "--knowledge-base", "kb_1", QUESTION]
    assert "either --source" in refuse(capsys, both)
    assert "cannot be searched for" in refuse(capsys, ["search", "--source", tmp_path, " "])
    assert "does not exist" in refuse(capsys, ["search", "--source", tmp_path / "none", QUESTION])
