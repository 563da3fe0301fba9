"""The rows of a batch of chunks, embedded: what the live version holds already is taken over from it."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agentflow.kit.ids import new_id
from knowledge.chunking import ChunkDraft
from knowledge.embedding import Embedder
from knowledge.generation import indexed_text
from knowledge.repository import ChunkRow


@dataclass(frozen=True)
class Known:
    """Vectors of one embedder as they are stored: of whole chunks, and of sentences."""

    chunks: Mapping[str, bytes] = field(default_factory=dict)
    sentences: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[ChunkRow], dim: int) -> Known:
        """Those of these chunks."""
        chunks: dict[str, bytes] = {}
        sentences: dict[str, bytes] = {}
        size = 2 * dim
        for row in rows:
            chunks[indexed_text(row.heading, row.text)] = row.vector
            for number, (text, *_) in enumerate(json.loads(row.sentences)):
                sentences[text] = row.sentence_vectors[number * size : (number + 1) * size]
        return cls(chunks, sentences)


def embed_rows(
    embedder: Embedder, owner: Mapping[str, object], batch: Sequence[tuple[int, ChunkDraft]], known: Known
) -> list[dict[str, object]]:
    """A row for each (position, draft); `owner` says whose they are. Each different text is embedded once."""
    chunks = {indexed_text(draft.heading, draft.text) for _, draft in batch} - known.chunks.keys()
    sentences = {each.text for _, draft in batch for each in draft.sentences} - known.sentences.keys()
    places = {text: place for place, text in enumerate(sorted(chunks | sentences))}
    vectors = embedder.embed_documents(list(places)) if places else np.empty((0, embedder.dim), np.float32)
    _give_back()
    halves = vectors.astype(np.float16)

    def chunk_vector(text: str) -> bytes:
        return known.chunks.get(text) or vectors[places[text]].tobytes()

    def sentence_vector(text: str) -> bytes:
        return known.sentences.get(text) or halves[places[text]].tobytes()

    return [
        {
            "id": new_id("chk"),
            **owner,
            "position": position,
            "text": draft.text,
            "heading": draft.heading,
            "start": draft.start,
            "end": draft.end,
            "page": draft.page,
            "sheet": draft.sheet,
            "row": draft.row,
            "vector": chunk_vector(indexed_text(draft.heading, draft.text)),
            "sentences": json.dumps(
                [[each.text, each.start, each.end, each.row] for each in draft.sentences],
                ensure_ascii=False,
            ),
            "sentence_vectors": b"".join(sentence_vector(each.text) for each in draft.sentences),
        }
        for position, draft in batch
    ]


def _give_back() -> None:
    """What was freed goes back to the system: glibc keeps it for each thread, 100 MB over a long file."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other systems do it by themselves
    if trim is not None:
        trim(0)
