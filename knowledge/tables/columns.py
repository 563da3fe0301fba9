"""A table with typed columns: what each holds (numbers, dates, times or text) and in which unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

from knowledge.tables.store import Table
from knowledge.tables.values import (
    Date,
    Mark,
    Number,
    date_of,
    decimal_mark,
    default_mark,
    fold,
    is_empty,
    is_month_first,
    number_of,
    stem,
    time_of,
    words,
)

Kind = Literal["number", "date", "time", "text"]
_TOTALS = frozenset(
    {"total", "totals", "grand total", "totaal", "totalen", "eindtotaal", "gesamt", "summe", "gesamtsumme"}
)
_SAMPLE = 500  # filled cells that tell what a column holds
_SHARE = 0.6  # of the filled cells that must read as numbers for a column of numbers


@dataclass(frozen=True, eq=False)
class Column:
    """One column. Row i of the table has the shown text texts[i]; an empty cell is ""."""

    name: str
    index: int
    texts: tuple[str, ...]

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The texts with case and accents folded."""
        return tuple(map(fold, self.texts))

    @cached_property
    def stems(self) -> tuple[tuple[str, ...], ...]:
        """The words of each cell without their endings."""
        return tuple(tuple(map(stem, words(text))) for text in self.folded)

    @cached_property
    def rows_by_stem(self) -> dict[str, set[int]]:
        """Which rows hold each word, in any of its forms."""
        rows: dict[str, set[int]] = {}
        for row, found in enumerate(self.stems):
            for word in found:
                rows.setdefault(word, set()).add(row)
        return rows

    @cached_property
    def filled(self) -> tuple[int, ...]:
        """The rows whose cell says something."""
        return tuple(row for row, text in enumerate(self.texts) if not is_empty(text))

    @cached_property
    def mark(self) -> Mark:
        """What stands before the decimals."""
        texts = [self.texts[row] for row in self.filled]
        return decimal_mark(texts) or default_mark(texts)

    @cached_property
    def numbers(self) -> tuple[Number | None, ...]:
        """Each cell as an exact number, None where it is none."""
        return tuple(None if is_empty(text) else number_of(text, self.mark) for text in self.texts)

    @cached_property
    def dates(self) -> tuple[Date | None, ...]:
        """Each cell as a date, None where it is none."""
        month_first = is_month_first(self.texts)
        return tuple(date_of(text, month_first=month_first) for text in self.texts)

    @cached_property
    def kind(self) -> Kind:
        """What most of the filled cells are."""
        sample = [self.texts[row] for row in self.filled[:: max(1, len(self.filled) // _SAMPLE)]]
        enough = _SHARE * max(len(sample), 1)
        if sum(date_of(text) is not None for text in sample) >= enough:
            return "date"
        if sum(time_of(text) is not None for text in sample) >= enough:
            return "time"
        mark = decimal_mark(sample) or default_mark(sample)
        if sum(number_of(text, mark) is not None for text in sample) >= enough:
            return "number"
        return "text"

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The units of the numbers, the most usual first; "" is a number without one."""
        counts = Counter(number.unit for number in self.numbers if number is not None)
        return tuple(unit for unit, _ in counts.most_common())

    def key(self, row: int) -> Decimal | Date | None:
        """What the row is ordered by in this column, None where it cannot be ordered."""
        if self.kind == "date":
            return self.dates[row]
        if self.kind == "time":
            return time_of(self.texts[row])
        number = self.numbers[row] if self.kind == "number" else None
        return None if number is None else number.value


@dataclass(frozen=True, eq=False)
class TypedTable:
    """A stored table ready for queries. Rows go by position; `numbers` are the rows' numbers in the file."""

    table: Table

    @property
    def name(self) -> str:
        """What queries call it."""
        return self.table.name

    @cached_property
    def row_numbers(self) -> tuple[int, ...]:
        """The number of each row in its file."""
        return tuple(number for number, _ in self._rows)

    @cached_property
    def totals(self) -> frozenset[int]:
        """The rows that add up the others, so that nothing is counted twice."""
        rows = enumerate(cells for _, cells in self._rows)
        return frozenset(
            row for row, cells in rows if any(fold(cell).rstrip(" :") in _TOTALS for cell in cells)
        )

    @cached_property
    def _rows(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """The rows, without the header where it is repeated."""
        draft = self.table.draft
        return tuple((number, cells) for number, cells in draft.rows if cells != draft.header)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, each with a name of its own."""
        draft = self.table.draft
        names = _names(draft.header)
        rows = [cells for _, cells in self._rows]
        return tuple(
            Column(name, index, tuple(cells[index] for cells in rows)) for index, name in enumerate(names)
        )

    @property
    def size(self) -> int:
        """How many cells it has."""
        return len(self.table.draft.rows) * len(self.table.draft.header)

    def column(self, name: str) -> Column | None:
        """The column of this name, whatever the case."""
        wanted = fold(name)
        return next((column for column in self.columns if fold(column.name) == wanted), None)

    @cached_property
    def key(self) -> Column:
        """The column that names a row: the first whose texts differ nearly everywhere and are words."""
        total = max(len(self.row_numbers), 1)

        def rank(column: Column) -> tuple[bool, bool, int]:
            distinct = len({column.folded[row] for row in column.filled})
            words = sum(_is_words(column.texts[row]) for row in column.filled)
            return distinct < 0.8 * total, words * 2 < total or column.kind != "text", column.index

        return min(self.columns, key=rank)


def _is_words(text: str) -> bool:
    """Whether a cell reads as a name rather than as a code: most of it is letters."""
    return sum(char.isalpha() or char.isspace() for char in text) * 2 > len(text)


def _names(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for index, name in enumerate(header):
        name = " ".join(name.split()) or f"column {letter(index)}"
        names.append(name if name not in names else f"{name} ({letter(index)})")
    return names


def letter(index: int) -> str:
    """A column's letter as a sheet shows it: A, B, … Z, AA."""
    text, left = "", index + 1
    while left:
        left, place = divmod(left - 1, 26)
        text = chr(ord("A") + place) + text
    return text
