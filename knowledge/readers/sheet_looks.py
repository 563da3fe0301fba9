"""What python-calamine does not tell of .xls and .xlsb: number formats, what is hidden, merged cells.

Only those records are read, and as far as they can be: a sheet without them shows its plain values. Formats
stand in [MS-XLS] 2.4.126 and 2.4.353, [MS-XLSB] 2.4.697 and 2.4.812.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import olefile
from defusedxml.ElementTree import fromstring
from openpyxl.styles.numbers import BUILTIN_FORMATS

from knowledge.errors import Encrypted
from knowledge.readers.merges import Area

PROTECTED = "The file is protected by a password."

_COLUMNS = 16_384
_GENERAL = "General"
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_Record = tuple[int, bytes]


@dataclass
class Look:
    """How a sheet shows its cells; rows and columns count from 0."""

    formats: dict[int, str] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[Area] = field(default_factory=list)

    def format_of(self, row: int, column: int) -> str:
        """The number format of a cell."""
        return self.formats.get(row * _COLUMNS + column, _GENERAL)

    def error_of(self, row: int, column: int) -> str:
        """What a cell shows whose formula failed, "" for other cells."""
        return self.errors.get(row * _COLUMNS + column, "")

    def format(self, row: int, column: int, number_format: str) -> None:
        """Note a cell's number format."""
        if number_format != _GENERAL:
            self.formats[row * _COLUMNS + column] = number_format

    def error(self, row: int, column: int, code: int) -> None:
        """Note that a cell shows an error."""
        self.errors[row * _COLUMNS + column] = _ERRORS.get(code, "#N/A")


def looks(path: Path, *, is_zip: bool) -> list[Look]:
    """One for each sheet in the workbook's order, as many as can be told. Raises Encrypted."""
    found: list[Look] = []
    try:
        for look in _xlsb(path) if is_zip else _xls(path):
            found.append(look)
    except (struct.error, LookupError, ValueError, TypeError, OSError, zipfile.BadZipFile):
        pass
    return found


class _Formats:
    """Number formats by the style of a cell."""

    def __init__(self) -> None:
        self.codes: dict[int, str] = dict(BUILTIN_FORMATS)
        self.styles: list[int] = []

    def of(self, style: int) -> str:
        """The format code of a style."""
        return self.codes.get(self.styles[style], _GENERAL) if style < len(self.styles) else _GENERAL


# --- .xls


def _xls(path: Path) -> Iterator[Look]:
    with olefile.OleFileIO(str(path)) as ole:
        if ole.exists("EncryptedPackage"):
            raise Encrypted(PROTECTED)
        name = "Workbook" if ole.exists("Workbook") else "Book"
        data: bytes = ole.openstream(name).read()
    formats = _Formats()
    sheets: list[int] = []
    is_unicode = True
    for kind, body in _xls_records(data, 0):
        if kind == 0x002F:
            raise Encrypted(PROTECTED)
        if kind == 0x0809:
            is_unicode = body[1] == 6
        elif kind == 0x041E:
            formats.codes[struct.unpack_from("<H", body)[0]] = _xls_text(body, is_unicode)
        elif kind == 0x00E0:
            formats.styles.append(struct.unpack_from("<H", body, 2)[0])
        elif kind == 0x0085:
            sheets.append(struct.unpack_from("<I", body)[0])
    for place in sheets:
        yield _xls_sheet(data, place, formats)


def _xls_records(data: bytes, place: int) -> Iterator[_Record]:
    """The records of one stream, charts inside it left out."""
    depth = 0
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, place)
        depth += (kind == 0x0809) - (kind == 0x000A)
        if depth < 1:
            return
        if depth == 1:
            yield kind, data[place + 4 : place + 4 + length]
        place += 4 + length


def _xls_text(body: bytes, is_unicode: bool) -> str:
    if not is_unicode:
        return body[3 : 3 + body[2]].decode("cp1252", errors="replace")
    count, flags = struct.unpack_from("<HB", body, 2)
    if flags & 1:
        return body[5 : 5 + 2 * count].decode("utf-16-le", errors="replace")
    return body[5 : 5 + count].decode("latin-1")


def _xls_sheet(data: bytes, place: int, formats: _Formats) -> Look:
    look = Look()
    for kind, body in _xls_records(data, place):
        if kind == 0x0208 and struct.unpack_from("<H", body, 12)[0] & 0x20:
            look.hidden_rows.add(struct.unpack_from("<H", body)[0])
        elif kind == 0x007D:
            first, last, _, _, flags = struct.unpack_from("<5H", body)
            if flags & 1:
                look.hidden_columns.update(range(first, min(last, 255) + 1))
        elif kind in (0x0203, 0x027E, 0x0006):
            row, column, style = struct.unpack_from("<3H", body)
            look.format(row, column, formats.of(style))
            if kind == 0x0006 and body[6] == 2 and body[12:14] == b"\xff\xff":
                look.error(row, column, body[8])
        elif kind == 0x0205 and body[7]:
            row, column = struct.unpack_from("<2H", body)
            look.error(row, column, body[6])
        elif kind == 0x00BD:
            row, first = struct.unpack_from("<2H", body)
            for number in range((len(body) - 6) // 6):
                style = struct.unpack_from("<H", body, 4 + 6 * number)[0]
                look.format(row, first + number, formats.of(style))
    return look


# --- .xlsb


def _xlsb(path: Path) -> Iterator[Look]:
    with zipfile.ZipFile(path) as archive:
        targets = {
            part.get("Id", ""): part.get("Target", "")
            for part in fromstring(archive.read("xl/_rels/workbook.bin.rels"))
        }
        formats = _xlsb_formats(archive)
        for kind, body in _xlsb_records(archive.read("xl/workbook.bin")):
            if kind == 156:
                target = targets.get(_xlsb_text(body, 8), "")
                name = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
                yield _xlsb_sheet(archive.read(name), formats)


def _xlsb_formats(archive: zipfile.ZipFile) -> _Formats:
    formats = _Formats()
    if "xl/styles.bin" not in archive.namelist():
        return formats
    in_cells = False
    for kind, body in _xlsb_records(archive.read("xl/styles.bin")):
        if kind == 44:
            formats.codes[struct.unpack_from("<H", body)[0]] = _xlsb_text(body, 2)
        elif kind in (617, 618):
            in_cells = kind == 617
        elif kind == 47 and in_cells:
            formats.styles.append(struct.unpack_from("<H", body, 2)[0])
    return formats


def _xlsb_records(data: bytes) -> Iterator[_Record]:
    place = 0
    while place < len(data):
        kind, place = _varint(data, place, 2)
        length, place = _varint(data, place, 4)
        yield kind, data[place : place + length]
        place += length


def _varint(data: bytes, place: int, most: int) -> tuple[int, int]:
    value = 0
    for number in range(most):
        byte = data[place + number]
        value |= (byte & 0x7F) << 7 * number
        if not byte & 0x80:
            return value, place + number + 1
    return value, place + most


def _xlsb_text(body: bytes, place: int) -> str:
    count = struct.unpack_from("<I", body, place)[0]
    return body[place + 4 : place + 4 + 2 * count].decode("utf-16-le", errors="replace")


def _xlsb_sheet(data: bytes, formats: _Formats) -> Look:
    look = Look()
    row = 0
    for kind, body in _xlsb_records(data):
        if kind == 0:
            row = struct.unpack_from("<I", body)[0]
            if body[11] & 0x10:
                look.hidden_rows.add(row)
        elif kind in (2, 5, 9):
            column, style = struct.unpack_from("<2I", body)
            look.format(row, column, formats.of(style & 0xFFFFFF))
        elif kind in (3, 11):
            look.error(row, struct.unpack_from("<I", body)[0], body[8])
        elif kind == 60:
            first, last, _, _, flags = struct.unpack_from("<4IH", body)
            if flags & 1:
                look.hidden_columns.update(range(first, min(last, _COLUMNS - 1) + 1))
        elif kind == 176:
            top, bottom, left, right = struct.unpack_from("<4I", body)
            look.merged.append((top, left, bottom, right))
    return look
