"""`agentflow serve` that kills itself (SIGKILL) at a named place.

It waits for SIGUSR1, reads a place from the file that TEST_KILL names, prints `armed PLACE`, and dies when it
comes there: `start:search:1` is the first start of a span, `end:write:2` the second end of one,
`statement:switch:3` the third SQL statement in a span before it is sent, `commit:switch:1` its first commit.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from sqlalchemy import Engine, event

from agentflow import bootstrap, turn
from agentflow.cli import app
from agentflow.kit import jobs
from agentflow.kit.files import LocalFiles
from agentflow.kit.telemetry import span
from crm.contacts.reminders import firing
from knowledge import ingest, service

P = ParamSpec("P")
T = TypeVar("T")


def around(names: str) -> tuple[str, ...]:
    """The starts and ends of spans."""
    return tuple(f"{edge}:{name}:1" for name in names.split() for edge in ("start", "end"))


def within(name: str, statements: int, commits: int = 1) -> tuple[str, ...]:
    """Before each of the first statements in a span, and before its commits."""
    numbers = [("statement", number + 1) for number in range(statements)]
    numbers += [("commit", number + 1) for number in range(commits)]
    return tuple(f"{edge}:{name}:{number}" for edge, number in numbers)


# Everything between the receipt of a message and the last event of its answer.
TURN_PLACES = (
    *around("record turn begin search model tool check sentence store send"),
    *within("record", 7),
    *within("begin", 3),
    *within("sentence", 2),
    *within("store", 4),
    *within("send", 3),
    *within("turn", 4, 2),
)
# Between a file that has come and the moment it answers; BATCH is small, so that there are two batches.
READ_PLACES = (
    *around("claim ingest read plan embed write build switch"),
    "start:embed:2",
    "end:embed:2",
    "start:write:2",
    "end:write:2",
    *within("claim", 2),
    *within("plan", 7, 3),
    *within("write", 4, 2),
    *within("switch", 7),
)
UPLOAD_PLACES = (
    *around("add_source put start_ingest"),
    *within("add_source", 5, 0),
    *within("start_ingest", 1, 0),
    *READ_PLACES,
)
FETCH_PLACES = (*around("sync fetch note put settle"), *within("note", 4), *within("settle", 2), *READ_PLACES)
# While a source is put into the bin, and while it is erased.
DELETE_PLACES = (
    *around("delete_source forget files rows"),
    *within("delete_source", 1, 0),
    *within("fastapi.endpoint", 0),  # the framework's span, in which the handler commits
    *within("rows", 4),
)
# Between a reminder whose time has come and the end of its mail's job.
REMINDER_PLACES = around("_fire send_mail _claim_mail")


class Killer(SpanProcessor):
    """Ends this process, without any chance to tidy up, when its place comes."""

    def __init__(self, order: Path) -> None:
        self._order = order
        self._place = ""
        self._left = 0

    def arm(self, _signal: int, _frame: FrameType | None) -> None:
        """Called by the signal."""
        self._place, _, number = self._order.read_text().rpartition(":")
        self._left = int(number)
        print(f"armed {self._place}:{number}")

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._reach(f"start:{span.name}")

    def on_end(self, span: ReadableSpan) -> None:
        self._reach(f"end:{span.name}")

    def on_statement(self, _connection: object, _cursor: object, statement: str, *_about: object) -> None:
        if not statement.startswith("BEGIN"):  # which only SQLite is sent as one
            self._reach(f"statement:{_here()}")

    def on_commit(self, *_about: object) -> None:
        self._reach(f"commit:{_here()}")

    def _reach(self, place: str) -> None:
        if place == self._place:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _here() -> str:
    return getattr(trace.get_current_span(), "name", "")


def _in_span(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The same function in a span of its own name, where the product needs none."""

    @functools.wraps(function)
    async def spanned(*args: P.args, **kwargs: P.kwargs) -> T:
        with span(function.__name__):
            return await function(*args, **kwargs)

    return spanned


def main() -> None:
    """Run the command line."""
    killer = Killer(Path(os.environ["TEST_KILL"]))
    signal.signal(signal.SIGUSR1, killer.arm)
    provider = TracerProvider()
    provider.add_span_processor(killer)
    trace.set_tracer_provider(provider)
    event.listen(Engine, "before_cursor_execute", killer.on_statement)
    event.listen(Engine, "commit", killer.on_commit)
    for name in ("add_source", "start_ingest", "delete_source"):
        setattr(service, name, _in_span(getattr(service, name)))
    for name in ("_fire", "send_mail", "_claim_mail"):
        setattr(firing, name, _in_span(getattr(firing, name)))
    bootstrap.REMINDER_SECONDS = 0.2
    LocalFiles.put = _in_span(LocalFiles.put)  # type: ignore[method-assign, assignment]
    turn.GATHER_SECONDS = 0.0  # sentences do not wait for each other: each turn comes where one is written
    ingest.BATCH = 4
    jobs._FIRST_SWEEP_SECONDS = 1.0
    app()
