"""What all readers share: a reader is `read(path, filename, caps)`, which yields the pages of one file,
and the tables in them after their last page.

It refuses with an error of knowledge.errors, opens nothing but `path`, and decides every place a citation
shows (offset, page, sheet, row).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from knowledge.errors import Corrupt, SourceRefused
from knowledge.pages import TableDraft

__all__ = ["TableDraft", "damage_refused"]


@dataclass(frozen=True)
class TableDraft:
    """One table as it stands in its file; every row has as many cells as the header.

    Rows are (1-based number as in the file, cells as shown), an empty cell is "". `title` is what stands above
    the table; `page` is for tables of a document with pages.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    sheet: str | None = None
    title: str = ""
    page: int | None = None


@contextmanager
def damage_refused() -> Iterator[None]:
    """Whatever a parser trips over in this file becomes one named refusal. Raises Corrupt."""
    try:
        yield
    except (SourceRefused, MemoryError):
        raise
    except Exception as error:  # on damaged files parsers raise anything
        raise Corrupt("The file is damaged, or not what its name says.") from error
