"""Files are read in pooled subprocesses, so no parser of customers' files ever runs in a serving process.

One thread per process does the blocking talk, so the pool works from any event loop; a process that hangs,
dies or answers nonsense is killed and the next file gets a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal, cast

from agentflow.kit.settings import IngestSettings
from knowledge.chunking import ChunkDraft
from knowledge.errors import REFUSALS, ReaderCrashed, SourceRefused, TooMuchMemory, TooSlow
from knowledge.limits import Caps, check_bytes, kind_of
from knowledge.pages import TableDraft
from knowledge.readers.frames import (
    HEADER,
    MAX_FRAME_BYTES,
    Frame,
    chunk_from_json,
    pack,
    table_from_json,
    unpack,
)

Warning = Literal["no_text", "partial", "uncalculated"]
_COMMAND = (sys.executable, "-I", "-m", "knowledge.readers")
_READ_BYTES = 1024 * 1024
_START_SECONDS = 60.0
LARGE = 1000  # chunks: whoever embeds these wants the memory for minutes, and a process starts in a second


@dataclass(frozen=True)
class ReadResult:
    """What one file gave. `chars` counts the code points of the extract; `pages` is 1 for text.

    In a workbook `pages` counts the visible sheets that hold rows.

    `warning` is "no_text" when there is nothing to search (a scan, an empty file), "partial" when some pages
    could not be read, "uncalculated" when a sheet has formulas without a stored value: those are left out.
    """

    chunks: tuple[ChunkDraft, ...]
    pages: int
    chars: int
    warning: Warning | None
    tables: tuple[TableDraft, ...] = ()


@dataclass(frozen=True)
class GridSheet:
    """One visible sheet: what heads each column, the row of that header (0: there is none), and the rows
    below it as (1-based number, filled cells by column).
    """

    name: str
    header: dict[int, str]
    header_row: int
    rows: list[tuple[int, dict[int, str]]]


@dataclass(frozen=True)
class Grid:
    """A table file; `hidden` counts the rows that the sheets do not show, which are left out."""

    sheets: tuple[GridSheet, ...]
    hidden: int


class ReaderPool:
    """At most `settings.processes` reading processes, started on demand and kept between files.

    One that has read a large file ends: it would stand beside the embedding and the building of the index.
    Usable from any event loop. Every refusal is an error of knowledge.errors.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._caps = Caps.of(settings)
        self._threads = ThreadPoolExecutor(settings.processes, thread_name_prefix="reader")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._running: set[_ReaderProcess] = set()
        self._closed = False

    async def read(self, path: Path, filename: str) -> ReadResult:
        """The chunks of one file; `filename` is the customer's name for it and decides the type."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, path, filename)

    async def extract(self, path: Path, filename: str) -> str:
        """The text that offsets point into."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._extract, path, filename)

    async def grid(self, path: Path, filename: str) -> Grid:
        """The rows of a table file as they stand, for those who do not search but take over."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._grid, path, filename)

    async def close(self) -> None:
        """End the processes; a file being read fails as ReaderCrashed."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        for process in running:
            process.stop()  # wakes the thread that waits for it
        await asyncio.to_thread(self._threads.shutdown)
        for process in tuple(self._running):
            self._discard(process)

    def _read(self, path: Path, filename: str) -> ReadResult:
        chunks: list[ChunkDraft] = []
        tables: list[TableDraft] = []

        def take(frame: Frame) -> None:
            if "tables" in frame:
                tables.extend(table_from_json(value) for value in frame["tables"])
            else:
                chunks.extend(chunk_from_json(value) for value in frame["chunks"])

        done = self._talk(path, filename, "chunks", take)
        if len(chunks) >= LARGE:
            self._discard(self._own.process)
        return ReadResult(tuple(chunks), done["pages"], done["chars"], done["warning"], tuple(tables))

    def _extract(self, path: Path, filename: str) -> str:
        parts: list[str] = []
        self._talk(path, filename, "extract", lambda frame: parts.append(frame["text"]))
        return "".join(parts)

    def _grid(self, path: Path, filename: str) -> Grid:
        sheets: list[GridSheet] = []

        def take(frame: Frame) -> None:
            if "sheet" in frame:
                name, header, row = frame["sheet"]
                sheets.append(GridSheet(str(name), {int(at): str(text) for at, text in header}, int(row), []))
            else:
                sheets[-1].rows.extend(
                    (int(number), {int(at): str(text) for at, text in cells})
                    for number, cells in frame["rows"]
                )

        done = self._talk(path, filename, "grid", take)
        return Grid(tuple(sheets), int(done["hidden"]))

    def _talk(self, path: Path, filename: str, mode: str, take: Callable[[Frame], None]) -> Frame:
        """Have this thread's process read a file; the summary it ends with. Raises what it refused with."""
        kind_of(filename)
        check_bytes(path.stat().st_size, self._caps.max_bytes)
        request = {
            "path": str(path.resolve()),
            "filename": filename,
            "mode": mode,
            "caps": asdict(self._caps),
        }
        process, started = self._process()
        try:
            if started:
                process.wait_until_ready()
            return process.ask(request, self._caps.seconds, take)
        except _Silent as silence:
            self._discard(process)
            if silence.reason == "ended" and not started and not process.answered:
                return self._talk(path, filename, mode, take)  # it died before this file; a new one reads it
            raise _explained(silence, self._caps) from None
        except (KeyError, TypeError, ValueError) as error:
            self._discard(process)
            raise ReaderCrashed("Reading the file gave an answer without sense.") from error

    def _process(self) -> tuple[_ReaderProcess, bool]:
        """This thread's process, and True when it was started for this file."""
        process: _ReaderProcess | None = getattr(self._own, "process", None)
        if process is not None and process.alive:
            return process, False
        if process is not None:
            self._discard(process)
        with self._lock:
            if self._closed:
                raise ReaderCrashed("The readers are shut down.")
            self._own.process = process = _ReaderProcess()
            self._running.add(process)
        return process, True

    def _discard(self, process: _ReaderProcess) -> None:
        process.kill()
        with self._lock:
            self._running.discard(process)


class _Silent(Exception):
    """The process gave no complete answer: "time" ran out, or it "ended"."""

    def __init__(self, reason: Literal["time", "ended"], exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code


def _explained(silence: _Silent, caps: Caps) -> SourceRefused:
    # The kernel's processor limit sends SIGXCPU (-24): slow, not broken.
    if silence.reason == "time" or silence.exit_code == -24:
        return TooSlow(f"Reading the file took more than {caps.seconds:g} seconds.", limit=caps.seconds)
    if silence.exit_code == -6:  # SIGABRT: what parsers in Rust do when they get no memory
        return TooMuchMemory(
            f"Reading needs more than {caps.memory_mb:,} MiB of memory.", limit=caps.memory_mb
        )
    return ReaderCrashed(f"The reader ended while reading the file (exit {silence.exit_code}).")


class _ReaderProcess:
    """One subprocess and its two pipes."""

    def __init__(self) -> None:
        self.retired = False  # it said that it ends after this file
        self.answered = False  # it sent something for the file in hand
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Keys and passwords of the serving process stay there; openpyxl is told not to load lxml.
            env={"OPENPYXL_LXML": "False"},
            start_new_session=True,  # Ctrl-C is for the parent, which ends its readers itself
            bufsize=0,
        )
        self._stdin, self._stdout = (
            cast(IO[bytes], self._process.stdin),
            cast(IO[bytes], self._process.stdout),
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self.retired and self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Return when its parsers are loaded, which is no part of a file's time. Raises _Silent."""
        self._next(time.monotonic() + _START_SECONDS)

    def stop(self) -> None:
        """End it; from any thread."""
        self._process.kill()

    def kill(self) -> None:
        """End it, wait until it is gone and let go of its pipes; from the thread that uses it."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(KeyError, RuntimeError, ValueError):  # ended twice
            self._selector.unregister(self._stdout)
        self._selector.close()
        self._stdin.close()
        self._stdout.close()

    def ask(self, request: Frame, seconds: float, take: Callable[[Frame], None]) -> Frame:
        """Send a request and hand each answer to `take`; returns the summary.

        Raises _Silent, or what the process refused with.
        """
        deadline = time.monotonic() + seconds
        self.answered = False
        try:
            self._stdin.write(pack(request))
        except OSError:
            raise _Silent("ended", self._process.wait()) from None
        while True:
            frame = self._next(deadline)
            self.answered = True
            self.retired = bool(frame.get("last"))
            if "refused" in frame:
                raise _refusal(frame["refused"])
            if "done" in frame:
                done: Frame = frame["done"]
                return done
            take(frame)

    def _next(self, deadline: float) -> Frame:
        length = HEADER.unpack(self._receive(HEADER.size, deadline))[0]
        if length > MAX_FRAME_BYTES:
            raise ValueError(f"A frame of {length:,} bytes.")
        return unpack(self._receive(length, deadline))

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise _Silent("time")
            part = os.read(self._stdout.fileno(), min(count - len(parts), _READ_BYTES))
            if not part:
                raise _Silent("ended", self._process.wait())
            parts += part
        return bytes(parts)


def _refusal(value: Frame) -> SourceRefused:
    """The error as the reading process raised it."""
    kind = REFUSALS[value["code"]]
    return kind(str(value["detail"]), **value["members"])


def extract(path: Path, filename: str) -> str:
    """What `agentflow extract` prints, read in a subprocess with the default caps."""

    async def once() -> str:
        pool = ReaderPool(IngestSettings())
        try:
            return await pool.extract(path, filename)
        finally:
            await pool.close()

    return asyncio.run(once())
