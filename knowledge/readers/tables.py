"""Rows of filled cells into tables: where the header is, what is a title above it, where a table starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from knowledge.limits import Caps, check_cells, check_rows, check_text
from knowledge.pages import Page, Row, TableDraft

_LOOK_AHEAD = 20  # rows in which a header is looked for
_ROWS_PER_PAGE = 500  # a sheet is handed on in batches, so a large one is never held whole
_MAX_HEADER_CHARS = 120
_MAX_LIST_HEADER_CHARS = 40  # a longer line above a list of single cells is its title, not a header
_MAX_TITLE_CHARS = 160
_MAX_NOTE_ROWS = 5


@dataclass(frozen=True)
class Cell:
    """A filled cell. `is_label`: its value is words, so it may be a header."""

    column: int
    text: str
    is_label: bool


RawRow = tuple[int, Sequence[Cell]]  # the row's number and its filled cells, never none


@dataclass
class Budget:
    """What has been read of one file so far, over all its sheets."""

    caps: Caps
    rows: int = 0
    cells: int = 0
    chars: int = 0

    def counted(self, rows: Iterable[RawRow]) -> Iterator[RawRow]:
        """The rows, counted. Raises TooManyRows, TooManyCells."""
        for row in rows:
            self.rows += 1
            self.cells += len(row[1])
            check_rows(self.rows, self.caps.max_rows)
            check_cells(self.cells, self.caps.max_cells)
            yield row


def table_pages(rows: Iterable[RawRow], sheet: str | None, name: str, budget: Budget) -> Iterator[Page]:
    """One sheet in batches of rows; `name` is indexed with every row. Raises TooMany… and TooMuchText."""
    tables: list[TableDraft] = []
    held: Page | None = None
    for title, batch in _batches(_tables(budget.counted(rows), _Collector(sheet, tables))):
        if held is not None:
            yield held
        lines = [sheet or "", title, *(row.text for row in batch)]
        text = "\n".join(line for line in lines if line) + "\n"
        heading = " > ".join(part for part in (name, title) if part)
        held = Page(text=text, start=budget.chars, sheet=sheet, rows=tuple(batch), title=heading)
        budget.chars += len(text)
        check_text(budget.chars, budget.caps.max_text_chars)
    if held is not None:
        yield replace(held, tables=tuple(tables))


class _Collector:
    """Gathers the rows of each table with the columns they stand in; titles and notes stay out."""

    def __init__(self, sheet: str | None, tables: list[TableDraft]) -> None:
        self._sheet = sheet
        self._tables = tables
        self._rows: list[RawRow] = []
        self._title, self._headers = "", dict[int, str]()

    def begin(self, title: str, headers: dict[int, str]) -> None:
        """A table with this header starts; the one before is whole."""
        self.end()
        self._title, self._headers = title, headers

    def add(self, row: RawRow) -> RawRow:
        """One row of the table."""
        if len(row[1]) > 1 or len(self._headers) == 1:
            self._rows.append((row[0], tuple(row[1])))
        return row

    def end(self) -> None:
        """No more rows come."""
        columns = sorted({*self._headers, *(cell.column for _, cells in self._rows for cell in cells)})
        place = {column: index for index, column in enumerate(columns)}
        rows = []
        for number, cells in self._rows:
            filled = [""] * len(columns)
            for cell in cells:
                filled[place[cell.column]] = cell.text
            rows.append((number, tuple(filled)))
        if rows:
            header = tuple(self._headers.get(column, "") for column in columns)
            self._tables.append(TableDraft(header, tuple(rows), self._sheet, self._title))
        self._rows = []


def _batches(rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, list[Row]]]:
    """Runs of rows under one title, none too long."""
    batch: list[Row] = []
    current = ""
    for title, row in rows:
        if batch and (title != current or len(batch) == _ROWS_PER_PAGE):
            yield current, batch
            batch = []
        current = title
        batch.append(row)
    if batch:
        yield current, batch


def _tables(rows: Iterable[RawRow], table: _Collector) -> Iterator[tuple[str, Row]]:
    """Each data row with its headers and the title above its table, which is gathered in `table`."""
    headers: dict[int, str] = {}
    title = ""
    seen = False
    notes: list[RawRow] = []  # a few lone lines: the title of what follows, or the end of what went before
    for block in _blocks(rows):
        window = [*notes, *_take(block, _LOOK_AHEAD)]
        fresh, notes = window[len(notes) :], []
        if _is_note(fresh):
            notes = window
            continue
        place = _header_place(window)
        if not seen or (place is not None and _starts_table(window, place, headers)):
            seen = True
            above = window[: place or 0]
            title = _title(above)
            headers = {} if place is None else _headers(window[place][1])
            window = window if place is None else window[place + 1 :]
            table.begin(title, headers)
            for row in above:  # a title may hold a fact ("prices include VAT"), so it can be quoted too
                yield title, _row(row, {})
        for row in chain(window, block):
            yield title, _row(table.add(row), headers)
    yield from _leftover(notes, title, headers, None if seen else table)
    table.end()


def _leftover(
    notes: Sequence[RawRow], title: str, headers: dict[int, str], table: _Collector | None
) -> Iterator[tuple[str, Row]]:
    """Lone lines at the end: notes under a table, or all there is (a header alone, a short list)."""
    if table and len(notes) > 1 and _header_place(notes) == 0:
        headers, notes = _headers(notes[0][1]), notes[1:]
        table.begin(title, headers)
        for row in notes:
            table.add(row)
    for row in notes:
        yield title, _row(row, headers)


def _is_note(rows: Sequence[RawRow]) -> bool:
    """Whether a block is no table by itself: a single row, or a few lines of one cell."""
    return len(rows) == 1 or (len(rows) <= _MAX_NOTE_ROWS and all(len(cells) == 1 for _, cells in rows))


def _title(rows: Sequence[RawRow]) -> str:
    return " ".join(cell.text for _, cells in rows for cell in cells)[:_MAX_TITLE_CHARS]


def _blocks(rows: Iterable[RawRow]) -> Iterator[Iterator[RawRow]]:
    """Stretches without an empty row between them; each must be used up before the next is asked for."""
    source = iter(rows)
    held = next(source, None)

    def block() -> Iterator[RawRow]:
        nonlocal held
        while held is not None:
            current = held
            held = next(source, None)
            yield current
            if held is not None and held[0] > current[0] + 1:
                return

    while held is not None:
        yield block()


def _take(rows: Iterator[RawRow], count: int) -> Iterator[RawRow]:
    """Up to `count` rows, leaving the rest in the iterator."""
    for _ in range(count):
        row = next(rows, None)
        if row is None:
            return
        yield row


def _header_place(window: Sequence[RawRow]) -> int | None:
    """The first row about as wide as the table, if it can be a header; what stands above it is its title."""
    width = max((len(cells) for _, cells in window), default=0)
    if width == 1 and window and len(window[0][1][0].text) > _MAX_LIST_HEADER_CHARS:
        return None
    for place, (_, cells) in enumerate(window):
        if len(cells) * 2 >= width and (len(cells) > 1 or width == 1):
            is_header = any(cell.is_label for cell in cells) or _stands_right_of_labels(
                cells, window[place + 1 :]
            )
            return place if is_header else None
    return None


def _stands_right_of_labels(cells: Sequence[Cell], below: Sequence[RawRow]) -> bool:
    """Whether this is a header of years or numbers over a table whose first column holds the names."""
    first = min(cell.column for cell in cells)
    named = sum(any(cell.is_label and cell.column < first for cell in row) for _, row in below)
    return named * 2 > len(below)


def _starts_table(window: Sequence[RawRow], place: int, headers: dict[int, str]) -> bool:
    """Whether the row at `place`, after an empty row, is the header of another table."""
    cells = window[place][1]
    if len(cells) < 2 or place + 1 >= len(window) or not all(cell.is_label for cell in cells):
        return False
    below = {cell.column: cell.is_label for cell in window[place + 1][1]}
    has_values = any(below.get(cell.column) is False for cell in cells)
    return has_values or {cell.column for cell in cells} != set(headers)


def _headers(cells: Sequence[Cell]) -> dict[int, str]:
    return {cell.column: cell.text[:_MAX_HEADER_CHARS].rstrip(" :") for cell in cells}


def _row(row: RawRow, headers: dict[int, str]) -> Row:
    """A row with its headers; a lone cell at the left of a wide table is a label or a note, not a value."""
    number, cells = row
    if len(cells) == 1 and cells[0].is_label and len(headers) > 2 and cells[0].column == min(headers):
        return Row(number, (("", cells[0].text),))
    return Row(number, tuple((headers.get(cell.column, ""), cell.text) for cell in cells))
