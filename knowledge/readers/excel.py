"""Excel workbooks, cell by cell: only filled cells cost anything, however far apart they stand.

openpyxl's own row iterator fills every gap (two cells at opposite corners would be 17 thousand million); its
sheet parser underneath does not.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol, cast

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import WorkSheetParser

from knowledge.errors import Corrupt, Encrypted, FileTooLarge
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers.base import damage_refused
from knowledge.readers.cells import CellValue, shown
from knowledge.readers.decoding import sniff
from knowledge.readers.tables import Budget, Cell, RawRow, table_pages

_NOT_PRINTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MEDIA = ("xl/media/", "xl/embeddings/", "docProps/")  # never unpacked


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
    _check_container(path, caps)
    with path.open("rb") as file, damage_refused():
        book = cast(_Book, load_workbook(file, read_only=True, data_only=True, keep_links=False))
        try:
            budget = Budget(caps)
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    yield from table_pages(_rows(book, sheet), sheet.title, "", budget)
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
    with damage_refused(), zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist() if not part.filename.startswith(_MEDIA))
    if unpacked > caps.max_unpacked_bytes:
        raise FileTooLarge(
            f"The file unpacks to {unpacked:,} bytes; the limit is {caps.max_unpacked_bytes:,} bytes.",
            limit=caps.max_unpacked_bytes,
            found=unpacked,
        )


def _rows(book: _Book, sheet: _Sheet) -> Iterator[RawRow]:
    """The filled cells of each row that has any."""
    formats = {place: _number_format(book, style.numFmtId) for place, style in enumerate(book._cell_styles)}
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, raw in parser.parse():
            cells = [
                Cell(cell["column"], text, isinstance(cell["value"], str))
                for cell in raw
                if cell["value"] is not None
                and (text := _shown(cell["value"], formats.get(cell["style_id"] or 0, "General")))
            ]
            if cells:
                yield number, cells


def _shown(value: CellValue, number_format: str) -> str:
    text = shown(value, number_format)
    if "_x" in text:  # Office writes control characters as _x000D_
        text = " ".join(_NOT_PRINTED.sub(" ", unescape(text)).split())
    return text


def _number_format(book: _Book, number: int) -> str:
    if number < 164:
        return BUILTIN_FORMATS.get(number, "General")
    formats = book._number_formats
    return formats[number - 164] if number - 164 < len(formats) else "General"
