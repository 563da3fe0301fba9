"""`agentflow serve` that kills itself (SIGKILL) at a named place: the n-th start or end of a span.

TEST_KILL=start:search:1 python -m tests.e2e.killer serve
"""

from __future__ import annotations

import os
import signal
from collections import Counter

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from agentflow import turn
from agentflow.cli import app

# Everything between the receipt of a message and the last event of its answer …
TURN_PLACES = tuple(
    f"{edge}:{name}"
    for name in ("record", "turn", "begin", "search", "model", "tool", "check", "sentence", "store", "send")
    for edge in ("start", "end")
)
# … and everything between an upload and the moment it answers.
INGEST_PLACES = tuple(
    f"{edge}:{name}"
    for name in ("ingest", "claim", "read", "plan", "embed", "write", "build", "switch")
    for edge in ("start", "end")
)

# … between a changed page and the moment it answers, up to the file that is read like an upload …
SYNC_PLACES = tuple(
    f"{edge}:{name}" for name in ("sync", "fetch", "note", "put", "settle") for edge in ("start", "end")
)
# … and while a source is erased.
PURGE_PLACES = tuple(f"{edge}:{name}" for name in ("forget", "files", "rows") for edge in ("start", "end"))


class Killer(SpanProcessor):
    """Ends this process, without any chance to tidy up, when its place comes."""

    def __init__(self, place: str, number: int) -> None:
        self._place = place
        self._number = number
        self._seen: Counter[str] = Counter()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._reach(f"start:{span.name}")

    def on_end(self, span: ReadableSpan) -> None:
        self._reach(f"end:{span.name}")

    def _reach(self, place: str) -> None:
        self._seen[place] += 1
        if place == self._place and self._seen[place] == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    wanted = os.environ.get("TEST_KILL")
    if wanted:
        # Sentences do not wait for each other, so that each turn reaches the place where one is written.
        turn.GATHER_SECONDS = 0.0
        edge, name, number = wanted.split(":")
        provider = TracerProvider()
        provider.add_span_processor(Killer(f"{edge}:{name}", int(number)))
        trace.set_tracer_provider(provider)
    app()
