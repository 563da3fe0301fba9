"""How often the passage that holds the answer is found, against each half alone and reciprocal ranks.

A hit is a passage of the same document whose span covers the answer. Also: how many questions about other
documents are refused, how many answerable ones are refused wrongly, and the time of one ranking.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from agentflow.kit.settings import IngestSettings, Settings
from evals.performance.measuring import table
from knowledge import embedding_export
from knowledge.chunking import ChunkDraft
from knowledge.embedding import Embedder, FloatVector
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.generation import best_only, indexed_text
from knowledge.lexical import LexicalIndex
from knowledge.ranking import CANDIDATES, Corpus, Query, rank
from knowledge.reading import ReaderPool
from knowledge.refusal import Calibration, calibrate

RRF = 60
REFUSAL_SAMPLE = 100  # questions per knowledge base and kind
MEASURED_CHUNKS = 2000

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Base:
    """One knowledge base as the product holds it, and the plain BM25 it is compared with."""

    documents: tuple[str, ...]  # of each chunk
    drafts: tuple[ChunkDraft, ...]
    vectors: np.ndarray[Any, np.dtype[np.float32]]
    corpus: Corpus
    words: bm25s.BM25
    calibration: Calibration

    def holds(self, chunk: int, row: Row) -> bool:
        """The chunk is of the right document and covers the answer."""
        draft, start = self.drafts[chunk], int(row["answer_start"])
        if draft.start is None or draft.end is None or self.documents[chunk] != row["doc"]:
            return False
        return draft.start <= start and start + len(row["answers"][0]) <= draft.end


def main(data: Path) -> int:
    """Print the tables; 1 when recall@5 on retrieval_en is below 95 %."""
    settings = Settings()
    embedding_export.build(settings.model_cache)
    embedder = OnnxEmbedder(settings.model_cache, precision=settings.embedding.precision)
    groups = dict(_groups(data))
    bases = {name: _open(embedder, folder, rows) for name, (folder, rows) in groups.items()}
    rows = {name: rows for name, (_, rows) in groups.items()}
    recall5 = _recall(embedder, bases, rows)
    _refusals(embedder, bases, rows)
    _speed(embedder, next(iter(bases.values())), next(iter(rows.values())))
    embedder.close()
    return int(recall5 < 0.95)


def _groups(data: Path) -> Iterator[tuple[str, tuple[Path, list[Row]]]]:
    for part in ("retrieval_en", "retrieval_multi"):
        groups: defaultdict[str, list[Row]] = defaultdict(list)
        for line in (data / part / "qa.jsonl").read_text().splitlines():
            row = json.loads(line)
            groups[row["agent"]].append(row)
        for name, rows in groups.items():
            yield name, (data / part / "docs", rows)


def _open(embedder: Embedder, folder: Path, rows: Sequence[Row]) -> Base:
    names = sorted({row["doc"] for row in rows})
    chunks = asyncio.run(_chunks([folder / name for name in names]))
    documents = tuple(name for name, parts in zip(names, chunks, strict=True) for _ in parts)
    drafts = tuple(draft for parts in chunks for draft in parts)
    texts = [indexed_text(draft.heading, draft.text) for draft in drafts]
    sentences = [sentence.text for draft in drafts for sentence in draft.sentences]
    corpus = Corpus(
        chunks=LexicalIndex.build(texts),
        sentences=LexicalIndex.build(sentences),
        sentence_offsets=np.cumsum([0, *(len(draft.sentences) for draft in drafts)]),
        sentence_vectors=embedder.embed_documents(sentences),
        from_sheet=np.array([draft.row is not None for draft in drafts], dtype=bool),
    )
    vectors = embedder.embed_documents(texts)
    words = bm25s.BM25()
    words.index(bm25s.tokenize(texts, stopwords=None, show_progress=False), show_progress=False)
    calibration = calibrate(
        lambda text: rank(corpus, _ask(embedder, text), vectors @ embedder.embed_query(text)).evidence,
        chunks=len(drafts),
        headings=sorted({draft.heading for draft in drafts if draft.heading}),
        sentences=sentences,
    )
    return Base(documents, drafts, vectors, corpus, words, calibration)


async def _chunks(files: Sequence[Path]) -> list[tuple[ChunkDraft, ...]]:
    reader = ReaderPool(IngestSettings())
    try:
        return [(await reader.read(file, file.name)).chunks for file in files]
    finally:
        await reader.close()


def _ask(embedder: Embedder, text: str) -> Query:
    return Query(text, embedder.embed_query(text), embedder.foreignness(text))


# --- recall


def _word_scores(base: Base, query: Query) -> FloatVector:
    (words,) = bm25s.tokenize([query.text], stopwords=None, show_progress=False, return_ids=False)
    return np.asarray(base.words.get_scores(words), dtype=np.float32)


def _reciprocal(base: Base, query: Query) -> FloatVector:
    halves = (base.vectors @ query.vector, _word_scores(base, query))
    places = [np.argsort(np.argsort(-half, kind="stable"), kind="stable") for half in halves]
    return np.asarray(sum(1 / (RRF + place) for place in places), dtype=np.float32)


def _ours(base: Base, query: Query) -> FloatVector:
    scores = np.full(len(base.drafts), -np.inf, dtype=np.float32)
    for item in rank(base.corpus, query, best_only(base.vectors @ query.vector)).items:
        scores[item.index] = item.score
    return scores


METHODS: dict[str, Callable[[Base, Query], FloatVector]] = {
    "BM25 words": _word_scores,
    "BM25 grams": lambda base, query: base.corpus.chunks.scores(query.text),
    "dense": lambda base, query: base.vectors @ query.vector,
    "RRF": _reciprocal,
    "ours": _ours,
}


def _recall(embedder: Embedder, bases: dict[str, Base], rows: dict[str, list[Row]]) -> float:
    """Print recall@1 and @5 by language; returns ours at 5 on the first group."""
    hits: defaultdict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for name, base in bases.items():
        kind = name.rsplit("-", 1)[0]
        for row in rows[name]:
            if not row["answerable"]:
                continue
            query = _ask(embedder, row["question"])
            for method, score in METHODS.items():
                found = [
                    base.holds(chunk, row) for chunk in np.argsort(-score(base, query), kind="stable")[:5]
                ]
                hits[kind, method].append((found[0], any(found)))
    lines: list[tuple[str, ...]] = [("recall@1 / @5", "questions", *METHODS)]
    for kind in dict.fromkeys(kind for kind, _ in hits):
        shares = [np.mean(hits[kind, method], axis=0) for method in METHODS]
        cells = [f"{100 * first:.1f} / {100 * five:.1f}" for first, five in shares]
        lines.append((kind, str(len(hits[kind, "ours"])), *cells))
    table("retrieval", lines)
    first = next(iter(bases)).rsplit("-", 1)[0]
    return float(np.mean(hits[first, "ours"], axis=0)[1])


# --- refusing


def _refusals(embedder: Embedder, bases: dict[str, Base], rows: dict[str, list[Row]]) -> None:
    lines: list[tuple[str, ...]] = [
        ("", "chunks", "answerable", "near the topic", "other documents", "in English")
    ]
    for name, base in bases.items():
        own = {row["doc"].split("/")[-1] for row in rows[name]}
        language = rows[name][0]["lang"]
        strangers = [row for other in rows.values() for row in other if row["doc"].split("/")[-1] not in own]
        kinds = (
            [row for row in rows[name] if row["answerable"]],
            [row for row in rows[name] if not row["answerable"]],
            [row for row in strangers if row["lang"] == language and row["answerable"]],
            [row for row in strangers if row["lang"] == "en" != language and row["answerable"]],
        )
        lines.append((name, str(len(base.drafts)), *(_refused(embedder, base, kind) for kind in kinds)))
    table("refused, %", lines)


def _refused(embedder: Embedder, base: Base, rows: Sequence[Row]) -> str:
    sample = rows[:: max(1, -(-len(rows) // REFUSAL_SAMPLE))]
    if not sample:
        return "-"
    refused = 0
    for row in sample:
        query = _ask(embedder, row["question"])
        ranking = rank(base.corpus, query, best_only(base.vectors @ query.vector))
        refused += not base.calibration.known(ranking.evidence)
    return f"{100 * refused / len(sample):.1f}"


# --- speed


def _speed(embedder: Embedder, base: Base, rows: Sequence[Row]) -> None:
    """Rank over a knowledge base of MEASURED_CHUNKS chunks, made by repeating the sentences of this one."""
    dice = np.random.default_rng(0)
    texts = [sentence.text for draft in base.drafts for sentence in draft.sentences]
    picks = dice.integers(len(texts), size=(MEASURED_CHUNKS, 8))
    sentences = [texts[pick] for pick in picks.flatten()]
    vectors = base.corpus.sentence_vectors[picks.flatten()]
    corpus = Corpus(
        chunks=LexicalIndex.build([" ".join(texts[pick] for pick in chunk) for chunk in picks]),
        sentences=LexicalIndex.build(sentences),
        sentence_offsets=np.arange(0, len(sentences) + 1, 8),
        sentence_vectors=vectors,
        from_sheet=np.zeros(MEASURED_CHUNKS, dtype=bool),
    )
    queries = [_ask(embedder, row["question"]) for row in rows[:CANDIDATES]]
    dense = [best_only(vectors[::8] @ query.vector) for query in queries]
    began = time.thread_time()
    for query, cosines in zip(queries, dense, strict=True):
        rank(corpus, query, cosines)
    took = 1000 * (time.thread_time() - began) / len(queries)
    table(f"ranking {MEASURED_CHUNKS} chunks", [("CPU ms a question", "aim"), (f"{took:.2f}", "4")])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
