"""Rows as they stand, under the header that was found: for those who take rows over, not search them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from pathlib import Path

from knowledge.errors import UnsupportedType
from knowledge.limits import Caps, Kind, check_columns, check_text
from knowledge.readers import csv, excel
from knowledge.readers.headers import RawRow, header_rows, joined
from knowledge.readers.tables import Budget

# Loaded when the first file of the kind comes.
_LATE = {"calamine": "knowledge.readers.calamine", "ods": "knowledge.readers.ods"}
_LOOK_AHEAD = 20  # rows in which a header is looked for
_BATCH = 500

Sheets = Callable[[Path, Budget], Iterator[tuple[str, Iterator[RawRow]]]]
SentRow = tuple[int, list[tuple[int, str]]]  # number, filled cells as (column, text)


@dataclass
class Sheet:
    """One sheet; `batches` is to be used up before `hidden` and the next sheet are looked at."""

    name: str
    header: dict[int, str]
    header_row: int  # 0: there is none
    batches: Iterator[list[SentRow]]
    hidden: int = 0


def sheets(kind: Kind, path: Path, caps: Caps) -> Iterator[Sheet]:
    """The visible sheets. Raises UnsupportedType for what is no table, and what its reader refuses."""
    budget = Budget(caps)
    for name, rows in _reader(kind)(path, budget):
        sheet = Sheet(name, {}, 0, iter(()))
        shown = _shown(budget.counted(rows), sheet, budget)
        first_column = 1 if kind == "excel" else 0  # that reader counts from 1
        window = list(islice(shown, _LOOK_AHEAD))
        place = header_rows(window)
        if place is not None:
            first, end = place
            sheet.header = {
                column - first_column: " ".join(text.split())
                for column, text in joined(window[first:end], window).items()
            }
            sheet.header_row = window[end - 1][0]
            window = window[end:]
        sheet.batches = _batches(chain(window, shown), first_column)
        yield sheet


def _reader(kind: Kind) -> Sheets:
    if kind == "csv":
        return csv.sheets
    if kind == "excel":
        return excel.sheets
    if kind not in _LATE:
        raise UnsupportedType("The file is no table; allowed are CSV, Excel and OpenDocument sheets.")
    found: Sheets = import_module(_LATE[kind]).sheets
    return found


def _shown(rows: Iterable[RawRow], sheet: Sheet, budget: Budget) -> Iterator[RawRow]:
    """The rows that hold something; those that the sheet hides are counted."""
    for number, cells in rows:
        if not cells:
            sheet.hidden += 1
            continue
        if all(cell.repeats for cell in cells):
            continue
        check_columns(cells[-1].column + 1, budget.caps.max_columns)
        budget.chars += sum(len(cell.text) for cell in cells)
        check_text(budget.chars, budget.caps.max_text_chars)
        yield number, cells


def _batches(rows: Iterator[RawRow], first_column: int) -> Iterator[list[SentRow]]:
    while batch := [
        (number, [(cell.column - first_column, cell.text) for cell in cells])
        for number, cells in islice(rows, _BATCH)
    ]:
        yield batch
