"""What a reader yields: pages of text or batches of sheet rows, with exact places.

Every place a citation shows (offset, page, sheet, row) is decided here and never guessed again later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from knowledge.limits import Caps


@dataclass(frozen=True)
class Row:
    """One row of a sheet. `number` is 1-based and counts the header; cells are (header, shown value)."""

    number: int
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a page's text: [start, end) in code points of the whole extract; level 1 is highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True)
class Page:
    """A stretch of the extract: a PDF page, a whole text file, or a batch of one sheet's rows.

    The extract, as `agentflow extract` prints it, is the texts of all pages joined without anything between
    them; `start` is this text's place in it, in code points. `title` is what stands above a sheet's header and is indexed with its rows.
    """

    text: str
    start: int
    number: int | None = None
    sheet: str | None = None
    rows: tuple[Row, ...] = ()
    headings: tuple[Heading, ...] = ()
    title: str = ""


class Reader(Protocol):
    """Turns one file into pages; refuses with an error of knowledge.errors."""

    def read(self, path: Path, filename: str, caps: Caps) -> Iterator[Page]:
        """Yield the pages in order; nothing outside `path` is opened."""
        ...
