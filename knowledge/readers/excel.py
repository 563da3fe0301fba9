"""Excel workbooks, cell by cell: only filled cells cost anything, however far apart they stand.

openpyxl's own row iterator fills every gap (two cells at opposite corners would be 17 thousand million); its
sheet parser underneath does not.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol, cast
from xml.etree.ElementTree import Element

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from knowledge.errors import Corrupt, Encrypted
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers.base import check_unpacked, damage_refused
from knowledge.readers.cells import shown
from knowledge.readers.decoding import sniff
from knowledge.readers.headers import Cell, RawRow
from knowledge.readers.merges import Area, Merges
from knowledge.readers.tables import Budget, table_pages

_NOT_PRINTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^<>]*\bref=["']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})["']""")
_PART, _TAG, _PROLOG = 1024 * 1024, 4096, 4096


class _Style(Protocol):
    numFmtId: int


class _Sheet(Protocol):
    """A sheet of a read-only workbook, with the two inner parts that the sheet parser needs."""

    title: str
    sheet_state: str
    _shared_strings: list[str]

    def _get_source(self) -> IO[bytes]: ...


class _Book(Protocol):
    """A read-only workbook, with the inner tables that tell a cell's number format."""

    epoch: datetime
    worksheets: list[_Sheet]
    _cell_styles: list[_Style]
    _number_formats: list[str]
    _date_formats: set[int]
    _timedelta_formats: set[int]

    def close(self) -> None: ...


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The visible sheets in batches of rows, formulas by the value stored with them.

    Raises Corrupt, Encrypted, FileTooLarge (unpacked), TooManyRows, TooManyCells, TooMuchText.
    """
    budget = Budget(caps)
    for title, rows in sheets(path, budget):
        yield from table_pages(rows, title, "", budget)


def sheets(path: Path, budget: Budget) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """The visible sheets with their rows; each is to be used up before the next is asked for.

    Raises Corrupt, Encrypted, FileTooLarge (unpacked).
    """
    _check_container(path, budget.caps)
    with path.open("rb") as file, damage_refused():
        book = cast(_Book, load_workbook(file, read_only=True, data_only=True, keep_links=False))
        try:
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    yield sheet.title, _rows(book, sheet, budget)
        finally:
            book.close()


def _check_container(path: Path, caps: Caps) -> None:
    """Refuse what is no workbook and what would unpack to too much, before unpacking anything."""
    with path.open("rb") as file:
        kind = sniff(file.read(16))
    if kind == "ole":
        # An encrypted workbook is an OLE file around the ZIP; a renamed .xls is one too.
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            raise Encrypted("The file is protected by a password.")
        raise Corrupt("The file is an old Excel file (.xls) under another name.", found="xls")
    if kind != "zip":
        raise Corrupt("The file is not an Excel workbook.", found=kind or "unknown")
    check_unpacked(path, caps)
    with damage_refused(), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.open(name).read(_PROLOG):
                raise Corrupt("The file is damaged: no workbook declares a document type.")


def is_xlsx(path: Path) -> bool:
    """Whether a ZIP file is a workbook in XML, whatever its name. Raises Corrupt."""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.namelist()


def _rows(book: _Book, sheet: _Sheet, budget: Budget) -> Iterator[RawRow]:
    """The filled cells of each row that has any; a row that is hidden, or only covered, comes without."""
    formats = {place: _number_format(book, style.numFmtId) for place, style in enumerate(book._cell_styles)}
    merges = Merges(_merged_areas(sheet))
    with sheet._get_source() as source:
        parser = _Parser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, raw in parser.parse():
            own = [
                Cell(cell["column"], text, isinstance(cell["value"], str))
                for cell in raw
                if cell["value"] is not None
                and (text := printed(shown(cell["value"], formats.get(cell["style_id"] or 0, "General"))))
            ]
            cells = merges.apply(number, own)
            if _is_hidden(parser.row_dimensions.pop(str(number), {}), "ht"):
                yield number, []
            elif cells:
                yield number, [cell for cell in cells if not parser.hides(cell.column)]
        budget.uncalculated += parser.uncalculated


class _Parser(WorkSheetParser):
    """openpyxl's, which also counts the formulas that no program has calculated."""

    uncalculated = 0
    _hidden: list[tuple[int, int]] | None = None

    def parse_cell(self, element: Element) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        is_text = element.get("t") == "str"  # of length zero
        if cell["value"] is None and not is_text and element.find(FORMULA_TAG) is not None:
            self.uncalculated += 1
        return cell

    def hides(self, column: int) -> bool:
        """Whether the column is hidden; known before the first row."""
        if self._hidden is None:
            self._hidden = [
                (int(attributes["min"]), int(attributes.get("max", attributes["min"])))
                for attributes in self.column_dimensions.values()
                if _is_hidden(attributes, "width")
            ]
        return any(first <= column <= last for first, last in self._hidden)


def _is_hidden(attributes: Mapping[str, str], size: str) -> bool:
    return attributes.get("hidden") in ("1", "true") or attributes.get(size) in ("0", "0.0")


def _merged_areas(sheet: _Sheet) -> Iterator[Area]:
    """The merged cells, which the file names after its rows and a reader of rows must know before."""
    held = b""
    with sheet._get_source() as source:
        while part := source.read(_PART):
            held += part
            for match in _MERGED.finditer(held):
                left, top, right, bottom = range_boundaries(match.group(1).decode("ascii"))
                if left and top and right and bottom:
                    yield top, left, bottom, right
            held = held[max(held.rfind(b"<"), held.rfind(b">") + 1, 0) :][-_TAG:]


def printed(text: str) -> str:
    """Without what is no letter: control characters, which Office also writes as _x000D_."""
    if "_x" in text:
        text = unescape(text)
    return " ".join(_NOT_PRINTED.sub(" ", text).split()) if not text.isprintable() else text


def _number_format(book: _Book, number: int) -> str:
    if number < 164:
        return BUILTIN_FORMATS.get(number, "General")
    formats = book._number_formats
    return formats[number - 164] if number - 164 < len(formats) else "General"
