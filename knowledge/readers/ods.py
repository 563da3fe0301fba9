"""OpenDocument sheets: numbers as they are shown, dates as ISO, hidden rows and columns left out.

Read here and not by python-calamine, which gives neither the shown text of a number nor what is hidden or
merged; the file holds all of it in plain sight.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from knowledge.errors import Corrupt, Encrypted
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers.base import check_unpacked, damage_refused
from knowledge.readers.cells import shown
from knowledge.readers.decoding import sniff
from knowledge.readers.headers import Cell, RawRow
from knowledge.readers.merges import Merges
from knowledge.readers.tables import Budget, table_pages

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_MAX_COLUMNS = 16_384


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The visible sheets in batches of rows.

    Raises Corrupt, Encrypted, FileTooLarge (unpacked), TooManyRows, TooManyCells, TooMuchText.
    """
    budget = Budget(caps)
    for title, rows in sheets(path, budget):
        yield from table_pages(rows, title, "", budget)


def sheets(path: Path, budget: Budget) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """The visible sheets with their rows; each is to be used up before the next is asked for.

    Raises Corrupt, Encrypted, FileTooLarge (unpacked).
    """
    with path.open("rb") as file:
        kind = sniff(file.read(16))
    if kind != "zip":
        raise Corrupt("The file is not an OpenDocument sheet.", found=kind or "unknown")
    check_unpacked(path, budget.caps)
    with damage_refused(), zipfile.ZipFile(path) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise Encrypted("The file is protected by a password.")
        with archive.open("content.xml") as content:
            yield from _Book(budget).sheets(content)


@dataclass
class _Sheet:
    """The sheet that is being read."""

    name: str
    hidden: bool
    merges: Merges = field(default_factory=Merges)
    row: int = 0
    column: int = 0
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    def shows(self, column: int) -> bool:
        """Whether the column is visible."""
        return not any(first <= column < end for first, end in self.hidden_columns)


class _Book:
    """The content of a file, read once from its start to its end."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._hidden_styles: set[str] = set()

    def sheets(self, content: IO[bytes]) -> Iterator[tuple[str, Iterator[RawRow]]]:
        """Every sheet, one after the other."""
        events = iterparse(content, events=("start", "end"))
        style = ""
        for event, element in events:
            if element.tag == f"{_STYLE}style":
                style = element.get(f"{_STYLE}name", "")
            elif element.tag == f"{_STYLE}table-properties" and element.get(f"{_TABLE}display") == "false":
                self._hidden_styles.add(style)
            elif event == "start" and element.tag == f"{_TABLE}table":
                hidden = element.get(f"{_TABLE}style-name", "") in self._hidden_styles
                sheet = _Sheet(element.get(f"{_TABLE}name", ""), hidden)
                rows = self._rows(events, sheet)
                if hidden:
                    for _ in rows:
                        pass
                else:
                    yield sheet.name, rows
                element.clear()

    def _rows(self, events: Iterator[tuple[str, Element]], sheet: _Sheet) -> Iterator[RawRow]:
        """The rows up to the end of the table that has just begun."""
        above: list[Element] = []
        for event, element in events:
            if event == "start":
                above.append(element)
                continue
            if not above:
                return
            above.pop()
            if element.tag == f"{_TABLE}table-column":
                self._column(element, sheet)
            elif element.tag == f"{_TABLE}table-row":
                yield from self._row(element, sheet)
                element.clear()
                if above:
                    above[-1].clear()

    @staticmethod
    def _column(element: Element, sheet: _Sheet) -> None:
        count = _number(element, "number-columns-repeated")
        if element.get(f"{_TABLE}visibility", "visible") != "visible":
            sheet.hidden_columns.append((sheet.column, sheet.column + count))
        sheet.column += count

    def _row(self, element: Element, sheet: _Sheet) -> Iterator[RawRow]:
        count = _number(element, "number-rows-repeated")
        is_hidden = element.get(f"{_TABLE}visibility", "visible") != "visible"
        first, own = sheet.row + 1, list(self._cells(element, sheet))
        sheet.row += count
        for number in range(first, sheet.row + 1):
            cells = sheet.merges.apply(number, own)
            if is_hidden and (own or number == first):
                yield number, []
            elif cells:
                yield number, [cell for cell in cells if sheet.shows(cell.column)]
            else:
                return  # thousands of empty rows end every sheet

    def _cells(self, row: Element, sheet: _Sheet) -> Iterator[Cell]:
        column = 0
        for element in row:
            if element.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            count = _number(element, "number-columns-repeated")
            text = "" if element.tag.endswith("covered-table-cell") else _shown(element)
            if text:
                height, width = (
                    _number(element, "number-rows-spanned"),
                    _number(element, "number-columns-spanned"),
                )
                sheet.merges.add(sheet.row + 1, column, height, min(width, _MAX_COLUMNS))
                is_label = element.get(f"{_OFFICE}value-type", "string") == "string"
                for place in range(column, column + min(count, _MAX_COLUMNS)):
                    yield Cell(place, text, is_label)
            elif element.get(f"{_TABLE}formula") and not element.get(f"{_OFFICE}value-type"):
                self._budget.uncalculated += 1
            column += count


def _number(element: Element, name: str) -> int:
    value = element.get(f"{_TABLE}{name}", "1")
    return max(1, int(value)) if value.isascii() and value.isdigit() else 1


def _shown(element: Element) -> str:
    """The cell as the sheet shows it: dates as ISO, without the comments that hang on it."""
    kind = element.get(f"{_OFFICE}value-type", "")
    moment = element.get(f"{_OFFICE}date-value")
    if kind == "date" and moment:
        return shown(datetime.fromisoformat(moment.removesuffix("Z")), "General")
    if kind == "boolean":
        return shown(element.get(f"{_OFFICE}boolean-value") == "true", "General")
    text = " ".join(" ".join(_paragraph(part) for part in element if part.tag == f"{_TEXT}p").split())
    return text or element.get(f"{_OFFICE}value", "")


def _paragraph(paragraph: Element) -> str:
    parts = [paragraph.text or ""]
    for child in paragraph:
        is_space = child.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break")
        is_note = child.tag in (f"{_OFFICE}annotation", f"{_TEXT}note")
        parts += [" " if is_space else "" if is_note else _paragraph(child), child.tail or ""]
    return "".join(parts)
