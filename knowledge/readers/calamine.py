"""Old and binary Excel workbooks (.xls, .xlsb): the same rows as of an .xlsx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from knowledge.errors import Corrupt, Encrypted
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import excel
from knowledge.readers.base import check_unpacked, damage_refused
from knowledge.readers.cells import CellValue, shown
from knowledge.readers.decoding import KIND_NAMES, sniff
from knowledge.readers.headers import Cell, RawRow
from knowledge.readers.merges import Merges
from knowledge.readers.sheet_looks import PROTECTED, Look, looks
from knowledge.readers.tables import Budget, table_pages

_READABLE = (SheetTypeEnum.WorkSheet, SheetTypeEnum.MacroSheet, SheetTypeEnum.DialogSheet)


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The visible sheets in batches of rows, formulas by the value stored with them.

    Raises Corrupt, Encrypted, FileTooLarge (unpacked), TooManyRows, TooManyCells, TooMuchText.
    """
    budget = Budget(caps)
    for title, rows in sheets(path, budget):
        yield from table_pages(rows, title, "", budget)


def sheets(path: Path, budget: Budget) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """The visible sheets with their rows. Raises Corrupt, Encrypted, FileTooLarge (unpacked)."""
    with path.open("rb") as file:
        kind = sniff(file.read(16))
    if kind == "zip":
        check_unpacked(path, budget.caps)
    elif kind != "ole":
        found = KIND_NAMES.get(kind, "something else")
        raise Corrupt(f"The file is not an Excel workbook but {found}.", found=kind or "unknown")
    if kind == "zip" and excel.is_xlsx(path):  # saved under its old name
        yield from excel.sheets(path, budget)
        return
    with path.open("rb") as file, damage_refused():
        look = dict(enumerate(looks(path, is_zip=kind == "zip")))
        try:
            book = CalamineWorkbook.from_filelike(file)
        except PasswordError as error:
            raise Encrypted(PROTECTED) from error
        for number, sheet in enumerate(book.sheets_metadata):
            if sheet.visible is SheetVisibleEnum.Visible and sheet.typ in _READABLE:
                try:
                    cells = book.get_sheet_by_index(number)
                except CalamineError:
                    continue
                yield sheet.name, _rows(cells, look.get(number, Look()))


def _rows(sheet: CalamineSheet, look: Look) -> Iterator[RawRow]:
    """The filled cells of each row that has any; rows and columns count from the top left of the sheet."""
    merges = Merges(
        (top + 1, left, bottom + 1, right)
        for top, left, bottom, right in [
            *((*first, *last) for first, last in sheet.merged_cell_ranges or ()),
            *look.merged,
        ]
    )
    for number, values in enumerate(sheet.iter_rows(), start=1):
        own = [
            Cell(column, text, isinstance(value, str))
            for column, value in enumerate(values)
            if (text := _shown(value, look, number - 1, column))
        ]
        cells = merges.apply(number, own)
        if number - 1 in look.hidden_rows:
            yield number, []
        elif cells:
            yield number, [cell for cell in cells if cell.column not in look.hidden_columns]


def _shown(value: CellValue, look: Look, row: int, column: int) -> str:
    if value == "":
        return look.error_of(row, column)
    return excel.printed(shown(value, look.format_of(row, column)))
