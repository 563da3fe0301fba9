"""Servers that start in a moment: forks of a process that has imported everything and has no thread yet."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import IO

from agentflow.cli import app
from tests.e2e import killer

_READY = multiprocessing.get_context("forkserver")
_READY.set_forkserver_preload(["tests.e2e.preloaded"])


class Forked:
    """What is used of `subprocess.Popen`, of a server that a fork runs as a process of its own would."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        output, printed = _READY.Pipe(duplex=False)
        self._process = _READY.Process(target=_serve, args=(dict(environment), printed), daemon=True)
        self._process.start()
        printed.close()
        self.stdout: IO[str] | None = os.fdopen(os.dup(output.fileno()))
        output.close()

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("the server", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, without any chance to tidy up."""
        self.send_signal(signal.SIGKILL)


def _serve(environment: Mapping[str, str], printed: Connection) -> None:
    """In the fork."""
    for number in (1, 2):
        os.dup2(printed.fileno(), number)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["agentflow", "serve"]
    if "TEST_KILL" in environment:
        killer.main()
    else:
        app()
