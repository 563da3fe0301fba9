"""What a reader yields: pages of text or batches of sheet rows, with exact places.

Every place a citation shows (offset, page, sheet, row) is decided here and never guessed again later.
"""

from __future__ import annotations

from dataclasses import dataclass

CELL_GAP = "; "


def cell_text(header: str, value: str) -> str:
    """A cell as it is shown; a column without a header shows its value alone."""
    return f"{header}: {value}" if header else value


@dataclass(frozen=True)
class Row:
    """One row of a sheet. `number` is 1-based and counts the header; cells are (header, shown value)."""

    number: int
    cells: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The row as it is shown: "header: value; header: value"."""
        return CELL_GAP.join(cell_text(header, value) for header, value in self.cells)


@dataclass(frozen=True)
class TableDraft:
    """One table as it stands in its file, from which questions about its cells are answered.

    Every row has as many cells as the header, an empty one is ""; rows are (1-based number as in the file,
    cells as shown). `title` is what stands above the table; `page` is for documents with pages.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    sheet: str | None = None
    title: str = ""
    page: int | None = None


@dataclass(frozen=True)
class Heading:
    """A heading in a page: [start, end) in code points of the whole extract; level 1 is the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True)
class Page:
    """A stretch of the extract: a PDF page, a whole text file, or a batch of one sheet's rows.

    The extract, as `agentflow extract` prints it, is the texts of all pages joined without anything between
    them; `start` is this text's place in it, in code points. `title` is what stands above a
    sheet's header and is indexed with its rows. `tables` are those that end on this page.
    """

    text: str
    start: int
    number: int | None = None
    sheet: str | None = None
    rows: tuple[Row, ...] = ()
    headings: tuple[Heading, ...] = ()
    title: str = ""
    tables: tuple[TableDraft, ...] = ()
    unreadable: bool = False  # the page is there but damaged
    uncalculated: int = 0  # formulas without a stored value; their cells are empty
