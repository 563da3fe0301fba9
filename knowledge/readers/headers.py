"""Where a table's header is: one row or several, under a title, merged or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER_GAP = " / "
_MAX_HEADER_CHARS = 120
_MAX_LIST_HEADER_CHARS = 40  # a longer line above a list of single cells is its title, not a header
_MAX_HEADER_ROWS = 4
_YEAR = re.compile(r"(?:19|20)\d\d(?:[-/]\d\d(?:\d\d)?)?$")


@dataclass(frozen=True)
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


RawRow = tuple[int, Sequence[Cell]]  # the row's number and its filled cells


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
    headers = {}
    for column in sorted({cell.column for _, cells in window for cell in cells}):
        parts: list[str] = []
        for number, (_, cells) in enumerate(rows):
            text = _above(column, cells, is_last=number == len(rows) - 1)
            if text and text not in parts:
                parts.append(text)
        if parts:
            headers[column] = HEADER_GAP.join(parts)[:_MAX_HEADER_CHARS].rstrip(" :")
    return headers


def starts_table(window: Sequence[RawRow], header: tuple[int, int], headers: dict[int, str]) -> bool:
    """Whether these rows, after an empty row, are the header of another table."""
    first, end = header
    cells = window[first][1]
    if end >= len(window) or len(cells) < 2:
        return False
    if end - first > 1 or joined(window[first:end], window) == headers:
        return True
    if not all(cell.is_label or is_year(cell) for cell in cells) or not any(cell.is_label for cell in cells):
        return False
    below = {cell.column: cell.is_label for cell in window[end][1]}
    has_values = any(below.get(cell.column) is False for cell in cells if cell.is_label)
    return has_values or {cell.column for cell in cells} != set(headers)


def is_year(cell: Cell) -> bool:
    """Whether a number may head a column."""
    return bool(_YEAR.match(cell.text))


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
    under = [cell for cell in own if any(group.covers(cell.column) for group in wide)]
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
    pairs = [(_above(cell.column, upper, is_last=False), cell.text) for cell in lower]
    return len(set(pairs)) == len(pairs)


def _above(column: int, cells: Sequence[Cell], *, is_last: bool) -> str:
    """The text over a column: of the cell there, or in a row of groups of the next one to the left."""
    covering = [cell for cell in cells if cell.covers(column)]
    if covering:
        return covering[0].text
    if is_last or any(cell.width > 1 or cell.repeats for cell in cells):
        return ""
    left = [cell for cell in cells if cell.column < column]
    return left[-1].text if left else ""


def spread(cells: Sequence[Cell], headers: dict[int, str]) -> Iterator[Cell]:
    """The cells of a row, a merged one once for each column it stands in."""
    for cell in cells:
        yield cell
        if cell.width > 1:
            for column in headers:
                if column > cell.column and cell.covers(column):
                    yield Cell(column, cell.text, cell.is_label, repeats=True)
