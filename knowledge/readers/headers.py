"""Where a table's header is: one row or several, under a title, merged or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

HEADER_GAP = " / "
_MAX_HEADER_CHARS = 120
_MAX_LIST_HEADER_CHARS = 40  # a longer line above a list of single cells is its title, not a header
_MAX_HEADER_ROWS = 4
YEAR = re.compile(r"(?:19|20)\d\d(?:[-/]\d\d(?:\d\d)?)?$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A filled cell. `is_label`: its value is words, so it may be a header.

    `width`: how many columns it is merged over. `repeats`: it is merged down from a row above.
    """

    column: int
    text: str
    is_label: bool
    width: int = 1
    repeats: bool = False

    def covers(self, column: int) -> bool:
        """Whether the column lies in it."""
        return self.column <= column < self.column + self.width


RawRow = tuple[int, Sequence[Cell]]  # the row's number and its filled cells from left to right


def header_rows(window: Sequence[RawRow]) -> tuple[int, int] | None:
    """[first, end) of the header among the first rows of a table; what stands above it is its title."""
    place = _place(window)
    if place is None:
        return None
    first = place
    if place and _adjoin(window, place - 1) and _groups(window[place - 1][1], window[place][1]):
        first -= 1
    end = place + 1
    while end - first < _MAX_HEADER_ROWS and end < len(window) - 1 and _adjoin(window, end - 1):
        if not _continues(window[end - 1][1], window[end][1], window[end + 1][1]):
            break
        end += 1
    return first, end


def joined(rows: Sequence[RawRow], window: Sequence[RawRow]) -> dict[int, str]:
    """The header of each column of the window: what stands over it in `rows`, "2025 / Q1"."""
    columns = sorted({cell.column for _, cells in window for cell in cells})
    parts: dict[int, list[str]] = {}
    for number, (_, cells) in enumerate(rows):
        for column, text in _above(columns, cells, is_last=number == len(rows) - 1):
            if text not in parts.setdefault(column, []):
                parts[column].append(text)
    return {
        column: HEADER_GAP.join(texts)[:_MAX_HEADER_CHARS].rstrip(" :")
        for column, texts in sorted(parts.items())
    }


def starts_table(
    window: Sequence[RawRow], header: tuple[int, int], headers: dict[int, str], values: set[int]
) -> bool:
    """Whether these rows, after an empty row, are the header of another table.

    `headers` are those of the table before, `values` its columns that held nothing but values.
    """
    first, end = header
    cells, below = window[first][1], window[end:]
    if not below or len(cells) < 2:
        return False
    if end - first > 1 or joined(window[first:end], window) == headers:
        return True
    if not all(cell.is_label or is_year(cell) for cell in cells):
        return False
    if not any(cell.is_label for cell in cells):
        return _stands_right_of_labels(cells, below)
    next_row = {cell.column: cell.is_label for cell in below[0][1]}
    has_values = any(next_row.get(cell.column) is False for cell in cells if cell.is_label)
    is_other = any(cell.column in values and next_row.get(cell.column) for cell in cells if cell.is_label)
    return has_values or is_other or {cell.column for cell in cells} != set(headers)


def is_year(cell: Cell) -> bool:
    """Whether a number may head a column."""
    return bool(YEAR.match(cell.text))


def _adjoin(window: Sequence[RawRow], place: int) -> bool:
    return window[place + 1][0] == window[place][0] + 1


def _place(window: Sequence[RawRow]) -> int | None:
    """The first row about as wide as the table, if it can be a header."""
    width = max((len(cells) for _, cells in window), default=0)
    left = min((cell.column for _, cells in window for cell in cells), default=0)
    if width == 1 and window and len(window[0][1][0].text) > _MAX_LIST_HEADER_CHARS:
        return None
    for place, (_, cells) in enumerate(window):
        size = len(cells)
        if size > 1 or cells[0].column > left:
            size = sum(cell.width for cell in cells)
        if size * 2 >= width and (size > 1 or width == 1):
            below = window[place + 1 :]
            if any(cell.is_label for cell in cells) or _stands_right_of_labels(cells, below):
                return place
            return None
    return None


def _stands_right_of_labels(cells: Sequence[Cell], below: Sequence[RawRow]) -> bool:
    """Whether this is a header of years or numbers over a table whose first column holds the names."""
    first = min(cell.column for cell in cells)
    named = sum(any(cell.is_label and cell.column < first for cell in row) for _, row in below)
    return named * 2 > len(below)


def _continues(upper: Sequence[Cell], lower: Sequence[Cell], below: Sequence[Cell]) -> bool:
    """Whether `lower` is another row of the header that `upper` belongs to."""
    own = [cell for cell in lower if not cell.repeats]
    wide = [cell for cell in upper if cell.width > 1]
    if not all(cell.is_label or is_year(cell) for cell in own):
        return False
    covered = {column for group in wide for column in range(group.column, group.column + group.width)}
    under = [cell for cell in own if cell.column in covered]
    if not under:
        return _groups(upper, lower) and _differ(lower, below)
    single = {cell.column for cell in upper if cell.width == 1}
    return not any(cell.column in single for cell in own) or _differ(under, below)


def _differ(header: Sequence[Cell], below: Sequence[Cell]) -> bool:
    """Whether values stand below these labels."""
    values = {cell.column for cell in below if not cell.is_label}
    return all(cell.is_label for cell in header) and any(cell.column in values for cell in header)


def _groups(upper: Sequence[Cell], lower: Sequence[Cell]) -> bool:
    """Whether `upper`, without merged cells, names groups of the columns in `lower`: "Q1" comes in each."""
    labels = [cell.text for cell in lower]
    if len(upper) < 2 or len(upper) >= len(lower) or len(set(labels)) == len(labels):
        return False
    if not all(cell.is_label for cell in lower) or not all(cell.is_label or is_year(cell) for cell in upper):
        return False
    groups = dict(_above([cell.column for cell in lower], upper, is_last=False))
    return len({(groups.get(cell.column), cell.text) for cell in lower}) == len(lower)


def _above(columns: Iterable[int], cells: Sequence[Cell], *, is_last: bool) -> Iterator[tuple[int, str]]:
    """What stands over each column: the cell there, or in a row of groups the next one to the left."""
    only_there = is_last or any(cell.width > 1 or cell.repeats for cell in cells)
    place = -1
    for column in columns:
        while place + 1 < len(cells) and cells[place + 1].column <= column:
            place += 1
        if place >= 0 and (cells[place].covers(column) or not only_there):
            yield column, cells[place].text


def spread(cells: Sequence[Cell], headers: dict[int, str]) -> Iterator[Cell]:
    """The cells of a row, a merged one once for each column it stands in."""
    for cell in cells:
        yield cell
        for column in range(cell.column + 1, cell.column + cell.width):
            if column in headers:
                yield Cell(column, cell.text, cell.is_label, repeats=True)
