"""How long until the server is ready, and how much memory it holds, against bare imports in a bare process.

Aims: ready within 1.5 times the imports; at most 200 MB above that process.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.performance.measuring import quantile, table

ROUNDS = 3
IMPORTS = "import fastapi, langchain.agents, qdrant_client, dbos"
SERVE = (sys.executable, "-c", "from agentflow.cli import app; app()", "serve")
RSS = "import re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
HEAVY = ("torch", "sentence_transformers", "llama_index")


def main() -> None:
    """Print seconds and megabytes, side by side in one run."""
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        _serve(Path(home))  # the first run makes the demo workspace and takes its files in
        bare, served = [], []
        for _ in range(ROUNDS):
            bare.append(_bare())
            served.append(_serve(Path(home)))
    bare_s, bare_mb = (quantile([one[n] for one in bare], 0.5) for n in (0, 1))
    ready_s, ready_mb = (quantile([one[n] for one in served], 0.5) for n in (0, 1))
    table(
        f"start (median of {ROUNDS})",
        [
            ("", "seconds", "MB resident"),
            ("bare imports", f"{bare_s:.2f}", f"{bare_mb:.0f}"),
            ("serve, ready", f"{ready_s:.2f}", f"{ready_mb:.0f}"),
            (
                "ratio / difference",
                f"{ready_s / bare_s:.2f} (aim 1.5)",
                f"+{ready_mb - bare_mb:.0f} (aim +200)",
            ),
        ],
    )


def _bare() -> tuple[float, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}; {RSS}"], capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, int(done.stdout) / 1024


def _serve(home: Path) -> tuple[float, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "AGENTFLOW_HOME": str(home), "AGENTFLOW_PORT": str(port)}
    began = time.perf_counter()
    server = subprocess.Popen(SERVE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(f"http://127.0.0.1:{port}/readyz"):
            if server.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{server.pid}/status").read_text()
        _refuse_heavy(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return seconds, int(found[1]) / 1024


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _refuse_heavy(pid: int) -> None:
    """The shared libraries and files a process has mapped show what it loaded."""
    mapped = Path(f"/proc/{pid}/maps").read_text()
    loaded = [name for name in HEAVY if f"/{name}/" in mapped]
    assert not loaded, f"the server loaded {loaded}"


if __name__ == "__main__":
    main()
