"""Call the command line: as a process of its own, or in this one where only its words matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentflow.cli import app

CLI = (sys.executable, "-c", "from agentflow.cli import app; app()")


def run(*arguments: str | Path, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """A process with these settings and nothing else of ours; its output keeps every line end as it is."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTFLOW_", "OPENAI_"))}
    done = subprocess.run(
        [*CLI, *(str(one) for one in arguments)],
        env={**clean, **settings},
        input=typed.encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def refuse(capsys: pytest.CaptureFixture[str], arguments: Sequence[str | Path]) -> str:
    """Call in this process, since each start costs seconds: exit code 2 and one line, which is returned."""
    with pytest.raises(SystemExit) as left:
        app([str(one) for one in arguments])
    out, err = capsys.readouterr()
    check_refusal(left.value.code, out, err)
    return err


def check_refusal(code: object, out: str, err: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr."""
    assert (code, out) == (2, ""), err
    assert err.startswith("agentflow: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
