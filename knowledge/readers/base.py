"""What all readers share: a reader is `read(path, filename, caps)`, which yields the pages of one file;
each carries the tables that end on it.

It refuses with an error of knowledge.errors, opens nothing but `path`, and decides every place a citation
shows (offset, page, sheet, row).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import Corrupt, FileTooLarge, SourceRefused
from knowledge.limits import Caps
from knowledge.pages import TableDraft

__all__ = ["TableDraft", "check_unpacked", "damage_refused"]

_DAMAGED = "The file is damaged, or not what its name says."
_MEDIA = ("xl/media/", "xl/embeddings/", "docProps/", "Pictures/", "Thumbnails/")  # never unpacked


@contextmanager
def damage_refused() -> Iterator[None]:
    """Whatever a parser trips over in this file becomes one named refusal. Raises Corrupt."""
    try:
        yield
    except (SourceRefused, MemoryError):
        raise
    except Exception as error:  # on damaged files parsers raise anything
        raise Corrupt(_DAMAGED) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # what parsers in Rust raise
            raise Corrupt(_DAMAGED) from error
        raise


def check_unpacked(path: Path, caps: Caps) -> None:
    """Refuse what would unpack to too much, before unpacking anything. Raises FileTooLarge, Corrupt."""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist() if not part.filename.startswith(_MEDIA))
    if unpacked > caps.max_unpacked_bytes:
        raise FileTooLarge(
            f"The file unpacks to {unpacked:,} bytes; the limit is {caps.max_unpacked_bytes:,} bytes.",
            limit=caps.max_unpacked_bytes,
            found=unpacked,
        )
