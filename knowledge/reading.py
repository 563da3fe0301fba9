"""Files are read in pooled subprocesses, so no parser of customers' files ever runs in a serving process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentflow.kit.settings import IngestSettings
from knowledge.chunking import ChunkDraft

Warning = Literal["no_text", "partial"]


@dataclass(frozen=True)
class ReadResult:
    """What one file gave. `chars` counts the code points of the extract.

    `warning` is "no_text" when there is nothing to search (a scan, an empty file), "partial" when some pages
    could not be read.
    """

    chunks: tuple[ChunkDraft, ...]
    pages: int
    chars: int
    warning: Warning | None


class ReaderPool:
    """At most `settings.processes` reading processes, started on demand and kept between files.

    Usable from any event loop. Every refusal is an error of knowledge.errors.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    async def read(self, path: Path, filename: str) -> ReadResult:
        """The chunks of one file; `filename` is the customer's name for it and decides the type."""
        raise NotImplementedError

    async def extract(self, path: Path, filename: str) -> str:
        """The text that offsets point into."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the processes; a file being read fails as ReaderCrashed."""
        raise NotImplementedError


def extract(path: Path, filename: str) -> str:
    """What `agentflow extract` prints, read in a subprocess with the default caps."""
    raise NotImplementedError
