"""One query over one table: a small closed shape, run on the cells in memory. No SQL comes from outside.

Sums are exact and are written as the cells are. What cannot be answered is refused with what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.values import (
    Number,
    date_of,
    fold,
    holds,
    is_empty,
    number_of,
    shown,
    stem,
    time_of,
    words,
)

Text = Annotated[str, Field(max_length=500)]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "empty", "filled"]
Aggregate = Literal[
    "count",
    "count_distinct",
    "sum",
    "average",
    "min",
    "max",
    "difference",
    "most_common",
    "least_common",
]
MAX_ROWS = 50
_EXTRA_DECIMALS = 2  # of an average, beyond those of the cells


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Condition(_Strict):
    """What a cell must be. Numbers and dates are compared by value, text without regard to case."""

    column: Text
    op: Operator = "="
    value: Text | list[Text] = Field(
        default="", description="A list means any of these (with = and contains)."
    )


class TableQuery(_Strict):
    """A question to one table."""

    table: Text = Field(default="", description="The table's name; without one the tables are listed.")
    select: list[Text] = Field(default=[], max_length=20, description="Columns to return; none = all.")
    where: list[Condition] = Field(default=[], max_length=10, description="All of them must hold.")
    aggregate: Aggregate | None = Field(
        default=None,
        description="Over the selected cells of the rows found. min and max return the rows that have it in "
        "the first selected column; difference is the largest minus the smallest; most_common groups by "
        "the first selected column.",
    )
    order_by: Text | None = Field(default=None, description="None keeps the table's own order.")
    descending: bool = False
    limit: int = Field(default=10, ge=1, le=MAX_ROWS)
    step: Literal["next", "previous"] | None = Field(
        default=None, description="Return the row after or before each row found, in the table's order."
    )


class QueryRefused(Exception):
    """The query cannot be run; the message says what is wrong and what is there."""


@dataclass(frozen=True)
class ResultRow:
    """A row that was found: its place in the table, what names it, and the texts of the selected cells."""

    position: int
    number: int
    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TableAnswer:
    """What a query gave. `value` is a computed result as text, None for a look-up; `total` counts all rows.

    `rows` are the first rows the answer comes from, `columns` the selected ones.
    """

    table: TypedTable
    query: TableQuery
    columns: tuple[Column, ...]
    rows: tuple[ResultRow, ...]
    total: int
    value: str | None = None
    skipped: int = 0  # empty cells that were left out of a computation


def run(query: TableQuery, table: TypedTable) -> TableAnswer:
    """Answer a query from the cells. Raises QueryRefused."""
    selected = tuple(_column(table, name) for name in query.select) or table.columns
    rows = list(range(len(table.row_numbers)))
    for condition in query.where:
        rows = matching(rows, condition, _column(table, condition.column))
    if query.aggregate is not None and len(rows) > 1:
        rows = [row for row in rows if row not in table.totals]
    if query.order_by is not None:
        rows = _ordered(rows, _column(table, query.order_by), query.descending)
    elif query.descending:
        rows.reverse()
    if query.step is not None:
        shift = 1 if query.step == "next" else -1
        rows = [row + shift for row in rows if 0 <= row + shift < len(table.row_numbers)]
    return _aggregated(query, table, selected, rows)


def _column(table: TypedTable, name: str) -> Column:
    column = table.column(name)
    if column is None:
        there = ", ".join(f'"{column.name}"' for column in table.columns)
        raise QueryRefused(f'The table has no column "{name}"; its columns are {there}.')
    return column


def matching(rows: Sequence[int], condition: Condition, column: Column) -> list[int]:
    """Those of the rows for which a condition holds. Raises QueryRefused."""
    if condition.op in ("empty", "filled"):
        return [row for row in rows if is_empty(column.texts[row]) is (condition.op == "empty")]
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    if condition.op in ("=", "!="):
        return [
            row for row in rows if any(_same(column, row, value) for value in values) is (condition.op == "=")
        ]
    if condition.op == "contains":
        return [row for row in rows if any(_contains(column, row, value) for value in values)]
    return _compared(rows, condition.op, values[0], column)


def _same(column: Column, row: int, value: str) -> bool:
    if column.folded[row] == fold(value):
        return True
    own, wanted = column.numbers[row], number_of(value, column.mark)
    if own is not None and wanted is not None:
        return own.value == wanted.value and (not wanted.unit or wanted.unit == own.unit)
    date = column.dates[row]
    return date is not None and date == date_of(value)


def _contains(column: Column, row: int, value: str) -> bool:
    """Whether the cell holds this text, or its words in another form."""
    wanted = fold(value)
    run = [stem(word) for word in words(wanted)]
    return wanted in column.folded[row] or (bool(run) and holds(column.stems[row], run))


def _compared(rows: Sequence[int], op: str, value: str, column: Column) -> list[int]:
    bound = _bound(column, value)
    signs = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[op]
    found = []
    for row in rows:
        key = column.key(row)
        if key is not None and _sign(key, bound) in signs:
            found.append(row)
    return found


def _sign(key: Decimal | tuple[int, ...], bound: Decimal | tuple[int, ...]) -> int | None:
    """-1, 0 or 1 as the key is below, at or above the bound; a date is compared as far as the bound goes."""
    if isinstance(key, Decimal) and isinstance(bound, Decimal):
        return (key > bound) - (key < bound)
    if isinstance(key, tuple) and isinstance(bound, tuple):
        own, other = key[: len(bound)], bound[: len(key)]
        return (own > other) - (own < other)
    return None


def _bound(column: Column, value: str) -> Decimal | tuple[int, ...]:
    """The value to compare with, in the column's own kind. Raises QueryRefused."""
    bound: Decimal | tuple[int, ...] | None
    if column.kind == "date":
        year = number_of(value, column.mark)
        bound = date_of(value) or ((int(year.value),) if year is not None else None)
    elif column.kind == "time":
        bound = time_of(value)
    else:
        number = number_of(value, column.mark)
        bound = None if number is None else number.value
    if column.kind == "text" or bound is None:
        raise QueryRefused(
            f'"{value}" cannot be compared with the cells of "{column.name}", which hold {_kind_of(column)}.'
        )
    return bound


def _ordered(rows: Sequence[int], column: Column, descending: bool) -> list[int]:
    if column.kind == "text":
        filled = [row for row in rows if not is_empty(column.texts[row])]
        return sorted(filled, key=lambda row: column.folded[row], reverse=descending)
    keyed = [(key, row) for row in rows if (key := column.key(row)) is not None]
    return [row for _, row in sorted(keyed, key=lambda pair: pair[0], reverse=descending)]


def _aggregated(
    query: TableQuery, table: TypedTable, columns: tuple[Column, ...], rows: Sequence[int]
) -> TableAnswer:
    match query.aggregate:
        case None:
            return _answer(query, table, columns, rows)
        case "count":
            return _answer(query, table, columns, rows, value=str(len(rows)))
        case "count_distinct":
            first = columns[0]
            distinct = {first.folded[row]: row for row in reversed(rows) if not is_empty(first.texts[row])}
            found = sorted(distinct.values())
            return _answer(query, table, columns, found, value=str(len(found)))
        case "min" | "max":
            return _answer(query, table, columns, _extreme(rows, columns[0], query.aggregate))
        case "most_common" | "least_common":
            return _most_common(query, table, columns, rows)
        case _:
            return _computed(query, table, columns, rows)


def _answer(
    query: TableQuery,
    table: TypedTable,
    columns: tuple[Column, ...],
    rows: Sequence[int],
    value: str | None = None,
    skipped: int = 0,
) -> TableAnswer:
    shown_rows = tuple(
        ResultRow(
            row,
            table.row_numbers[row],
            table.key.texts[row],
            tuple(column.texts[row] for column in columns),
        )
        for row in rows[: query.limit]
    )
    return TableAnswer(table, query, columns, shown_rows, len(rows), value, skipped)


def _extreme(rows: Sequence[int], column: Column, aggregate: str) -> list[int]:
    """All rows that have the smallest or largest value. Raises QueryRefused."""
    keyed = [(key, row) for row in rows if (key := column.key(row)) is not None]
    if rows and not keyed:
        raise QueryRefused(f'"{column.name}" holds {_kind_of(column)}, which have no {aggregate}.')
    if not keyed:
        return []
    keys = [key for key, _ in keyed]
    best = max(keys) if aggregate == "max" else min(keys)
    return [row for key, row in keyed if key == best]


def _most_common(
    query: TableQuery, table: TypedTable, columns: tuple[Column, ...], rows: Sequence[int]
) -> TableAnswer:
    groups: dict[str, list[int]] = {}
    for row in rows:
        if not is_empty(columns[0].texts[row]):
            groups.setdefault(columns[0].folded[row], []).append(row)
    if not groups:
        return _answer(query, table, columns, [])
    sizes = [len(group) for group in groups.values()]
    size = max(sizes) if query.aggregate == "most_common" else min(sizes)
    best = [group[0] for group in groups.values() if len(group) == size]
    return _answer(query, table, columns, best, value=str(size))


def _computed(
    query: TableQuery, table: TypedTable, columns: tuple[Column, ...], rows: Sequence[int]
) -> TableAnswer:
    """Sum, average or difference of the selected cells. Raises QueryRefused."""
    cells, skipped = _numbers(columns, rows, str(query.aggregate))
    if query.aggregate == "difference" and len(cells) < 2:
        raise QueryRefused(f"A difference needs two cells; the query finds {len(cells)}.")
    if not cells:
        raise QueryRefused("The query finds no cell to compute with.")
    values = [cell.value for cell in cells]
    decimals = max(cell.decimals for cell in cells)
    if query.aggregate == "sum":
        result = sum(values, Decimal(0))
    elif query.aggregate == "difference":
        result = max(values) - min(values)
    else:
        result = sum(values, Decimal(0)) / len(values)
        result = result.quantize(Decimal(1).scaleb(-decimals - _EXTRA_DECIMALS), rounding=ROUND_HALF_UP)
    text = shown(result, cells, columns[0].mark)
    return _answer(query, table, columns, rows, value=text, skipped=skipped)


def _numbers(columns: Sequence[Column], rows: Sequence[int], aggregate: str) -> tuple[list[Number], int]:
    """The cells as numbers of one unit, and how many are empty. Raises QueryRefused."""
    cells: list[Number] = []
    skipped = 0
    for row in rows:
        for column in columns:
            if is_empty(column.texts[row]):
                skipped += 1
                continue
            number = column.numbers[row]
            if number is None:
                raise QueryRefused(
                    f'The {aggregate} of "{column.name}" cannot be computed: "{column.texts[row][:60]}" is '
                    f"no number; the column holds {_kind_of(column)}."
                )
            cells.append(number)
    units = sorted({cell.unit for cell in cells} - {""})
    if len(units) > 1:
        raise QueryRefused(f"The {aggregate} cannot be computed over different units: {', '.join(units)}.")
    return cells, skipped


def _kind_of(column: Column) -> str:
    """What a column holds, in words."""
    if column.kind == "number":
        units = ", ".join(unit for unit in column.units if unit)
        return f"numbers ({units})" if units else "numbers"
    return {"date": "dates", "time": "times", "text": "text"}[column.kind]


def described(column: Column) -> str:
    """A column as it is listed: its name, what it holds, and two of its values."""
    samples = list(dict.fromkeys(column.texts[row][:30] for row in column.filled[:20]))[:2]
    return f"{column.name} ({_kind_of(column)}; such as {' / '.join(samples)})" if samples else column.name
