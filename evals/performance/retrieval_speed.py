"""CPU of one search without the embedding of its question, on knowledge bases of 2,000 and 20,000 chunks.

The whole search is measured: what SQL is asked, the vector index, the ranking, and the passages with their
sentences. The text is the pack's own sentences, drawn again and again; vectors are drawn too, as computing
them would take an hour and costs a search the same. Aims: 4 and 15 ms.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from agentflow.bootstrap import NoJobs, open_database
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from evals.performance.measuring import quantile, table
from evals.performance.retrieval_bases import read
from knowledge import service
from knowledge.embedding import FloatMatrix, FloatVector, Foreignness, unit_rows
from knowledge.ingest import IngestDeps, ingest
from knowledge.reading import ReaderPool
from knowledge.schemas import KnowledgeBaseCreate
from knowledge.search import Searcher

SIZES = {2_000: 4, 20_000: 15}  # chunks, and the aim in ms
SENTENCES = 6  # in a chunk
ROUNDS = 50
WORKSPACE = "wsp_bench"


class Drawn:
    """An embedder whose vectors are drawn: the same text gets the same one."""

    name, dim, max_tokens, fingerprint = "drawn", 384, 256, "drawn"

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text."""
        return np.array([self.embed_query(text) for text in texts], dtype=np.float32).reshape(-1, self.dim)

    def embed_query(self, text: str) -> FloatVector:
        """A unit vector."""
        return _drawn(text, self.dim)

    def foreignness(self, text: str) -> Foreignness:
        """Always a language that the model knows."""
        return Foreignness(1.2, 0.0)

    def close(self) -> None:
        """Nothing to close."""


@lru_cache(maxsize=2 * ROUNDS)  # drawing is no part of a search
def _drawn(text: str, dim: int) -> FloatVector:
    dice = np.random.default_rng(zlib.crc32(text.encode()))
    vector: FloatVector = unit_rows(dice.standard_normal((1, dim), dtype=np.float32))[0]
    return vector


def main(data: Path) -> None:
    """Print the table."""
    folder = data / "retrieval_en" / "docs"
    names = sorted(file.name for file in folder.glob("*.txt"))
    drafts = [draft for parts in read(folder, names).values() for draft in parts]
    sentences = [sentence.text for draft in drafts for sentence in draft.sentences]
    rows = [("chunks", "CPU ms, median", "slowest tenth", "aim")]
    for size, aim in SIZES.items():
        took = asyncio.run(_measure(sentences, size))
        rows.append((f"{size}", f"{quantile(took, 0.5):.2f}", f"{quantile(took, 0.9):.2f}", f"{aim}"))
    table("one search without embedding the question", rows)


async def _measure(sentences: Sequence[str], size: int) -> list[float]:
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        settings = Settings.model_validate({"home": Path(home)})
        embedder = Drawn()
        reader = ReaderPool(settings.ingest)
        async with open_database(settings) as db:
            db.jobs = NoJobs()
            deps = IngestDeps(db, LocalFiles(settings.home / "files"), reader, embedder)
            base_id = await fill(deps, WORKSPACE, sentences, size)
            searcher = Searcher(db, embedder, settings)
            questions = [
                " ".join(sentence.split()[:12]) for sentence in sentences[:: len(sentences) // ROUNDS]
            ]
            try:
                await searcher.search(WORKSPACE, base_id, questions[0])
                for question in questions:
                    embedder.embed_query(question)
                return [await _time(searcher, base_id, question) for question in questions]
            finally:
                await searcher.close()
                await reader.close()


async def fill(deps: IngestDeps, workspace_id: str, sentences: Sequence[str], size: int) -> str:
    """A knowledge base of one source with `size` passages; its id."""
    dice = np.random.default_rng(0)
    sections = (
        f"# Part {number}\n\n"
        + " ".join(sentences[pick] for pick in dice.integers(len(sentences), size=SENTENCES))
        for number in range(size)
    )
    async with deps.db.transaction() as session:
        base = await service.create_knowledge_base(session, workspace_id, KnowledgeBaseCreate(name="bench"))
    source = await service.upload(
        deps.db, deps.files, workspace_id, base.id, name="bench.md", content="\n\n".join(sections).encode()
    )
    await ingest(deps, source.id, source.version)
    return base.id


async def _time(searcher: Searcher, base_id: str, question: str) -> float:
    began = time.process_time()
    await searcher.search(WORKSPACE, base_id, question)
    return 1000 * (time.process_time() - began)
