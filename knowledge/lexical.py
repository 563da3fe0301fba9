"""BM25 over character n-grams: the half of the search that knows no language and needs no model.

A word with its two edges is cut into 4-grams, so that inflected and compound words meet; scripts without
spaces are cut into 2-grams, Thai and its relatives into 3-grams. Grams are hashed, so an index is four flat
arrays: quick to build, to store without pickle, and to share between threads.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from knowledge.embedding import FloatVector

FORMAT = 1  # raise it when the bytes or the hashing change
K1 = 1.2  # how fast repeating a gram stops counting
B = 0.6  # how much a long text is held against it
BLOCK_CHARS = 200_000  # characters cut at a time, so that building stays small in memory

_Hashes = NDArray[np.uint64]
_Ints = NDArray[np.int64]
_Counts = NDArray[np.int32]

_SEPARATOR, _WORD, _DENSE, _SYLLABIC = 0, 1, 2, 3
_GRAM_LENGTHS = np.array([0, 4, 2, 3], dtype=np.int64)  # by class
_DENSE_BLOCKS = ((0x1100, 0x11FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
_SYLLABIC_BLOCKS = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))  # Thai, Lao, Burmese, Khmer
_PRIME = np.uint64(0x9E3779B97F4A7C15)


class Script(StrEnum):
    """How a language is written, as far as it matters for what a question shares with its answer."""

    WORDS = "words"  # with spaces between them
    SYLLABLES = "syllables"  # Thai and its relatives, cut into 3-grams
    CHARACTERS = "characters"  # Chinese, Japanese, Korean, cut into 2-grams


@dataclass(frozen=True, eq=False)
class Shared:
    """What texts share with a query, by their position."""

    scores: FloatVector  # BM25
    coverage: FloatVector  # share of the rarity of the query's grams that the text holds, 0 to 1
    ceiling: float  # that rarity, unknown grams at the rarest: about the best score


@dataclass(frozen=True, eq=False)
class _Block:
    """The postings of some texts, ordered by gram, then text."""

    grams: _Hashes  # sorted
    runs: _Ints  # postings of each gram
    owners: _Counts  # which text
    counts: _Counts  # how often the gram stands in it
    lengths: _Ints  # grams in each text


@dataclass(frozen=True, eq=False)
class LexicalIndex:
    """Immutable; made by `build` or `from_bytes`, asked with `compare`."""

    size: int  # number of texts
    _grams: _Hashes  # sorted hashes
    _starts: _Ints  # where each gram's postings begin, and the end
    _texts: NDArray[np.unsignedinteger]  # postings: which text
    _weights: NDArray[np.float16]  # postings: what the gram adds to that text's score

    @classmethod
    def build(cls, texts: Sequence[str]) -> LexicalIndex:
        """Index the texts; their position is their number.

        Postings go from their block straight to their place: nothing as large as all of them is sorted or
        copied, because a server builds this while it answers.
        """
        blocks = [_block_of(block, first) for first, block in _blocks(texts)]
        grams = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *(block.grams for block in blocks)]))
        frequency = np.zeros(len(grams), dtype=np.int64)
        for block in blocks:
            frequency[np.searchsorted(grams, block.grams)] += block.runs
        idf = _idf(frequency, len(texts))
        lengths = np.concatenate([np.zeros(0), *(block.lengths for block in blocks)])
        relative = lengths / max(float(lengths.mean()), 1.0) if len(texts) else lengths
        damping = K1 * (1 - B + B * relative)
        bounds = np.append(0, np.cumsum(frequency))
        free = bounds[:-1].copy()  # where each gram's next posting goes
        owners = np.empty(bounds[-1], np.uint16 if len(texts) <= np.iinfo(np.uint16).max else np.uint32)
        weights = np.empty(bounds[-1], np.float16)
        for block in blocks:  # in text order, so the postings of a gram are too
            rows = np.searchsorted(grams, block.grams)
            ends = np.cumsum(block.runs)
            places = np.repeat(free[rows] + block.runs - ends, block.runs) + np.arange(len(block.owners))
            free[rows] += block.runs
            owners[places] = block.owners
            gain = np.repeat(idf[rows], block.runs) * block.counts * (K1 + 1)
            weights[places] = gain / (block.counts + damping[block.owners])
        return cls(len(texts), grams, bounds, owners, weights)

    def compare(self, query: str, *, among: _Ints | None = None) -> Shared:
        """What every text shares with the query.

        With `among` only those texts are looked at, which costs less; the others have 0.
        """
        hashes, repeats = _query_grams(query)
        known, rows = self._find(hashes)
        frequency = np.zeros(len(hashes), dtype=np.int64)
        frequency[known] = self._starts[rows + 1] - self._starts[rows]
        rarity = _idf(frequency, self.size) * repeats
        ceiling = float(rarity.sum())
        if not len(rows):
            nothing = np.zeros(self.size, dtype=np.float32)
            return Shared(nothing, nothing, ceiling)
        spans = [
            slice(first, last) for first, last in zip(self._starts[rows], self._starts[rows + 1], strict=True)
        ]
        texts = np.concatenate([self._texts[span] for span in spans])
        weights = np.concatenate([self._weights[span] for span in spans])
        grams = np.repeat(np.flatnonzero(known), frequency[known])
        if among is not None:
            wanted = np.zeros(self.size, dtype=bool)
            wanted[among] = True
            kept = np.flatnonzero(wanted[texts])
            texts, weights, grams = texts[kept], weights[kept], grams[kept]
        scores = np.bincount(texts, weights=weights * repeats[grams], minlength=self.size)
        held = np.bincount(texts, weights=rarity[grams], minlength=self.size) / max(ceiling, 1e-9)
        return Shared(scores.astype(np.float32), np.minimum(held, 1.0).astype(np.float32), ceiling)

    def scores(self, query: str) -> FloatVector:
        """The BM25 score of every text for the query; shape (size,), 0 where nothing is shared."""
        return self.compare(query).scores

    def to_bytes(self) -> bytes:
        """The index as a file of plain arrays."""
        file = io.BytesIO()
        np.savez(
            file,
            head=np.array([FORMAT, self.size]),
            grams=self._grams,
            starts=self._starts,
            texts=self._texts,
            weights=self._weights,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> LexicalIndex:
        """Read what `to_bytes` wrote. Raises ValueError for another format."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            version, size = (int(number) for number in file["head"])
            if version != FORMAT:
                raise ValueError(f"lexical index has format {version}, this program reads {FORMAT}")
            return cls(size, file["grams"], file["starts"], file["texts"], file["weights"])

    def _find(self, hashes: _Hashes) -> tuple[NDArray[np.bool_], _Ints]:
        """Which hashes are in the vocabulary, and the rows of those that are."""
        if not len(self._grams):
            return np.zeros(len(hashes), dtype=bool), np.zeros(0, dtype=np.int64)
        rows = np.minimum(np.searchsorted(self._grams, hashes), len(self._grams) - 1)
        known = self._grams[rows] == hashes
        return known, rows[known]


def held(query: str, texts: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which of the query's grams each text holds (a row each), and how rare each is among them, in sum 1."""
    grams, repeats = _query_grams(query)
    holds = np.zeros((len(texts), len(grams)), dtype=bool)
    if texts and len(grams):
        hashes, owners = _grams_of(texts)
        columns = np.minimum(np.searchsorted(grams, hashes), len(grams) - 1)
        same = grams[columns] == hashes
        holds[owners[same], columns[same]] = True
    rarity = _idf(holds.sum(axis=0), len(texts)) * repeats
    return holds, rarity / max(float(rarity.sum()), 1e-9)


def script_of(text: str) -> Script:
    """The kind of script that most of the letters belong to."""
    kinds = [_class_of(ord(letter)) for letter in text]
    number = {Script.WORDS: _WORD, Script.SYLLABLES: _SYLLABIC, Script.CHARACTERS: _DENSE}
    return max(Script, key=lambda script: kinds.count(number[script]))


def _idf(frequency: _Ints, size: int) -> NDArray[np.float64]:
    rarity: NDArray[np.float64] = np.log1p((size - frequency + 0.5) / (frequency + 0.5))
    return rarity


@lru_cache(maxsize=256)  # one question is asked of the chunks and of the sentences
def _query_grams(query: str) -> tuple[_Hashes, _Ints]:
    hashes, _ = _grams_of([query])
    return np.unique(hashes, return_counts=True)


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    first, block, chars = 0, list[str](), 0
    for number, text in enumerate(texts):
        block.append(text)
        chars += len(text)
        if chars >= BLOCK_CHARS:
            yield first, block
            first, block, chars = number + 1, [], 0
    if block:
        yield first, block


def _block_of(texts: list[str], first: int) -> _Block:
    """The postings of these texts, of which the first has the number `first`."""
    hashes, owners = _grams_of(texts)
    lengths = np.bincount(owners, minlength=len(texts))
    order = np.argsort(hashes, kind="stable")  # owners rise already, so ties stay ordered
    hashes, owners = hashes[order], owners[order]
    new_gram = np.ones(len(hashes), dtype=bool)
    new_gram[1:] = hashes[1:] != hashes[:-1]
    fresh = new_gram.copy()
    fresh[1:] |= owners[1:] != owners[:-1]
    places = np.flatnonzero(fresh)
    counts = np.diff(places, append=len(hashes)).astype(np.int32)
    runs = np.diff(np.flatnonzero(new_gram[places]), append=len(places))
    return _Block(hashes[new_gram], runs, (owners[places] + first).astype(np.int32), counts, lengths)


def _grams_of(texts: Sequence[str]) -> tuple[_Hashes, _Ints]:
    """The hashed grams of the texts and the number of the text each stands in."""
    folded = [_fold(text) for text in texts]
    codes = np.frombuffer("\n".join(folded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    sizes = np.array([len(text) + 1 for text in folded])  # each with its line break
    owners = np.repeat(np.arange(len(folded)), sizes)
    kinds = _classes(codes)
    firsts, lasts = _runs(kinds)
    lengths = _GRAM_LENGTHS[kinds[firsts]]
    margin = (kinds[firsts] == _WORD).astype(np.int64)  # a word's edges count as a letter
    per_run = np.maximum(lasts - firsts + 2 * margin - lengths + 1, 1)
    run = np.repeat(np.arange(len(firsts)), per_run)
    step_in_run = np.arange(len(run)) - np.repeat(np.cumsum(per_run) - per_run, per_run)
    at = firsts[run] - margin[run] + step_in_run
    hashes = kinds[firsts][run].astype(np.uint64)
    for step in range(int(_GRAM_LENGTHS.max())):
        place = at + step
        inside = (step < lengths[run]) & (place >= firsts[run]) & (place < lasts[run])
        letters = np.where(inside, codes[np.clip(place, 0, len(codes) - 1)], np.uint64(0))
        hashes = (hashes ^ letters) * _PRIME
        hashes ^= hashes >> np.uint64(29)
    return hashes, owners[firsts[run]]


def _runs(kinds: NDArray[np.uint8]) -> tuple[_Ints, _Ints]:
    """First place and place after the last of every stretch of letters of one class."""
    change = np.flatnonzero(np.diff(kinds, prepend=_SEPARATOR, append=_SEPARATOR))
    bounds = np.append(change, len(kinds))
    firsts, lasts = bounds[:-1], bounds[1:]
    letters = (firsts < len(kinds)) & (lasts > firsts)
    firsts, lasts = firsts[letters], lasts[letters]
    letters = kinds[firsts] != _SEPARATOR
    return firsts[letters], lasts[letters]


def _fold(text: str) -> str:
    """Case and compatibility forms fold together."""
    # A line break keeps texts apart, a surrogate cannot be encoded.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.encode("utf-8", "replace").decode("utf-8")


def _classes(codes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    if not len(codes):
        return np.zeros(0, dtype=np.uint8)
    small = codes.astype(np.int64)
    table = np.zeros(int(small.max()) + 1, dtype=np.uint8)
    for code in np.flatnonzero(np.bincount(small)):
        table[code] = _class_of(int(code))
    return table[small]


@lru_cache(maxsize=20_000)
def _class_of(code: int) -> int:
    if unicodedata.category(chr(code))[0] not in "LMN":
        return _SEPARATOR
    if any(low <= code <= high for low, high in _DENSE_BLOCKS):
        return _DENSE
    if any(low <= code <= high for low, high in _SYLLABIC_BLOCKS):
        return _SYLLABIC
    return _WORD
