"""Take one person out of what is kept of imports; the rest of a file stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Holds = Callable[[str], bool]  # True for a cell that names the person


def without(row: Mapping[str, Any], holds: Holds) -> dict[str, str]:
    """What changes in a row of `contact_imports` or `contact_import_batches`; nothing when nobody is named.

    A row that waits to be taken over stays in its place, without cells: it is then refused as empty.
    """
    takes: dict[str, Callable[[Any, Holds], bool]] = {
        "columns": _samples,
        "dry_run": _first_rows,
        "rows": _cells,
        "refused": _refused,
    }
    changes = {}
    for column, take in takes.items():
        kept = json.loads(row[column]) if row.get(column) else None
        if kept is not None and take(kept, holds):
            changes[column] = json.dumps(kept)
    return changes


def _samples(columns: list[dict[str, Any]], holds: Holds) -> bool:
    found = False
    for column in columns:
        others = [one for one in column["samples"] if not holds(one)]
        found = found or len(others) < len(column["samples"])
        column["samples"] = others
    return found


def _first_rows(dry_run: dict[str, Any], holds: Holds) -> bool:
    rows = dry_run["first_rows"]
    dry_run["first_rows"] = [row for row in rows if not _named(row, holds)]
    return len(dry_run["first_rows"]) < len(rows)


def _cells(rows: list[list[Any]], holds: Holds) -> bool:
    named = [row for row in rows if _named(row, holds)]
    for row in named:
        row[1] = []
    return bool(named)


def _refused(rows: list[list[Any]], holds: Holds) -> bool:
    before = len(rows)
    rows[:] = [row for row in rows if not _named(row, holds)]
    return len(rows) < before


def _named(part: object, holds: Holds) -> bool:
    return any(holds(text) for text in _texts(part))


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)
