"""From a fresh clone to the first cited answer: seconds, and megabytes installed.

Aims: at most 240 seconds and 900 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.performance.measuring import table

ROOT = Path(__file__).parents[2]
QUESTION = "How long do I have to return something?"


def main() -> None:
    """Clone the last commit, install it and ask."""
    git, make = shutil.which("git"), shutil.which("make")
    assert git, "git is not installed"
    assert make, "make is not installed"
    with TemporaryDirectory(prefix="agentflow-bench-") as folder:
        clone = Path(folder) / "clone"
        environment = {**os.environ, "AGENTFLOW_MODEL_CACHE": f"{folder}/models"}
        began = time.perf_counter()
        subprocess.run([git, "clone", "--quiet", str(ROOT), str(clone)], check=True)
        subprocess.run(
            [make, "--quiet", "install", f"PYTHON={sys.executable}"], cwd=clone, env=environment, check=True
        )
        installed = time.perf_counter() - began
        command = [".venv/bin/agentflow", "ask", "--json", "--source", "agentflow/cli/sample", QUESTION]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=True)
        took = time.perf_counter() - began
        answer = json.loads(done.stdout)
        assert any(sentence["citations"] for sentence in answer["sentences"]), "the answer cites nothing"
        megabytes = _megabytes(clone / ".venv") + _megabytes(Path(folder) / "models")
    table(
        "fresh clone",
        [
            ("", ""),
            ("installed after", f"{installed:.0f} s"),
            ("first cited answer after", f"{took:.0f} s (aim 240)"),
            ("installed", f"{megabytes:.0f} MB (aim 900)"),
        ],
    )


def _megabytes(folder: Path) -> float:
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
