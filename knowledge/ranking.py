"""Which chunks answer a question best: vectors and letters, fused by z-scores.

Reciprocal ranks are not used: where the embedder does not know the language, its bad list drags the good one
down. Scores are standardised over the union of each half's best candidates, and the vectors' share falls
with how foreign the question looks to the embedder. Pure arithmetic; nothing here reads or waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge.embedding import FloatVector, Foreignness
from knowledge.lexical import LexicalIndex

CANDIDATES = 200  # best of each half that compete
FINALISTS = 50  # best of those by chunk alone, whose sentences are looked at
# Beside the chunk's vector and letters. A vector says most of a single sentence; of letters it says more how
# much of the question stands together in one sentence than how often and in how short a one.
_SENTENCE_VECTOR = 2.7
_SENTENCE_COVERAGE, _CHUNK_COVERAGE = 1.3, 0.3
_KNOWN_LANGUAGE_SHARE = 0.35  # the embedder knows a text whose vectors count at least this much
_BOTH_KNOWN = 1.2  # vectors count this much more where the embedder knows the text too
_ONE_KNOWN = 0.4  # and this much where it knows only the text or only the question: they differ in language

IntVector = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Corpus:
    """One generation of a knowledge base as the ranking sees it. Chunks and sentences go by position.

    The sentences of chunk i are rows sentence_offsets[i] up to sentence_offsets[i + 1].
    """

    chunks: LexicalIndex
    sentences: LexicalIndex
    sentence_offsets: IntVector  # (number of chunks + 1,)
    sentence_vectors: NDArray[np.floating]  # (number of sentences, dim), unit rows; halves will do
    from_sheet: NDArray[np.bool_]  # which chunks are rows of a sheet
    embedder_knows_text: bool  # most of it is in a language that the embedder knows


@dataclass(frozen=True, eq=False)
class Query:
    """A question, its unit vector, and how foreign it looks to the embedder."""

    text: str
    vector: FloatVector
    foreignness: Foreignness


@dataclass(frozen=True)
class Ranked:
    """One chunk. `score` is comparable within one ranking only; the others are raw."""

    index: int
    score: float
    dense: float  # cosine of the chunk
    lexical: float  # BM25 of the chunk
    sentence: float  # cosine of its best sentence


@dataclass(frozen=True)
class Evidence:
    """What the best candidates say about whether the knowledge holds an answer at all; see refusal.py."""

    dense: float  # best chunk cosine
    sentence: float  # best sentence cosine
    lexical: float  # best chunk BM25 as a share of what the question could reach
    sentence_lexical: float  # the same for sentences
    coverage: float  # share of the question's rarity held by the first chunk
    foreignness: Foreignness
    from_sheet: bool  # the first chunk is rows of a sheet
    knows_text: bool | None = (
        None  # whether the embedder knows the first chunk's language; None: as most of them
    )


@dataclass(frozen=True, eq=False)
class Ranking:
    """Chunks best first, and what was seen of every sentence of the chunks that were looked at closely."""

    items: tuple[Ranked, ...]
    evidence: Evidence
    sentence_lexical: FloatVector  # BM25, 0 where nobody looked
    sentence_scores: FloatVector  # standard scores of vector and letters together, NaN where nobody looked


def rank(corpus: Corpus, query: Query, dense: FloatVector, *, limit: int = 10) -> Ranking:
    """The best chunks for the query.

    `dense` is the cosine of every chunk, NaN where the vector index did not return it (it returns its best
    CANDIDATES); those count as the lowest one returned.
    """
    chunks = corpus.chunks.compare(query.text)
    lexical = chunks.scores
    known = np.flatnonzero(~np.isnan(dense))
    candidates = np.union1d(known[_best(dense[known], CANDIDATES)], _best(lexical, CANDIDATES))
    if not len(candidates):
        nothing = Evidence(0.0, 0.0, 0.0, 0.0, 0.0, query.foreignness, from_sheet=False)
        none = np.zeros(corpus.sentences.size, dtype=np.float32)
        return Ranking((), nothing, none, np.full_like(none, np.nan))
    floor = dense[known].min() if len(known) else 0.0
    chunk_dense = np.nan_to_num(dense[candidates], nan=float(floor))
    share = _share(query.foreignness, corpus.embedder_knows_text)
    score = share * _z(chunk_dense) + (1 - share) * _z(lexical[candidates])
    finalists = np.sort(_best(score, FINALISTS))
    candidates, chunk_dense, score = candidates[finalists], chunk_dense[finalists], score[finalists]
    sentences, counts = _sentences_of(corpus, candidates)
    shared = corpus.sentences.compare(query.text, among=sentences)
    cosines = np.vecdot(corpus.sentence_vectors[sentences].astype(np.float32), query.vector)
    near = _best_of_each(cosines, counts)
    score += _SENTENCE_VECTOR * share * _z(near)
    score += _SENTENCE_COVERAGE * _z(_best_of_each(shared.coverage[sentences], counts))
    score += _CHUNK_COVERAGE * _z(chunks.coverage[candidates])
    order = np.argsort(-score, kind="stable")[:limit]
    items = tuple(
        Ranked(
            int(candidates[row]),
            float(score[row]),
            float(chunk_dense[row]),
            float(lexical[candidates[row]]),
            float(near[row]),
        )
        for row in order
    )
    evidence = Evidence(
        dense=float(chunk_dense.max()),
        sentence=float(near.max()),
        lexical=float(lexical.max()) / max(chunks.ceiling, 1e-9),
        sentence_lexical=float(shared.scores.max(initial=0.0)) / max(shared.ceiling, 1e-9),
        coverage=float(chunks.coverage[items[0].index]) if items else 0.0,
        foreignness=query.foreignness,
        from_sheet=bool(items and corpus.from_sheet[items[0].index]),
    )
    scores = np.full(corpus.sentences.size, np.nan, dtype=np.float32)
    scores[sentences] = _SENTENCE_VECTOR * share * _z(cosines) + _SENTENCE_COVERAGE * _z(
        shared.coverage[sentences]
    )
    return Ranking(items, evidence, shared.scores, scores)


def _best(scores: FloatVector, number: int) -> IntVector:
    """Positions of the highest scores, in no order."""
    if len(scores) <= number:
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - number)[-number:]


def _sentences_of(corpus: Corpus, chunks: IntVector) -> tuple[IntVector, IntVector]:
    """The sentences of the chunks, one chunk after the other, and how many each chunk has."""
    firsts = corpus.sentence_offsets[chunks]
    counts = corpus.sentence_offsets[chunks + 1] - firsts
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(firsts, counts) + steps, counts


def _best_of_each(scores: FloatVector, counts: IntVector) -> FloatVector:
    """The highest of each run of `counts` scores, 0 where a run is empty."""
    best = np.zeros(len(counts), dtype=np.float32)
    filled = counts > 0
    if filled.any():
        best[filled] = np.maximum.reduceat(scores, (np.cumsum(counts) - counts)[filled])
    return best


def _z(values: FloatVector) -> FloatVector:
    """Standard scores; all zero when the values do not differ."""
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 1e-6 else np.zeros_like(values)


def dense_share(foreignness: Foreignness) -> float:
    """How much the vectors count against the letters, 0 to 1."""
    known = 1.0 - foreignness.unknown_share
    if foreignness.pieces_per_word < 1.5:
        return 0.5 * known
    return (0.2 if foreignness.pieces_per_word < 2.0 else 0.1) * known


def knows_language(foreignness: Foreignness) -> bool:
    """Whether the embedder knows the language of a text that looks like this to it."""
    return dense_share(foreignness) >= _KNOWN_LANGUAGE_SHARE


def _share(question: Foreignness, embedder_knows_text: bool) -> float:
    """How much the vectors count for this question about this text, 0 to 1."""
    if knows_language(question) != embedder_knows_text:
        return _ONE_KNOWN * (1.0 - question.unknown_share)
    return dense_share(question) * (_BOTH_KNOWN if embedder_knows_text else 1.0)
