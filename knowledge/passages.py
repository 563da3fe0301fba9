"""What a search gives back: passages with the place they stand at, and their sentences.

Apart from `search.py` because citations and the offline model read these values without searching.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from knowledge.ranking import Evidence
from knowledge.tables.columns import TypedTable

FloatVector = npt.NDArray[np.float32]

TOPICS = 3  # offered when the answer is not known
_SECTION_CHARS = 80  # a longer heading is running text that was taken for one


@dataclass(frozen=True)
class PassageSentence:
    """One sentence (or one sheet row) of a passage; `lexical` is its own score for the query.

    A borrowed one stands beside the chunk that was found, not in it.
    """

    text: str
    start: int | None
    end: int | None
    row: int | None
    vector: FloatVector = field(compare=False, repr=False)
    lexical: float
    borrowed: bool = False


@dataclass(frozen=True)
class Passage:
    """A chunk that came back. Offsets are code points into the extract; page and row are 1-based."""

    chunk_id: str
    source_id: str
    source: str
    version: int
    public: bool
    page: int | None
    sheet: str | None
    row: int | None
    start: int | None
    end: int | None
    text: str
    heading: str
    score: float
    dense: float
    lexical: float
    sentence: float
    sentences: tuple[PassageSentence, ...] = field(repr=False)

    @property
    def section(self) -> str:
        """The nearest heading that the passage begins with or stands under; "" for none."""
        first = self.sentences[0].start if self.sentences else None
        opening = "" if first is None or self.start is None else self.text[: first - self.start]
        for heading in reversed([*self.heading.split(" > "), *opening.splitlines()]):
            title = " ".join(heading.strip("#*=- \t").split())
            if 0 < len(title) <= _SECTION_CHARS:
                return title
        return ""


@dataclass(frozen=True)
class SearchResult:
    """The best passages, best first. `known` is False when the knowledge does not hold an answer.

    `topics` are what the best passages are about: headings, sheets or titles, to offer instead of an answer.
    `tables` are those of all live sources, those that the best passages come from first.
    """

    passages: tuple[Passage, ...]
    known: bool
    query_vector: FloatVector = field(compare=False, repr=False)
    timings_ms: Mapping[str, float] = field(compare=False)
    topics: tuple[str, ...] = ()
    margin: float = field(default=0.0, compare=False)  # above the line of the refusal; below 0 is not known
    evidence: Evidence | None = field(default=None, compare=False, repr=False)
    tables: tuple[TypedTable, ...] = field(default=(), compare=False, repr=False)


def nearest_first(tables: Sequence[TypedTable], passages: Sequence[Passage]) -> tuple[TypedTable, ...]:
    """The tables in the order in which passages of their sources were found, then the others."""
    places = {
        source_id: place for place, source_id in enumerate(dict.fromkeys(p.source_id for p in passages))
    }
    return tuple(sorted(tables, key=lambda table: places.get(table.table.source_id, len(places))))


def topics_of(passages: Sequence[Passage]) -> tuple[str, ...]:
    """What the passages are about, in their order, each once."""
    topics: dict[str, None] = {}
    for passage in passages:
        topics[_topic(passage)] = None
        if len(topics) == TOPICS:
            break
    return tuple(topics)


def _topic(passage: Passage) -> str:
    """Its section, else its sheet, else its source's title."""
    return passage.section or passage.sheet or _title(passage.source)


def _title(source: str) -> str:
    return PurePath(source).stem.replace("_", " ").strip() or source
