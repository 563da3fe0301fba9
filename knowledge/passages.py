"""What a search gives back: passages with the place they stand at, and their sentences.

Apart from `search.py` because citations and the offline model read these values without searching.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatVector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PassageSentence:
    """One sentence (or one sheet row) of a passage; `lexical` is its own score for the query."""

    text: str
    start: int | None
    end: int | None
    row: int | None
    vector: FloatVector = field(compare=False, repr=False)
    lexical: float


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


@dataclass(frozen=True)
class SearchResult:
    """The best passages, best first. `known` is False when the knowledge does not hold an answer."""

    passages: tuple[Passage, ...]
    known: bool
    query_vector: FloatVector = field(compare=False, repr=False)
    timings_ms: Mapping[str, float] = field(compare=False)
