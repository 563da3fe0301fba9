"""Every limit of taking in a source and what its refusal says: KN-01..03 and the caps of reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from knowledge.errors import (
    FileTooLarge,
    TooManyCells,
    TooManyColumns,
    TooManyPages,
    TooManyRows,
    TooManySources,
    TooMuchText,
    UnsupportedType,
)

if TYPE_CHECKING:  # the reading subprocess uses this module and must not pay for loading the settings
    from agentflow.kit.settings import IngestSettings

MIB = 1024 * 1024
# 2 million cells are about 70 MiB of sheet XML; what unpacks to much more is a bomb or over the cell limit.
MAX_UNPACKED_BYTES = 128 * MIB

Kind = Literal["pdf", "excel", "calamine", "ods", "csv", "text", "html", "site"]

READABLE: dict[str, Kind] = {
    ".pdf": "pdf",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "calamine",
    ".xlsb": "calamine",
    ".ods": "ods",
    ".csv": "csv",
    ".tsv": "csv",
    ".ssv": "csv",
    ".txt": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
}
SITE_SUFFIX = ".site"  # the pages of a web site in one file; made by us, never uploaded


def check_type(filename: str) -> Kind:
    """Which reader takes a file of this name. Raises UnsupportedType, which says what is allowed."""
    extension = PurePath(filename).suffix.lower()
    if extension not in READABLE:
        found = extension or "no extension"
        raise UnsupportedType(
            f"Files of type {found} cannot be read; allowed are {', '.join(READABLE)}.",
            found=found,
            allowed=list(READABLE),
        )
    return READABLE[extension]


def kind_of(filename: str) -> Kind:
    """Which reader takes a stored file, those that we make included. Raises UnsupportedType."""
    return "site" if PurePath(filename).suffix == SITE_SUFFIX else check_type(filename)


@dataclass(frozen=True)
class Caps:
    """What one file may cost a reader: counts, code points, bytes, seconds and MiB."""

    max_bytes: int = 20 * MIB
    max_pages: int = 1000
    max_rows: int = 200_000
    max_cells: int = 2_000_000
    max_columns: int = 500  # where rows are asked for as they stand
    max_text_chars: int = 21_000_000
    max_unpacked_bytes: int = MAX_UNPACKED_BYTES
    seconds: float = 120.0
    memory_mb: int = 800

    @classmethod
    def of(cls, settings: IngestSettings) -> Caps:
        """The caps these settings ask for."""
        return cls(
            max_bytes=settings.max_bytes,
            max_pages=settings.max_pages,
            max_rows=settings.max_rows,
            max_cells=settings.max_cells,
            max_text_chars=settings.max_text_chars,
            seconds=settings.seconds_per_file,
            memory_mb=settings.memory_mb,
        )


def check_source_count(found: int, limit: int) -> None:
    """KN-01: `found` sources would be in the knowledge base. Raises TooManySources."""
    if found > limit:
        raise TooManySources(
            f"A knowledge base holds at most {limit} sources; this would be number {found}.",
            limit=limit,
            found=found,
        )


def check_bytes(found: int, limit: int, *, of: str = "The file") -> None:
    """KN-02: `of` would have `found` bytes. Raises FileTooLarge."""
    if found > limit:
        raise FileTooLarge(
            f"{of} has {found:,} bytes; the limit is {in_bytes(limit)}.", limit=limit, found=found
        )


def in_bytes(limit: int) -> str:
    """To the byte, and in MiB where that is a whole number."""
    whole, rest = divmod(limit, MIB)
    return f"{limit:,} bytes" + (f" ({whole} MiB)" if whole and not rest else "")


def check_pages(found: int, limit: int) -> None:
    """KN-03. Raises TooManyPages."""
    if found > limit:
        raise TooManyPages(
            f"The file has {found:,} pages; the limit is {limit:,} pages.", limit=limit, found=found
        )


def check_rows(found: int, limit: int) -> None:
    """Raises TooManyRows; a reader stops at the first row too many, so `found` is at least that."""
    if found > limit:
        raise TooManyRows(f"The file has more than {limit:,} rows.", limit=limit, found=found)


def check_cells(found: int, limit: int) -> None:
    """Raises TooManyCells; a reader stops at the first row that is too much."""
    if found > limit:
        raise TooManyCells(f"The file has more than {limit:,} filled cells.", limit=limit, found=found)


def check_columns(found: int, limit: int) -> None:
    """Raises TooManyColumns."""
    if found > limit:
        raise TooManyColumns(
            f"The file has {found:,} columns; the limit is {limit:,}.", limit=limit, found=found
        )


def check_text(found: int, limit: int) -> None:
    """Raises TooMuchText; `found` in code points."""
    if found > limit:
        raise TooMuchText(
            f"The text has {found:,} characters; the limit is {limit:,}.", limit=limit, found=found
        )
