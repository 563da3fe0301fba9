"""What is built from a knowledge base's chunks once per generation: lexical indexes and the refusal's line.

Built when a source is switched live and stored, so that every worker ranks and refuses alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.errors import Misconfigured
from knowledge import repository
from knowledge.embedding import Embedder, FloatMatrix
from knowledge.index import best_cosines
from knowledge.lexical import LexicalIndex
from knowledge.models import KnowledgeBase, KnowledgeGeneration
from knowledge.ranking import CANDIDATES, Corpus, Evidence, Query, knows_language, rank
from knowledge.refusal import Calibration, calibrate, echo_of
from knowledge.repository import ChunkRow

LANGUAGE_SAMPLES = 64  # sentences that tell the language of the text


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as a search shows it; `sentences` is still JSON, few chunks are ever shown."""

    id: str
    source_id: str
    version: int
    text: str
    heading: str
    start: int | None
    end: int | None
    page: int | None
    sheet: str | None
    row: int | None
    sentences: str


@dataclass(frozen=True, eq=False)
class Content:
    """The chunks of one generation, decoded. Chunk i has the sentences offsets[i] up to offsets[i + 1]."""

    chunks: tuple[StoredChunk, ...]
    vectors: FloatMatrix
    sentence_vectors: NDArray[np.float16]
    offsets: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Built:
    """What ranking and refusing need beside the vector index."""

    corpus: Corpus
    calibration: Calibration


def check_embedding(fingerprint: str | None, name: str | None, embedder: Embedder) -> None:
    """Vectors of two models do not compare. Raises Misconfigured when these were made by another one."""
    if fingerprint is None or fingerprint == embedder.fingerprint:
        return
    if name == embedder.name:
        made = f"was embedded with an earlier version of {name}"
        mend = "run `agentflow admin reindex`."
    else:
        made = f"was embedded with {name}, the settings ask for {embedder.name}"
        mend = "run `agentflow admin reindex`, or set AGENTFLOW_EMBEDDING__MODEL back."
    raise Misconfigured(f"This knowledge base {made}: {mend}", code="embedding_mismatch")


def indexed_text(heading: str, text: str) -> str:
    """What is embedded and indexed for a chunk: its heading belongs to it."""
    return f"{heading}\n{text}" if heading else text


def decode(rows: Sequence[ChunkRow], dim: int) -> Content:
    """Rows of `repository.chunks_of` into arrays."""
    counts = [len(row.sentence_vectors) // (2 * dim) for row in rows]
    vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.float32)
    sentences = np.frombuffer(b"".join(row.sentence_vectors for row in rows), dtype=np.float16)
    chunks = tuple(
        StoredChunk(
            row.id,
            row.source_id,
            row.version,
            row.text,
            row.heading,
            row.start,
            row.end,
            row.page,
            row.sheet,
            row.row,
            row.sentences,
        )
        for row in rows
    )
    return Content(
        chunks,
        vectors.reshape(-1, dim),
        sentences.reshape(-1, dim),
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
    )


def build(content: Content, embedder: Embedder) -> Built:
    """Index the words and draw the refusal's line. Takes seconds; call it in a thread."""
    sentences = [sentence[0] for chunk in content.chunks for sentence in json.loads(chunk.sentences)]
    corpus = Corpus(
        chunks=LexicalIndex.build([indexed_text(chunk.heading, chunk.text) for chunk in content.chunks]),
        sentences=LexicalIndex.build(sentences),
        sentence_offsets=content.offsets,
        sentence_vectors=content.sentence_vectors,
        from_sheet=_from_sheet(content),
        embedder_knows_text=embedder_knows(embedder, sentences),
    )

    def probe(question: str) -> Evidence:
        vector = embedder.embed_query(question)
        query = Query(question, vector, embedder.foreignness(question))
        return rank(corpus, query, best_cosines(content.vectors, vector, CANDIDATES)).evidence

    headings = sorted({chunk.heading for chunk in content.chunks if chunk.heading})
    calibration = calibrate(
        probe,
        chunks=len(content.chunks),
        headings=headings,
        sentences=sentences,
        embedder_knows_text=corpus.embedder_knows_text,
        echo=echo(corpus, sentences),
    )
    return Built(corpus, calibration)


def echo(corpus: Corpus, sentences: Sequence[str]) -> float:
    """The echo of running text; rows of a sheet, which are all alike, have a line of their own."""
    owners = np.repeat(np.arange(len(corpus.from_sheet)), np.diff(corpus.sentence_offsets))
    running = np.flatnonzero(~corpus.from_sheet[owners]).tolist()
    return echo_of(corpus.chunks, [sentences[place] for place in running], owners[running].tolist())


def embedder_knows(embedder: Embedder, sentences: Sequence[str]) -> bool:
    """Whether most of the text is in a language that the embedder knows."""
    step = max(1, len(sentences) // LANGUAGE_SAMPLES)
    known = [knows_language(embedder.foreignness(sentence)) for sentence in sentences[::step]]
    return sum(known) * 2 >= len(known)


def _from_sheet(content: Content) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([chunk.row is not None for chunk in content.chunks], dtype=bool)


async def keep_generation(session: AsyncSession, base: KnowledgeBase, built: Built) -> None:
    """Store what was built for the generation `base` has now; if another worker did so first, its stays."""
    values: dict[str, object] = {
        "workspace_id": base.workspace_id,
        "knowledge_base_id": base.id,
        "generation": base.generation,
        "chunk_lexical": built.corpus.chunks.to_bytes(),
        "sentence_lexical": built.corpus.sentences.to_bytes(),
        "calibration": json.dumps(built.calibration.to_json()),
        "created_at": now(session),
    }
    await repository.add_generation(session, values)
    await repository.delete_generations_before(session, base.workspace_id, base.id, base.generation)


def restore(content: Content, stored: KnowledgeGeneration) -> Built:
    """Read back what `keep_generation` stored for the same content."""
    calibration = Calibration.from_json(json.loads(stored.calibration))
    corpus = Corpus(
        chunks=LexicalIndex.from_bytes(stored.chunk_lexical),
        sentences=LexicalIndex.from_bytes(stored.sentence_lexical),
        sentence_offsets=content.offsets,
        sentence_vectors=content.sentence_vectors,
        from_sheet=_from_sheet(content),
        embedder_knows_text=calibration.embedder_knows_text,
    )
    return Built(corpus, calibration)
