"""Embed knowledge again after the embedder was changed; nothing is read or cut again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database
from agentflow.kit.errors import Misconfigured
from knowledge import repository
from knowledge.embedding import Embedder
from knowledge.generation import check_embedding, indexed_text
from knowledge.repository import ChunkRow
from knowledge.service import get_knowledge_base

BATCH = 64  # chunks embedded and written at a time
Progress = Callable[[int, int], None]  # takes the passages done, and of how many


def _nobody(done: int, total: int) -> None:
    """Nobody watches."""


async def complaints(db: Database, embedder: Embedder) -> list[str]:
    """A sentence for each knowledge base that this embedder cannot search, for whoever starts a server."""
    async with db.read() as session:
        bases = await repository.all_knowledge_bases(session)
    told = []
    for base in bases:
        try:
            check_embedding(base.embedding_fingerprint, base.embedding_name, embedder)
        except Misconfigured as mismatch:
            told.append(f"{base.name} ({base.id}) answers nothing. {mismatch.detail}")
    return told


async def reindex(
    db: Database,
    embedder: Embedder,
    workspace_id: str,
    knowledge_base_id: str,
    progress: Progress = _nobody,
) -> int | None:
    """Give every chunk vectors of this embedder, those in the bin too; returns how many. Safe to repeat.

    None when it has them already. Searches are refused from the first changed vector until the last, so that
    no two models ever mix.
    """
    async with db.transaction() as session:
        base = await get_knowledge_base(session, workspace_id, knowledge_base_id, lock=True)
        if base.embedding_fingerprint == embedder.fingerprint:
            return None
        base.embedding_name = f"{embedder.name}, not finished"
        base.embedding_fingerprint = "unfinished"
    done = 0
    async with db.read() as session:
        versions = await repository.live_versions(session, workspace_id, knowledge_base_id)
        total = await _passages(session, workspace_id, versions)
    for source_id, version in versions:
        async with db.read() as session:
            rows = await repository.chunks_of(session, workspace_id, [(source_id, version)])
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            values = await asyncio.to_thread(_embed, embedder, batch)
            async with db.transaction() as session:
                await repository.update_vectors(session, values)
            done += len(batch)
            progress(done, total)
    async with db.transaction() as session:
        base = await get_knowledge_base(session, workspace_id, knowledge_base_id, lock=True)
        base.embedding_name = embedder.name
        base.embedding_dim = embedder.dim
        base.embedding_fingerprint = embedder.fingerprint
        base.generation += 1
    return done


async def _passages(session: AsyncSession, workspace_id: str, versions: Sequence[tuple[str, int]]) -> int:
    found = [await repository.find_version(session, workspace_id, *one) for one in versions]
    return sum(version.passages for version in found if version)


def _embed(embedder: Embedder, rows: Sequence[ChunkRow]) -> list[dict[str, object]]:
    texts: list[str] = []
    bounds: list[tuple[int, int]] = []
    for row in rows:
        first = len(texts)
        texts.append(indexed_text(row.heading, row.text))
        texts.extend(sentence[0] for sentence in json.loads(row.sentences))
        bounds.append((first, len(texts)))
    vectors = embedder.embed_documents(texts)
    halves = vectors.astype(np.float16)
    return [
        {
            "id": row.id,
            "vector": vectors[first].tobytes(),
            "sentence_vectors": halves[first + 1 : end].tobytes(),
        }
        for row, (first, end) in zip(rows, bounds, strict=True)
    ]
