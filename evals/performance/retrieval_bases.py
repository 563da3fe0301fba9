"""Knowledge bases of the measuring pack as the product holds them, and the methods it is compared with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from agentflow.kit.settings import IngestSettings
from knowledge.chunking import ChunkDraft
from knowledge.embedding import Embedder, FloatMatrix, FloatVector, Foreignness
from knowledge.generation import echo, embedder_knows, indexed_text
from knowledge.index import best_cosines
from knowledge.lexical import LexicalIndex
from knowledge.ranking import CANDIDATES, Corpus, Query, Ranking, rank
from knowledge.reading import ReaderPool
from knowledge.refusal import Calibration, calibrate

RRF = 60

Row = dict[str, Any]


class Remembering:
    """An embedder that computes no text twice: the same articles stand in several knowledge bases."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name, self.dim = embedder.name, embedder.dim
        self.max_tokens, self.fingerprint = embedder.max_tokens, embedder.fingerprint
        self.known: dict[str, FloatVector] = {}

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        if missing:
            self.known.update(zip(missing, self._embedder.embed_documents(missing), strict=True))
        return np.array([self.known[text] for text in texts], dtype=np.float32).reshape(-1, self.dim)

    def embed_query(self, text: str) -> FloatVector:
        """The unit vector of a question."""
        if text not in self.known:
            self.known[text] = self._embedder.embed_query(text)
        return self.known[text]

    def foreignness(self, text: str) -> Foreignness:
        """How strange the text looks to the model."""
        return self._embedder.foreignness(text)

    def close(self) -> None:
        """Close the embedder."""
        self._embedder.close()

    def ask(self, text: str) -> Query:
        """The question as the ranking takes it."""
        return Query(text, self.embed_query(text), self.foreignness(text))


@dataclass(frozen=True)
class Gold:
    """Where the answer to a question stands: code points in a document."""

    question: str
    document: str
    start: int
    end: int
    whole: bool = True  # False: an answer of paragraphs, which a passage shares by half


@dataclass(frozen=True, eq=False)
class Base:
    """One knowledge base, and the plain BM25 it is compared with."""

    documents: tuple[str, ...]  # of each chunk
    drafts: tuple[ChunkDraft, ...]
    vectors: FloatMatrix
    corpus: Corpus
    words: bm25s.BM25
    embedder: Remembering

    def rank(self, question: str) -> Ranking:
        """The product's own ranking."""
        query = self.embedder.ask(question)
        return rank(self.corpus, query, best_cosines(self.vectors, query.vector, CANDIDATES))

    @cached_property
    def calibration(self) -> Calibration:
        """The refusal's line, drawn as at the end of an ingest."""
        sentences = [sentence.text for draft in self.drafts for sentence in draft.sentences]
        return calibrate(
            lambda text: self.rank(text).evidence,
            chunks=len(self.drafts),
            headings=sorted({draft.heading for draft in self.drafts if draft.heading}),
            sentences=sentences,
            embedder_knows_text=self.corpus.embedder_knows_text,
            echo=echo(self.corpus, sentences),
        )

    def holds(self, chunk: int, gold: Gold) -> bool:
        """The chunk is of the right document and covers the answer."""
        draft = self.drafts[chunk]
        if draft.start is None or draft.end is None or self.documents[chunk] != gold.document:
            return False
        if gold.whole:
            return draft.start <= gold.start and gold.end <= draft.end
        shared = min(draft.end, gold.end) - max(draft.start, gold.start)
        return shared * 2 >= min(draft.end - draft.start, gold.end - gold.start)


def read(folder: Path, names: Sequence[str]) -> Mapping[str, tuple[ChunkDraft, ...]]:
    """The chunks of each file, cut by the product's readers."""
    return asyncio.run(_read(folder, names))


async def _read(folder: Path, names: Sequence[str]) -> Mapping[str, tuple[ChunkDraft, ...]]:
    reader = ReaderPool(IngestSettings())
    try:
        return {name: (await reader.read(folder / name, Path(name).name)).chunks for name in names}
    finally:
        await reader.close()


def open_base(embedder: Remembering, files: Mapping[str, tuple[ChunkDraft, ...]]) -> Base:
    """A knowledge base of these files."""
    drafts = tuple(draft for parts in files.values() for draft in parts)
    texts = [indexed_text(draft.heading, draft.text) for draft in drafts]
    sentences = [sentence.text for draft in drafts for sentence in draft.sentences]
    words = bm25s.BM25()
    words.index(bm25s.tokenize(texts, stopwords=None, show_progress=False), show_progress=False)
    return Base(
        documents=tuple(name for name, parts in files.items() for _ in parts),
        drafts=drafts,
        vectors=embedder.embed_documents(texts),
        corpus=Corpus(
            chunks=LexicalIndex.build(texts),
            sentences=LexicalIndex.build(sentences),
            sentence_offsets=np.cumsum([0, *(len(draft.sentences) for draft in drafts)]),
            sentence_vectors=embedder.embed_documents(sentences),
            from_sheet=np.array([draft.row is not None for draft in drafts], dtype=bool),
            embedder_knows_text=embedder_knows(embedder, sentences),
        ),
        words=words,
        embedder=embedder,
    )


def _word_scores(base: Base, question: str) -> FloatVector:
    (words,) = bm25s.tokenize([question], stopwords=None, show_progress=False, return_ids=False)
    return np.asarray(base.words.get_scores(words), dtype=np.float32)


def _dense(base: Base, question: str) -> FloatVector:
    scores: FloatVector = np.vecdot(base.vectors, base.embedder.embed_query(question))
    return scores


def _reciprocal(base: Base, question: str) -> FloatVector:
    halves = (_dense(base, question), _word_scores(base, question))
    places = [np.argsort(np.argsort(-half, kind="stable"), kind="stable") for half in halves]
    return np.asarray(sum(1 / (RRF + place) for place in places), dtype=np.float32)


def _ours(base: Base, question: str) -> FloatVector:
    scores = np.full(len(base.drafts), -np.inf, dtype=np.float32)
    for item in base.rank(question).items:
        scores[item.index] = item.score
    return scores


METHODS: dict[str, Callable[[Base, str], FloatVector]] = {
    "BM25 words": _word_scores,
    "dense": _dense,
    "RRF": _reciprocal,
    "ours": _ours,
}


def first_hits(base: Base, gold: Gold, method: str) -> tuple[bool, bool]:
    """Whether the best passage, and whether one of the best five, holds the answer."""
    best = np.argsort(-METHODS[method](base, gold.question), kind="stable")[:5]
    found = [base.holds(int(chunk), gold) for chunk in best]
    return found[0], any(found)
