"""Rows of filled cells into tables: what is a title above one, where the next starts, what stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from knowledge.limits import Caps, check_cells, check_rows, check_text
from knowledge.pages import Page, Row, TableDraft
from knowledge.readers.headers import Cell, RawRow, header_rows, joined, spread, starts_table

__all__ = ["Budget", "Cell", "RawRow", "read_table", "table_pages"]

_LOOK_AHEAD = 20  # rows in which a header is looked for
_ROWS_PER_PAGE = 500  # a sheet is handed on in batches, so a large one is never held whole
_MAX_TITLE_CHARS = 160
_MAX_NOTE_ROWS = 5
_MAX_TABLE_CELLS = 4_000_000  # of one table, empty ones included


@dataclass
class Budget:
    """What has been read of one file so far, over all its sheets."""

    caps: Caps
    rows: int = 0
    cells: int = 0
    chars: int = 0
    uncalculated: int = 0  # formulas that no program has calculated: their values are not known

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
    for title, batch in _batches(read_table(budget.counted(rows), sheet, tables)):
        if held is not None:
            yield held
        lines = [sheet or "", title, *(row.text for row in batch)]
        text = "\n".join(line for line in lines if line) + "\n"
        heading = " > ".join(part for part in (name, title) if part)
        held = Page(text=text, start=budget.chars, sheet=sheet, rows=tuple(batch), title=heading)
        budget.chars += len(text)
        check_text(budget.chars, budget.caps.max_text_chars)
    if held is not None:
        yield replace(held, tables=tuple(tables), uncalculated=budget.uncalculated)
        budget.uncalculated = 0


class _Collector:
    """Gathers the rows of each table with the columns they stand in; titles and notes stay out."""

    def __init__(self, sheet: str | None, tables: list[TableDraft]) -> None:
        self._sheet = sheet
        self._tables = tables
        self._rows: list[RawRow] = []
        self._title, self._headers = "", dict[int, str]()
        self._words, self._values = set[int](), set[int]()

    def begin(self, title: str, headers: dict[int, str]) -> None:
        """A table with this header starts; the one before is whole."""
        self.end()
        self._title, self._headers = title, headers
        self._words, self._values = set(), set()

    @property
    def values(self) -> set[int]:
        """The columns that have held nothing but values so far."""
        return self._values - self._words

    def add(self, row: RawRow) -> RawRow:
        """One row of the table."""
        if not is_note(row[1], self._headers):
            self._rows.append((row[0], tuple(spread(row[1], self._headers))))
            for cell in row[1]:
                (self._words if cell.is_label else self._values).add(cell.column)
        return row

    def end(self) -> None:
        """No more rows come."""
        columns = sorted({*self._headers, *(cell.column for _, cells in self._rows for cell in cells)})
        place = {column: index for index, column in enumerate(columns)}
        is_sparse = len(columns) * len(self._rows) > _MAX_TABLE_CELLS  # its empty cells would fill the memory
        rows = []
        for number, cells in () if is_sparse else self._rows:
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


def read_table(
    rows: Iterable[RawRow], sheet: str | None, tables: list[TableDraft], known: int | None = None
) -> Iterator[tuple[str, Row]]:
    """Each data row with its headers and the title above its table, which is added to `tables`.

    A row without cells of its own is one that is not shown: it only says that there is no gap. `known`: how
    many of the first rows are the header, where the file says so.
    """
    table = _Collector(sheet, tables)
    headers: dict[int, str] = {}
    title = ""
    seen = False
    notes: list[RawRow] = []  # a few lone lines: the title of what follows, or the end of what went before
    for block in _blocks(rows):
        window = [*notes, *_take(block, _LOOK_AHEAD)]
        fresh, notes = window[len(notes) :], []
        if known is None and _is_title(fresh) and len(window) < _LOOK_AHEAD:
            notes = window
            continue
        header = header_rows(window) if known is None else _known_rows(window, known)
        if not seen or (header is not None and starts_table(window, header, headers, table.values)):
            seen = True
            first, end = header or (0, 0)
            above = window[:first]
            title = _title(above)
            headers = joined(window[first:end], window)
            window = window[end:]
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
    if table and len(notes) > 1 and header_rows(notes) == (0, 1):
        headers, notes = joined(notes[:1], notes), notes[1:]
        table.begin(title, headers)
        for row in notes:
            table.add(row)
    for row in notes:
        yield title, _row(row, headers)


def _known_rows(window: Sequence[RawRow], count: int) -> tuple[int, int]:
    """The header without a title that stands in its first row."""
    first = 0
    while first < count - 1 and len(window[first][1]) == 1:
        first += 1
    return first, count


def _is_title(rows: Sequence[RawRow]) -> bool:
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
            if not all(cell.repeats for cell in current[1]):
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


def is_note(cells: Sequence[Cell], headers: dict[int, str]) -> bool:
    """Whether a row is a lone cell at the left of a wide table: a label or a note, not a value."""
    if len(cells) != 1 or not cells[0].is_label or not headers or cells[0].column != min(headers):
        return False
    return len(headers) > 2 or cells[0].width >= len(headers) > 1


def _row(row: RawRow, headers: dict[int, str]) -> Row:
    """A row with its headers."""
    number, cells = row
    if is_note(cells, headers):
        return Row(number, (("", cells[0].text),))
    return Row(number, tuple((headers.get(cell.column, ""), cell.text) for cell in spread(cells, headers)))
