"""Knowledge bases of the measuring pack as the product holds them, and the methods it is compared with."""

from __future__ import annotations

import asyncio
import json
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
from knowledge.excerpts import Excerpts
from knowledge.generation import Content, StoredChunk, echo, embedder_knows, indexed_text
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


@dataclass(frozen=True)
class Span:
    """Where a passage stands: code points in a document."""

    document: str
    start: int
    end: int

    def holds(self, gold: Gold) -> bool:
        """It is of the right document and covers the answer."""
        if self.document != gold.document:
            return False
        if gold.whole:
            return self.start <= gold.start and gold.end <= self.end
        shared = min(self.end, gold.end) - max(self.start, gold.start)
        return shared * 2 >= min(self.end - self.start, gold.end - gold.start)


@dataclass(frozen=True, eq=False)
class Base:
    """One knowledge base, and the plain BM25 it is compared with."""

    documents: tuple[str, ...]  # of each chunk
    drafts: tuple[ChunkDraft, ...]
    vectors: FloatMatrix
    excerpts: Excerpts
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

    def shown(self, question: str) -> list[Span]:
        """The product's best five passages."""
        ranking = self.rank(question)
        spans = []
        for number, item in enumerate(ranking.items[:5]):
            passage = self.excerpts.cut(item.index, ranking.sentence_scores, rank=number)
            spans.append(Span(self.documents[item.index], passage.start or 0, passage.end or 0))
        return spans

    def best(self, scores: FloatVector) -> list[Span]:
        """The five chunks with the highest scores."""
        chosen = np.argsort(-scores, kind="stable")[:5]
        return [
            Span(self.documents[chunk], self.drafts[chunk].start or 0, self.drafts[chunk].end or 0)
            for chunk in map(int, chosen)
        ]


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
    documents = tuple(name for name, parts in files.items() for _ in parts)
    vectors, sentence_vectors = embedder.embed_documents(texts), embedder.embed_documents(sentences)
    offsets = np.cumsum([0, *(len(draft.sentences) for draft in drafts)])
    return Base(
        documents=documents,
        drafts=drafts,
        vectors=vectors,
        excerpts=Excerpts(
            Content(
                tuple(_stored(*each) for each in zip(documents, drafts, strict=True)),
                vectors,
                sentence_vectors.astype(np.float16),
                offsets,
            )
        ),
        corpus=Corpus(
            chunks=LexicalIndex.build(texts),
            sentences=LexicalIndex.build(sentences),
            sentence_offsets=offsets,
            sentence_vectors=sentence_vectors,
            from_sheet=np.array([draft.row is not None for draft in drafts], dtype=bool),
            embedder_knows_text=embedder_knows(embedder, sentences),
        ),
        words=words,
        embedder=embedder,
    )


def _stored(document: str, draft: ChunkDraft) -> StoredChunk:
    return StoredChunk(
        id="",
        source_id=document,
        version=1,
        text=draft.text,
        heading=draft.heading,
        start=draft.start,
        end=draft.end,
        page=draft.page,
        sheet=draft.sheet,
        row=draft.row,
        sentences=json.dumps([[each.text, each.start, each.end, each.row] for each in draft.sentences]),
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


METHODS: dict[str, Callable[[Base, str], list[Span]]] = {
    "BM25 words": lambda base, question: base.best(_word_scores(base, question)),
    "dense": lambda base, question: base.best(_dense(base, question)),
    "RRF": lambda base, question: base.best(_reciprocal(base, question)),
    "ours": Base.shown,
}


def first_hits(base: Base, gold: Gold, method: str) -> tuple[bool, bool]:
    """Whether the best passage, and whether one of the best five, holds the answer."""
    found = [span.holds(gold) for span in METHODS[method](base, gold.question)]
    return found[0], any(found)
