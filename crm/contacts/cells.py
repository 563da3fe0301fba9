"""Cells of a CSV file that a spreadsheet program never runs as a formula, and back.

What begins like a formula gets an apostrophe in front, and so does what an import would take for that; so
every text comes back as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

BOM = "\ufeff"
_RUNS = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """The text as a cell."""
    return f"'{text}" if _RUNS.match(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell."""
    return cell[1:] if _GUARDED.match(cell) else cell


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV; every cell is quoted, so that no program guesses where it ends."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return out.getvalue()


def joined(parts: Iterable[str]) -> str:
    """Several texts in one cell, with commas; one that holds a comma or a quote stands in quotes."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(list(parts))
    return out.getvalue()


def parted(cell: str) -> list[str]:
    """The texts of a cell that `joined` made, or that somebody typed."""
    try:
        records = list(csv.reader(io.StringIO(cell, newline=""), skipinitialspace=True))
    except csv.Error:
        records = [cell.split(",")]
    found = (part.strip() for record in records for part in record)
    return list(dict.fromkeys(part for part in found if part))
