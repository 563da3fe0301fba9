"""The reading process: `python -I -m knowledge.readers`. Reads one file after another until its input ends.

It holds nothing worth stealing (no environment, no settings, no database) and reaches nothing: an audit hook
refuses the network, other programs, and every file but the one asked for and Python's own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from knowledge.chunking import ChunkDraft, chunk
from knowledge.errors import SourceRefused, TooMuchMemory
from knowledge.limits import Caps, Kind, check_bytes, kind_of
from knowledge.pages import Page, TableDraft
from knowledge.readers import csv, excel, grid, pdf, text
from knowledge.readers.frames import HEADER, Frame, chunk_to_json, pack, table_to_json, unpack

Reader = Callable[[Path, str, Caps], Iterator[Page]]
READERS: dict[Kind, Reader] = {"pdf": pdf.read, "excel": excel.read, "csv": csv.read, "text": text.read}
# Loaded when the first file of the kind comes: what reads web pages takes a second and 60 MB to load.
LATE_READERS: dict[Kind, tuple[str, str]] = {
    "calamine": ("knowledge.readers.calamine", "read"),
    "ods": ("knowledge.readers.ods", "read"),
    "html": ("knowledge.readers.html", "read"),
    "site": ("knowledge.readers.html", "read_site"),
}
_BATCH = 64  # chunks in a frame
_TEXT_PART = 1_000_000  # code points in a frame
_RETIRE_BYTES = 300 * 1024 * 1024  # a process that has grown beyond this ends after its file
_REFUSED_EVENTS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.")


class _Guard:
    """The audit hook: `document` is the only file of ours that may be opened."""

    def __init__(self) -> None:
        self.document: str | None = None
        self._own = tuple(
            {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *sys.path) if path}
        )

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            self._check_open(arguments)
        elif event.startswith(_REFUSED_EVENTS):
            raise PermissionError(f"A reader may not do this: {event}.")

    def _check_open(self, arguments: tuple[object, ...]) -> None:
        path, mode = arguments[0], arguments[1]
        if not isinstance(path, str | bytes | os.PathLike):
            return  # an open descriptor
        name = os.fsdecode(path)
        reads = not isinstance(mode, str) or not set(mode) & set("wax+")
        if name == self.document and reads:
            return
        if reads and (name == "/proc/self/statm" or os.path.realpath(name).startswith(self._own)):
            return
        raise PermissionError(f"A reader may not open this: {name}.")


def main() -> None:
    """Serve requests from standard input; answers go to what was standard output."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print of a parser must not end up among the frames
    guard = _Guard()
    sys.addaudithook(guard)
    _send({"ready": True}, answers)
    while frame := _next(requests):
        guard.document = str(frame["path"])
        last = _answer(frame, answers)
        _send(last, answers)
        if last["last"]:
            return


def _send(frame: Frame, answers: BinaryIO) -> None:
    answers.write(pack(frame))
    answers.flush()


def _next(requests: BinaryIO) -> Frame | None:
    header = requests.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    return unpack(requests.read(HEADER.unpack(header)[0]))


def _answer(frame: Frame, answers: BinaryIO) -> Frame:
    """Read one file and send what it gives; returns the frame to end with, "last" when the process ends."""
    caps = Caps(**frame["caps"])
    _limit(caps)
    try:
        done = _send_file(Path(frame["path"]), str(frame["filename"]), str(frame["mode"]), caps, answers)
    except SourceRefused as error:
        return {"refused": _refusal(error), "last": _memory("resident") > _RETIRE_BYTES}
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        detail = f"Reading needs more than {caps.memory_mb:,} MiB of memory."
        return {"refused": _refusal(TooMuchMemory(detail, limit=caps.memory_mb)), "last": True}
    return {"done": done, "last": _memory("resident") > _RETIRE_BYTES}


def _refusal(error: SourceRefused) -> Frame:
    return {"code": error.code, "detail": error.detail, "members": error.members}


def _limit(caps: Caps) -> None:
    """Cap what this file may add to memory and to processor time; the parent's clock is the outer limit."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(spent.ru_utime + spent.ru_stime + caps.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    with contextlib.suppress(OSError, ValueError):  # not every system can limit address space
        room = _memory("virtual") + caps.memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))


def _memory(kind: str) -> int:
    """Bytes of this process, virtual or resident; 0 where the system does not say."""
    try:
        virtual, resident = Path("/proc/self/statm").read_text().split()[:2]
    except OSError:
        return 0
    return int(virtual if kind == "virtual" else resident) * resource.getpagesize()


def _send_file(path: Path, filename: str, mode: str, caps: Caps, answers: BinaryIO) -> Frame:
    check_bytes(path.stat().st_size, caps.max_bytes)
    if mode == "grid":
        return _send_grid(path, filename, caps, answers)
    pages = _Tally(_reader(kind_of(filename))(path, filename, caps))
    if mode == "extract":
        for page in pages:
            for place in range(0, len(page.text), _TEXT_PART):
                answers.write(pack({"text": page.text[place : place + _TEXT_PART]}))
    else:
        _send_chunks(chunk(pages), pages, answers)
        for table in pages.tables:
            answers.write(pack({"tables": [table_to_json(table)]}))
    return {"pages": pages.pages, "chars": pages.chars, "warning": pages.warning}


def _send_grid(path: Path, filename: str, caps: Caps, answers: BinaryIO) -> Frame:
    """The rows of every visible sheet as they stand, under the header that was found."""
    hidden = 0
    for sheet in grid.sheets(kind_of(filename), path, caps):
        answers.write(pack({"sheet": [sheet.name, sorted(sheet.header.items()), sheet.header_row]}))
        for rows in sheet.batches:
            answers.write(pack({"rows": rows}))
        hidden += sheet.hidden
    return {"hidden": hidden}


def _reader(kind: Kind) -> Reader:
    if kind not in READERS:
        module, function = LATE_READERS[kind]
        READERS[kind] = getattr(import_module(module), function)
    return READERS[kind]


def _send_chunks(chunks: Iterator[ChunkDraft], pages: _Tally, answers: BinaryIO) -> None:
    batch: list[list[object]] = []
    for draft in chunks:
        pages.chunks += 1
        batch.append(chunk_to_json(draft))
        if len(batch) == _BATCH:
            answers.write(pack({"chunks": batch}))
            batch = []
    answers.write(pack({"chunks": batch}))


class _Tally:
    """Passes pages on and counts them."""

    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self.pages = self.chars = self.chunks = self.unreadable = self.uncalculated = 0
        self.tables: list[TableDraft] = []

    def __iter__(self) -> Iterator[Page]:
        sheet = None
        for page in self._pages:  # a sheet comes in several
            self.pages += page.number is not None or page.start == 0 or page.sheet != sheet
            sheet = page.sheet
            self.chars += len(page.text)
            self.unreadable += page.unreadable
            self.uncalculated += page.uncalculated
            self.tables += page.tables
            yield page

    @property
    def warning(self) -> str | None:
        """What the admin should know of this file."""
        if not self.chunks:
            return "no_text"
        if self.uncalculated:
            return "uncalculated"
        return "partial" if self.unreadable else None


if __name__ == "__main__":
    main()
