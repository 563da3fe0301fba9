"""Tables on a PDF page, told by where their cells stand: rows share a baseline, columns do not overlap.

A PDF knows no tables, and its text comes cell by cell. Only what lies in a clear grid is taken for one:
three rows of short cells or more; everything else stays running text. A cell over several lines is followed
in the last column only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from statistics import median

from knowledge.pages import Row, TableDraft, cell_text
from knowledge.readers.csv import VALUE
from knowledge.readers.headers import YEAR, Cell, RawRow
from knowledge.readers.tables import read_table

# In type sizes: the mean width of a letter, and how far apart things may stand that belong together.
_WIDTH, _BASELINE, _LEADING, _BREAK, _ALIGNED, _ROUGHLY = 0.48, 0.8, 1.6, 4.0, 0.5, 1.5
_WIDER = 1.5  # a gap that much wider than those between the rows above ends a table
_MIN_ROWS, _MAX_COLUMNS, _MAX_ROWS = 3, 30, 200
_MARK = re.compile(r"(?:[^\w\s]{1,2}|[.\s]+|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s*$")
_DIGIT = re.compile(r"\d")
_MAX_MEDIAN_CHARS = 30  # longer cells are the columns of a text


@dataclass(frozen=True)
class Fragment:
    """A piece of text as the page places it; `line` counts the lines of the page's text."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    line: int


@dataclass
class _Cell:
    text: str
    left: float
    right: float
    low: float

    def add(self, fragment: Fragment) -> None:
        self.text = f"{self.text} {fragment.text}"
        self.right = max(self.right, _right(fragment))
        self.low = fragment.y


@dataclass
class _Row:
    first: int
    last: int
    y: float
    size: float
    bold: bool
    fragments: int = 0
    cells: list[_Cell] = field(default_factory=list)

    @property
    def low(self) -> float:
        """The baseline of its lowest line."""
        return min(cell.low for cell in self.cells)


@dataclass(frozen=True)
class Region:
    """A table in place of the lines [first, end): its rows as text, and as a table."""

    first: int
    end: int
    rows: tuple[str, ...]
    tables: tuple[TableDraft, ...]


def regions(fragments: Sequence[Fragment]) -> Iterator[Region]:
    """The tables of a page, from its top down."""
    run: list[_Row] = []
    rows = list(_rows(fragments))
    on_line = Counter(fragment.line for fragment in fragments)
    for place, row in enumerate(rows):
        following = rows[place + 1] if place + 1 < len(rows) else None
        if run and not _belongs(run, row, following):
            yield from _region(run, on_line)
            run = []
        if run or len(row.cells) > 1:
            run.append(row)
    yield from _region(run, on_line)


def _right(fragment: Fragment) -> float:
    return fragment.x + len(fragment.text) * fragment.size * _WIDTH


def _rows(fragments: Sequence[Fragment]) -> Iterator[_Row]:
    """Fragments that stand side by side."""
    row: _Row | None = None
    for fragment in fragments:
        if row is None or not _joined(row, fragment):
            if row is not None:
                yield row
            row = _Row(fragment.line, fragment.line, fragment.y, fragment.size, fragment.bold)
            row.cells.append(_cell(fragment))
        row.last = fragment.line
        row.fragments += 1
        row.bold = row.bold and fragment.bold
    if row is not None:
        yield row


def _cell(fragment: Fragment) -> _Cell:
    return _Cell(fragment.text, fragment.x, _right(fragment), fragment.y)


def _joined(row: _Row, fragment: Fragment) -> bool:
    """Put the fragment into the row if it stands there."""
    last, size = row.cells[-1], max(row.size, 1.0)
    if abs(fragment.y - row.y) <= _BASELINE * size and fragment.x > last.left:
        row.cells.append(_cell(fragment))
        return True
    below = last.low - fragment.y
    if len(row.cells) > 1 and abs(fragment.x - last.left) <= size / 2 and 0 < below <= _LEADING * size:
        last.add(fragment)
        return True
    return False


def _belongs(run: Sequence[_Row], row: _Row, following: _Row | None) -> bool:
    """Whether a row goes on with the table above it; a lone cell does when the table goes on below it."""
    gaps = [above.low - below.y for above, below in zip(run, [*run[1:], row], strict=True)]
    most = _WIDER * max(gaps[:-1]) if len(gaps) > 1 else _BREAK * row.size
    if gaps[-1] <= 0 or gaps[-1] > most or len(run) >= _MAX_ROWS:
        return False
    if len(row.cells) > 1:
        return True
    left, right = min(cell.left for cell in run[0].cells), max(cell.right for cell in run[0].cells)
    return (
        following is not None
        and len(following.cells) > 1
        and left - row.size <= row.cells[0].left <= right
        and len(row.cells[0].text) <= 2 * _MAX_MEDIAN_CHARS
    )


def _region(run: list[_Row], on_line: Counter[int]) -> Iterator[Region]:
    while run and len(run[-1].cells) < 2:
        run = run[:-1]
    texts = [len(cell.text.strip()) for row in run for cell in row.cells]
    if sum(len(row.cells) > 1 for row in run) < _MIN_ROWS or median(texts) > _MAX_MEDIAN_CHARS:
        return
    lines = range(run[0].first, run[-1].last + 1)
    if sum(on_line[line] for line in lines) != sum(row.fragments for row in run):
        return  # something else stands on its lines and would be lost
    columns = _columns(run)
    raw = None if columns is None else _raw_rows(run, columns)
    if raw is None:
        return
    tables: list[TableDraft] = []
    rows = tuple(_line(row) for _, row in read_table(raw, None, tables, _known_rows(run)))
    yield Region(lines.start, lines.stop, rows, tuple(tables))


def _columns(run: Sequence[_Row]) -> list[tuple[float, float]] | None:
    """[left, right) of each column, by the fullest rows; None when they are no grid."""
    count = max(len(row.cells) for row in run)
    full = [row for row in run if len(row.cells) == count]
    if count > _MAX_COLUMNS or len(full) * 3 < len(run):
        return None
    columns = [[row.cells[place] for row in full] for place in range(count)]
    for left, right in zip(columns, columns[1:], strict=False):
        if max(cell.left for cell in left) >= min(cell.left for cell in right):
            return None
    if len(columns) < 2 or len(full) < _MIN_ROWS or any(_is_marks(column) for column in columns):
        return None  # a list, or a table of contents
    body = [column[1:] if full[0] is run[0] else column for column in columns]  # headers stand as they like
    if not all(_is_aligned(column, run[0].size) for column in body):
        return None
    return [(min(cell.left for cell in column), max(cell.right for cell in column)) for column in columns]


def _is_marks(cells: Sequence[_Cell]) -> bool:
    """Whether a column holds bullets, numbers of a list, or dots that lead to a page number."""
    return all(_MARK.match(cell.text) for cell in cells[1:])


def _is_aligned(cells: Sequence[_Cell], size: float) -> bool:
    """Whether cells stand under each other at their left, at their right, or about their middle."""
    spreads = [
        (max(places) - min(places), allowed * size)
        for places, allowed in (
            ([cell.left for cell in cells], _ALIGNED),
            ([cell.right for cell in cells], _ROUGHLY),
            ([cell.left + cell.right for cell in cells], 2 * _ROUGHLY),
        )
    ]
    return any(spread <= allowed for spread, allowed in spreads)


def _raw_rows(run: Sequence[_Row], columns: Sequence[tuple[float, float]]) -> list[RawRow] | None:
    """The rows with their cells in columns; None when any does not fit."""
    found: list[RawRow] = []
    for number, row in enumerate(run, start=1):
        is_full = len(row.cells) == len(columns)
        cells: list[Cell] = []
        for place, cell in enumerate(row.cells):
            column = place if is_full else _column_of(cell, columns)
            if cells and column <= cells[-1].column:
                return None
            text = " ".join(cell.text.split())
            width = (
                1 if is_full else sum(sum(middle) / 2 < cell.right for middle in columns[column + 1 :]) + 1
            )
            cells.append(Cell(column, text, not VALUE.match(text), width))
        found.append((number, [_clipped(cell, after) for cell, after in zip_longest(cells, cells[1:])]))
    return found


def _column_of(cell: _Cell, columns: Sequence[tuple[float, float]]) -> int:
    """The column that a cell shares most room with, or stands next to."""
    return max(
        range(len(columns)),
        key=lambda place: min(cell.right, columns[place][1]) - max(cell.left, columns[place][0]),
    )


def _clipped(cell: Cell, after: Cell | None) -> Cell:
    return cell if after is None else replace(cell, width=min(cell.width, after.column - cell.column))


def _known_rows(run: Sequence[_Row]) -> int | None:
    """None where the first row may be a header: bold, or words over numbers, or set further right; else 0."""
    first, body = run[0], run[1:]
    if first.bold and not any(row.bold for row in body):
        return None
    if first.cells[0].left > min(row.cells[0].left for row in body) + 2 * first.size:
        return None
    for cell in first.cells:
        below = [
            other.text for row in body for other in row.cells if abs(other.left - cell.left) < 4 * first.size
        ]
        has_digits = sum(bool(_DIGIT.search(text)) for text in below)
        is_name = not _DIGIT.search(cell.text) or (len(first.cells) > 2 and YEAR.match(cell.text))
        if is_name and has_digits * 3 >= len(below) * 2 > 2:
            return None
    return 0


def _line(row: Row) -> str:
    """A row as text; without headers, the first of two cells says what the second is."""
    if len(row.cells) == 2 and not any(header for header, _ in row.cells):
        return cell_text(row.cells[0][1].rstrip(":"), row.cells[1][1])
    return row.text
