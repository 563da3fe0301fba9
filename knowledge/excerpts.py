"""What a passage shows: the stretch around its chunk that speaks most for the question.

A chunk ends where it was cut, and what was asked for may stand a sentence further on. Neighbours that share a
sentence overlap in their text, so a stretch across them is exactly what stands in the extract.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.chunking import MAX_CHARS, MAX_WORDLESS_SIGNS, MAX_WORDS
from knowledge.embedding import FloatVector
from knowledge.generation import Content
from knowledge.sentences import LETTERS_A_SYLLABLE, measure

KEPT_OF_THE_BEST = 0.6  # the best passage may leave out the rest of its chunk for what stands beside it
CLOSELY = 5  # so many passages are looked at this closely; the rest show their chunk
REMEMBERED = 256  # chunks whose surroundings are kept ready, of each generation


class Line(NamedTuple):
    """One sentence, or one row of a sheet; `place` is its position in the generation."""

    place: int
    text: str
    start: int | None
    end: int | None
    row: int | None
    borrowed: bool = False  # of a neighbour


@dataclass(frozen=True)
class Excerpt:
    """`text` is exactly extract[start:end]; offsets are None for rows."""

    text: str
    start: int | None
    end: int | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, eq=False)
class _Surroundings:
    """A chunk with the neighbours it shares a sentence with, and which stretches of it could be shown.

    Matrices have a row for each sentence that a stretch may begin with, a column for each it may end with.
    """

    joined: Excerpt
    places: list[int]
    own: slice
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    allowed: NDArray[np.bool_]  # no longer than a passage may be, and with its heading
    kept: NDArray[np.float64]  # the share of the chunk that it holds


class Excerpts:
    """Cuts passages out of one generation. Safe to use from several threads."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._around = lru_cache(maxsize=REMEMBERED)(partial(_look_around, content))

    def cut(self, index: int, scores: FloatVector, *, rank: int) -> Excerpt:
        """What the passage of chunk `index`, found at `rank` (from 0), shows.

        `scores` are standard scores of the generation's sentences, NaN where nobody looked. The stretch whose
        sentences speak most for the question wins. It is no longer than a passage may be and holds the whole
        chunk; of the best passage, its best sentence and most of the chunk.
        """
        chunk = self._content.chunks[index]
        sentences = self._content.offsets[index + 1] - self._content.offsets[index]
        if rank >= CLOSELY or chunk.start is None or not sentences:
            return Excerpt(chunk.text, chunk.start, chunk.end, _lines(self._content, index))
        if rank and not (_share(self._content, index - 1, index) or _share(self._content, index, index + 1)):
            return Excerpt(chunk.text, chunk.start, chunk.end, _lines(self._content, index))  # all there is
        around = self._around(index)
        seen = scores[around.places]
        seen = np.where(np.isnan(seen), np.nanmin(seen, initial=0.0), seen)
        peak = around.own.start + int(np.argmax(seen[around.own]))
        allowed = around.allowed & (around.kept >= (1.0 if rank else KEPT_OF_THE_BEST))
        allowed[peak + 1 :] = False
        allowed[:, :peak] = False
        if not allowed.any():
            return Excerpt(chunk.text, chunk.start, chunk.end, around.joined.lines[around.own])
        sums = np.concatenate([[0.0], np.cumsum(np.exp(seen - seen[peak]))])
        best = np.argmax(np.where(allowed, sums[None, 1:] - sums[:-1, None], -np.inf))
        begin, finish = divmod(int(best), len(seen))
        left, right = int(around.starts[begin]), int(around.ends[finish])
        first = around.joined.start or 0
        text = around.joined.text[left - first : right - first]
        return Excerpt(text, left, right, around.joined.lines[begin : finish + 1])


def _look_around(content: Content, index: int) -> _Surroundings:
    chunk = content.chunks[index]
    own = _lines(content, index)
    joined = _joined(content, index, own)
    first = joined.lines.index(own[0])
    starts = np.array([line.start for line in joined.lines])
    ends = np.array([line.end for line in joined.lines])
    opens_with_heading = own[0].start != chunk.start
    starts[first] = start = chunk.start or 0
    end = chunk.end or 0
    shared = np.minimum(ends[None, :], end) - np.maximum(starts[:, None], start)
    allowed = _fits(joined, ends[None, :] - starts[:, None])
    if opens_with_heading:
        allowed[first + 1 :] = False
    places = [line.place for line in joined.lines]
    inside = slice(first, first + len(own))
    return _Surroundings(joined, places, inside, starts, ends, allowed, shared / max(1, end - start))


def _lines(content: Content, index: int, *, borrowed: bool = False) -> tuple[Line, ...]:
    first = int(content.offsets[index])
    return tuple(
        Line(first + number, text, start, end, row, borrowed)
        for number, (text, start, end, row) in enumerate(json.loads(content.chunks[index].sentences))
    )


def _joined(content: Content, index: int, own: tuple[Line, ...]) -> Excerpt:
    """The chunk with those neighbours that it shares a sentence with."""
    chunk = content.chunks[index]
    text, start, end, lines = chunk.text, chunk.start or 0, chunk.end or 0, own
    if _share(content, index - 1, index):
        before = content.chunks[index - 1]
        text = before.text[: start - (before.start or 0)] + text
        lines = (
            *(line for line in _lines(content, index - 1, borrowed=True) if (line.end or 0) <= start),
            *lines,
        )
        start = before.start or 0
    if _share(content, index, index + 1):
        after = content.chunks[index + 1]
        text += after.text[end - (after.start or 0) :]
        lines = (
            *lines,
            *(line for line in _lines(content, index + 1, borrowed=True) if (line.start or 0) >= end),
        )
        end = after.end or 0
    return Excerpt(text, start, end, lines)


def _share(content: Content, first: int, second: int) -> bool:
    """Whether two chunks, one after the other, overlap; they then stand in one section of one source."""
    if first < 0 or second >= len(content.chunks):
        return False
    one, other = content.chunks[first], content.chunks[second]
    if one.end is None or other.start is None or other.source_id != one.source_id:
        return False
    return other.start < one.end


def _fits(joined: Excerpt, chars: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which stretches are no longer than a passage may be; `chars` is their length, row to column."""
    text = joined.text
    if text.isascii() and len(text) <= MAX_CHARS and len(text.split()) <= MAX_WORDS:
        return np.ones_like(chars, dtype=np.bool_)
    sizes = [measure(line.text) for line in joined.lines]

    def total(numbers: list[int]) -> NDArray[np.int64]:
        sums = np.concatenate([[0], np.cumsum(numbers)])
        return np.asarray(sums[None, 1:] - sums[:-1, None], dtype=np.int64)

    fits: NDArray[np.bool_] = (total([size.words for size in sizes]) <= MAX_WORDS) & (chars <= MAX_CHARS)
    if any(size.wordless for size in sizes):
        wordless = total([size.wordless for size in sizes])
        signs = chars - total([size.syllabic for size in sizes]) * (1 - 1 / LETTERS_A_SYLLABLE)
        fits &= (wordless * 10 < chars) | (signs <= MAX_WORDLESS_SIGNS)
    return fits
