"""Delimited text: encoding, delimiter and quoting are found out, each record becomes a row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from knowledge.limits import Caps, check_columns
from knowledge.pages import Page
from knowledge.readers.tables import Budget, Cell, RawRow, table_pages
from knowledge.readers.text import decode_text

_DELIMITERS = ",;\t|"
_SAMPLE_CHARS, _SAMPLE_ROWS = 64 * 1024, 100
_MAX_FIELD_CHARS = 1_000_000  # a longer one is a quote that was never closed
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]{3,}(?![^\W_])")
_ESCAPED_QUOTE = re.compile(r"\\\"[^\",;\t|\r\n]")  # \" inside a field, where others write ""
_SAID = re.compile(r"sep=([,;\t|])\s*?(?:\r\n|\n|\r)", re.IGNORECASE)
_SPACE_BEFORE_QUOTE = re.compile(r"[,;\t|] +\"")
VALUE = re.compile(
    r"[-+(]?\s*(?:[$€£¥]|[A-Z]{3}\b)?\s*[-+]?\d[\d.,'\s]*\s*(?:%|[$€£¥]|[A-Z]{3}\b)?\)?$"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}:\d{2}.*)?$|-+$|n/?a$|null$",
    re.IGNORECASE,
)

csv.field_size_limit(_MAX_FIELD_CHARS)


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The table in batches of rows. Raises Corrupt (not text), TooManyRows, TooManyCells, TooMuchText."""
    text = decode_text(path.read_bytes())
    stem = Path(filename).stem
    # The file's name is the only name this table has; one without words says nothing.
    name = " ".join(re.split(r"[_\s]+", stem)).strip() if _WORD.search(stem) else ""
    yield from table_pages(_rows(text), None, name, Budget(caps))


def _rows(text: str) -> Iterator[RawRow]:
    for number, record in _numbered(text):
        cells = [
            Cell(column, value, not VALUE.match(value))
            for column, field in enumerate(record)
            if (value := " ".join(field.split()))
        ]
        if cells:
            yield number, cells


def _numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    said = _SAID.match(text)  # Excel's note of the delimiter is a line, but no record
    records = _records(text[said.end() :], said.group(1)) if said else _records(text)
    return enumerate(records, start=2 if said else 1)


def sheets(path: Path, budget: Budget) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """The one table of the file, its cells to the letter. Raises Corrupt (not text), TooManyColumns."""
    yield "", _exact_rows(decode_text(path.read_bytes()), budget.caps)


def _exact_rows(text: str, caps: Caps) -> Iterator[RawRow]:
    for number, record in _numbered(text):
        check_columns(len(record), caps.max_columns)
        cells = [
            Cell(column, field, not VALUE.match(field.strip()))
            for column, field in enumerate(record)
            if field and not field.isspace()
        ]
        if cells:
            yield number, cells


def _records(text: str, delimiter: str = "") -> Iterator[list[str]]:
    """Records in order; where quoting turns out broken, quotes are taken as letters."""
    delimiter = delimiter or _delimiter(text)
    spaced = bool(_SPACE_BEFORE_QUOTE.search(text, 0, _SAMPLE_CHARS))
    escape = "\\" if _ESCAPED_QUOTE.search(text, 0, _SAMPLE_CHARS) else None
    source = io.StringIO(text, newline="")
    if _quotes_are_closed(text, delimiter, spaced):
        yield from csv.reader(source, delimiter=delimiter, skipinitialspace=spaced, escapechar=escape)
    else:
        yield from csv.reader(source, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _quotes_are_closed(text: str, delimiter: str, spaced: bool) -> bool:
    """Whether no field runs on and on, as behind a lone quotation mark."""
    if '"' not in text:
        return True
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced):
            if any(field.count("\n") > 200 for field in record):
                return False
    except csv.Error:
        return False
    return True


def _delimiter(text: str) -> str:
    """The one that gives most rows of the sample the same number of fields, and more than one."""
    sample = text[:_SAMPLE_CHARS]
    return max(_DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))


def _regularity(sample: str, delimiter: str) -> tuple[float, int]:
    """(share of rows with the usual number of fields, that number)."""
    counts: Counter[int] = Counter()
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True):
            if record:
                counts[len(record)] += 1
            if counts.total() == _SAMPLE_ROWS:
                break
    except csv.Error:
        return 0.0, 0
    total = counts.total()
    counts.pop(1, None)
    if not counts:
        return 0.0, 0
    fields, rows = max(counts.items(), key=lambda item: (item[1], item[0]))
    return round(rows / total, 1), fields
