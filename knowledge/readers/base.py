"""What all readers share: a reader is `read(path, filename, caps)`, which yields the pages of one file;
each carries the tables that end on it.

It refuses with an error of knowledge.errors, opens nothing but `path`, and decides every place a citation
shows (offset, page, sheet, row).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from knowledge.errors import Corrupt, SourceRefused
from knowledge.pages import TableDraft

__all__ = ["TableDraft", "damage_refused"]


@contextmanager
def damage_refused() -> Iterator[None]:
    """Whatever a parser trips over in this file becomes one named refusal. Raises Corrupt."""
    try:
        yield
    except (SourceRefused, MemoryError):
        raise
    except Exception as error:  # on damaged files parsers raise anything
        raise Corrupt("The file is damaged, or not what its name says.") from error
