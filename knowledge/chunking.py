"""Pages into chunks: about 180 words, never more than 220 (400 characters where a script has no spaces)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knowledge.readers.base import Page


@dataclass(frozen=True)
class SentenceDraft:
    """One sentence of a chunk, or one sheet row. Offsets are code points into the extract, None for rows."""

    text: str
    start: int | None
    end: int | None
    row: int | None


@dataclass(frozen=True)
class ChunkDraft:
    """What becomes a passage.

    `text` is what the passage shows and, outside sheets, exactly extract[start:end]. `heading` is what stands
    above it and is indexed with it; it never repeats a heading that is part of the text. For sheets `row` is
    the first row and offsets are None.
    """

    text: str
    start: int | None
    end: int | None
    page: int | None
    sheet: str | None
    row: int | None
    heading: str
    sentences: tuple[SentenceDraft, ...]


def chunk(pages: Iterable[Page]) -> Iterator[ChunkDraft]:
    """The chunks of all pages, in order."""
    raise NotImplementedError
