"""A real server on 100,000 chunks in 50 knowledge bases: its first answer, and what it holds in memory.

The vectors are drawn, as computing them would take hours and costs a search the same; one knowledge base is
taken in and the others are copies. Aims: the first answer within 3 s of the start; memory grows with the
knowledge bases that are used, not with those that are stored.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import Connection, String, Table, insert, literal, select

from agentflow.bootstrap import NoJobs, open_database
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from evals.performance.measuring import table
from evals.performance.retrieval_bases import read
from evals.performance.retrieval_speed import Drawn, fill
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.ingest import IngestDeps
from knowledge.models import Chunk, KnowledgeBase, KnowledgeGeneration, Source, SourceVersion
from knowledge.reading import ReaderPool
from tests.e2e.live import LiveApp

BASES = 50
CHUNKS = 2000  # in each
USED = (1, 5, 20)
SETTLE_SECONDS = 15.0  # the first sweeps come after ten
COPIED = (KnowledgeBase, Source, SourceVersion, Chunk, KnowledgeGeneration)


def main(data: Path) -> None:
    """Print the table."""
    folder = data / "retrieval_en" / "docs"
    drafts = read(folder, sorted(file.name for file in folder.glob("*.txt"))).values()
    sentences = [sentence.text for parts in drafts for draft in parts for sentence in draft.sentences]
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        app = LiveApp(Path(home))
        rows = [("", "seconds", "MB", "aim"), _started(app, "server ready, almost nothing stored")]
        app.stop()
        bases = asyncio.run(_store(Path(home), sentences))
        rows.append(_started(app, f"server ready, {BASES * CHUNKS:,} chunks in {BASES} bases"))
        began = time.perf_counter()
        try:
            for number, base in enumerate(bases[: max(USED)], 1):
                app.search(base, sentences[number])
                if number == 1:
                    rows.append(("first answer", f"{time.perf_counter() - began:.2f}", "", "3 s"))
                if number in USED:
                    used = f"{number} bases used"
                    rows.append((used, "", f"{_resident(app):.0f}", "grows with these"))
        finally:
            app.stop()
    table("many knowledge bases", rows)


def _started(app: LiveApp, label: str) -> tuple[str, ...]:
    began = time.perf_counter()
    app.start()
    seconds = time.perf_counter() - began
    app.wait_for_knowledge()
    time.sleep(SETTLE_SECONDS)
    return label, f"{seconds:.2f}", f"{_resident(app):.0f}", ""


def _resident(app: LiveApp) -> float:
    assert app.process is not None
    return float(psutil.Process(app.process.pid).memory_info().rss) / 1e6


async def _store(home: Path, sentences: Sequence[str]) -> list[str]:
    """Fill one knowledge base of the demo workspace and copy it; the ids of all."""
    settings = Settings.model_validate({"home": home})
    real = OnnxEmbedder(settings.model_cache)
    embedder = Drawn()
    embedder.name, embedder.fingerprint = real.name, real.fingerprint
    real.close()
    reader = ReaderPool(settings.ingest)
    async with open_database(settings) as db:
        db.jobs = NoJobs()
        async with db.read() as session:
            workspace = (await session.execute(select(KnowledgeBase.workspace_id).limit(1))).scalar_one()
        deps = IngestDeps(db, LocalFiles(home / "files"), reader, embedder)
        first = await fill(deps, workspace, sentences, CHUNKS)
        await reader.close()
        async with db.engine.begin() as connection:
            for number in range(1, BASES):
                await connection.run_sync(_copy, first, f"_{number}")
    return [first, *(f"{first}_{number}" for number in range(1, BASES))]


def _copy(connection: Connection, base: str, suffix: str) -> None:
    """The rows of a knowledge base once more, with `suffix` at the end of every id."""
    for model in COPIED:
        rows = model.__table__
        assert isinstance(rows, Table)
        key = rows.c.id if model is KnowledgeBase else rows.c.knowledge_base_id
        columns = [
            (column + literal(suffix, String)).label(column.name)
            if column.name in ("id", "knowledge_base_id", "source_id", "file_key")
            else column
            for column in rows.c
        ]
        connection.execute(insert(rows).from_select(list(rows.c.keys()), select(*columns).where(key == base)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
