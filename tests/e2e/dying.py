"""A server that is killed at a named place, again and again, and started anew each time."""

from __future__ import annotations

import signal
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp

# A dead worker's jobs are adopted once its lease is over.
QUICK = {
    "AGENTFLOW_JOBS__LEASE_SECONDS": "0.5",
    "AGENTFLOW_INGEST__LEASE_SECONDS": "2",
    "AGENTFLOW_SYNC__LEASE_SECONDS": "4",
    "AGENTFLOW_SYNC__POLL_SECONDS": "1",
    "AGENTFLOW_EGRESS_ALLOW": "127.0.0.1",
}

Answer = TypeVar("Answer")


@dataclass
class Dying:
    """`doom` it, do something, `bury` it, and start it again."""

    app: LiveApp

    def __post_init__(self) -> None:
        self._order = self.app.home.with_name("place")
        self.app.launch = Forked
        self.app.environment = {**self.app.environment, **QUICK, "TEST_KILL": str(self._order)}

    def doom(self, place: str) -> None:
        """From here on it dies when it comes to this place."""
        assert self.app.process is not None
        self._order.write_text(place)
        self.app.process.send_signal(signal.SIGUSR1)
        self.app.wait_until(lambda: f"armed {place}" in self.app.output, 10)
        self.app.output.clear()

    @property
    def dead(self) -> bool:
        """Whether it is."""
        return self.app.process is not None and self.app.process.poll() is not None

    def attempt(self, ask: Callable[[], Answer]) -> Answer | None:
        """What it answered; None when it died before."""
        try:
            return ask()
        except (urllib.error.URLError, ConnectionError):
            self.app.wait_until(lambda: self.dead, 10)
            return None

    def bury(self) -> None:
        """Wait for its death, which is by SIGKILL and nothing else."""
        self.app.wait_until(lambda: self.dead, 40)
        assert self.app.process is not None
        assert self.app.process.poll() == -signal.SIGKILL, "\n".join(self.app.output[-40:])
