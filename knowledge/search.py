"""Passages for a question: dense and lexical candidates, one ranking, and whether the answer is known.

Each search asks SQL for the newest generation first, so a change of the knowledge holds for the next question
in every worker; what ranking needs is kept in memory per generation.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Set
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from agentflow.kit.db import Database, refuse_inside_transaction
from agentflow.kit.errors import NotFound
from agentflow.kit.settings import Settings
from agentflow.kit.telemetry import span
from knowledge import repository
from knowledge.embedding import Embedder, FloatVector
from knowledge.excerpts import Excerpts
from knowledge.generation import Built, Content, build, check_embedding, decode, keep_generation, restore
from knowledge.index import MemoryIndex, Nearest, Points, Scope, VectorIndex
from knowledge.language import languages_of
from knowledge.models import Origin
from knowledge.passages import Passage, PassageSentence, SearchResult, nearest_first, topics_of
from knowledge.ranking import CANDIDATES, Query, Ranked, Ranking, knows_language, rank
from knowledge.repository import LiveSource, Snapshot
from knowledge.tables.columns import TypedTable
from knowledge.tables.shelf import TableShelf

__all__ = ["FloatVector", "Passage", "PassageSentence", "SearchResult", "Searcher"]


@dataclass(frozen=True, eq=False)
class _Opened:
    """One generation of a knowledge base, ready to be searched."""

    generation: int
    content: Content
    built: Built
    nearest: Nearest
    excerpts: Excerpts

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Of running text; rows are names and figures."""
        chunks = self.content.chunks
        running = [chunk for chunk in chunks if chunk.row is None] or chunks
        return languages_of((chunk.source_id, chunk.text) for chunk in running)


class Searcher:
    """Searches knowledge bases; keeps the latest used ones in memory. One per process, closed at its end.

    `index` finds the nearest vectors; without one they are looked for in memory.
    """

    def __init__(
        self, db: Database, embedder: Embedder, settings: Settings, index: VectorIndex | None = None
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._max_open = settings.search.open_indexes
        self._index = index or MemoryIndex()
        self._shelf = TableShelf(db, self._max_open)
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def search(
        self, workspace_id: str, knowledge_base_id: str, query: str, *, limit: int = 10
    ) -> SearchResult:
        """The best passages of the newest generation, best first.

        Raises NotFound, Misconfigured when the vectors were made by another embedder, and Unavailable when
        the embedder or the vector server does not answer.
        """
        refuse_inside_transaction("a search")
        with span("search"):
            started = time.perf_counter()
            opened, sources = await self._newest(workspace_id, knowledge_base_id)
            found = time.perf_counter()
            question, ranking, embedded = await asyncio.to_thread(self._rank, opened, query, limit)
            ranked = time.perf_counter()
            tables = await self._shelf.tables(workspace_id, knowledge_base_id, tuple(sources.values()))
        passages = _passages(opened, sources, ranking)
        return SearchResult(
            passages=passages,
            known=opened.built.calibration.known(ranking.evidence),
            query_vector=question.vector,
            timings_ms={
                "open": 1000 * (found - started),
                "embed": 1000 * (embedded - found),
                "rank": 1000 * (ranked - embedded),
            },
            topics=topics_of(passages),
            margin=opened.built.calibration.margin(ranking.evidence),
            evidence=ranking.evidence,
            tables=nearest_first(tables, passages),
        )

    async def languages(self, workspace_id: str, knowledge_base_id: str) -> tuple[str, ...]:
        """The languages that the newest generation is written in. Raises what `search` raises."""
        opened, _ = await self._newest(workspace_id, knowledge_base_id)
        return await asyncio.to_thread(lambda: opened.languages)

    async def tables(self, workspace_id: str, knowledge_base_id: str) -> tuple[TypedTable, ...]:
        """The tables of the newest generation."""
        state = await self._state(workspace_id, knowledge_base_id)
        return await self._shelf.tables(workspace_id, knowledge_base_id, state.sources)

    async def forget(self, workspace_id: str, knowledge_base_id: str, source_id: str) -> None:
        """Drop a source's vectors from the index; for `erasing.purge`."""
        scope = Scope(workspace_id, knowledge_base_id, self._embedder.fingerprint)
        await asyncio.to_thread(self._index.forget, scope, source_id)

    async def held(self) -> set[str]:
        """The sources that the index has vectors of, in every workspace; for `erasing.reconcile`."""
        return await asyncio.to_thread(self._index.held)

    async def drop(self, source_ids: Set[str]) -> None:
        """Drop the vectors of sources that are no more."""
        await asyncio.to_thread(self._index.drop, source_ids)

    async def ping(self) -> None:
        """Raise Unavailable when the index does not answer."""
        await asyncio.to_thread(self._index.ping)

    async def close(self) -> None:
        """Close the index. Harmless when called twice."""
        self._opened.clear()
        await asyncio.to_thread(self._index.close)

    def _rank(self, opened: _Opened, text: str, limit: int) -> tuple[Query, Ranking, float]:
        """The embedded question, the ranking, and when the embedder was done."""
        question = Query(text, self._embedder.embed_query(text), self._embedder.foreignness(text))
        embedded = time.perf_counter()
        dense = opened.nearest.cosines(question.vector, CANDIDATES)
        ranking = rank(opened.built.corpus, question, dense, limit=limit)
        return question, self._of_one_language(opened, question, ranking), embedded

    def _of_one_language(self, opened: _Opened, question: Query, ranking: Ranking) -> Ranking:
        """Of texts in several languages, what was found may be in the question's though most is not."""
        unlike = knows_language(question.foreignness) != opened.built.corpus.embedder_knows_text
        if not unlike or not ranking.items or ranking.evidence.from_sheet or len(opened.languages) < 2:
            return ranking
        text = opened.content.chunks[ranking.items[0].index].text
        known = knows_language(self._embedder.foreignness(text))
        return replace(ranking, evidence=replace(ranking.evidence, knows_text=known))

    async def _newest(
        self, workspace_id: str, knowledge_base_id: str
    ) -> tuple[_Opened, dict[str, LiveSource]]:
        state = await self._state(workspace_id, knowledge_base_id)
        opened = self._opened.get(knowledge_base_id)
        if opened is None or opened.generation != state.generation:
            async with self._opening[knowledge_base_id]:
                opened, state = await self._open(workspace_id, knowledge_base_id)
        self._opened[knowledge_base_id] = opened
        self._opened.move_to_end(knowledge_base_id)
        while len(self._opened) > self._max_open:
            self._opened.popitem(last=False)
        return opened, {source.id: source for source in state.sources}

    async def _state(self, workspace_id: str, knowledge_base_id: str) -> Snapshot:
        async with self._db.glance() as connection:
            state = await repository.snapshot(connection, workspace_id, knowledge_base_id)
        if state is None:
            raise NotFound("There is no such knowledge base.", code="knowledge_base_not_found")
        check_embedding(state.embedding, state.embedding_name, self._embedder)
        return state

    async def _open(self, workspace_id: str, knowledge_base_id: str) -> tuple[_Opened, Snapshot]:
        """Load the newest generation, unless another search just did; again if it changes meanwhile."""
        while True:
            state = await self._state(workspace_id, knowledge_base_id)
            opened = self._opened.get(knowledge_base_id)
            if opened is not None and opened.generation == state.generation:
                return opened, state
            opened = await self._load(workspace_id, knowledge_base_id, state)
            if opened is not None:
                return opened, state

    async def _load(self, workspace_id: str, knowledge_base_id: str, state: Snapshot) -> _Opened | None:
        """None when `state` has passed, or when what was missing was built and now has to be read."""
        live = tuple((source.id, source.version) for source in state.sources)
        async with self._db.read() as session:
            stored = await repository.find_generation(
                session, workspace_id, knowledge_base_id, state.generation
            )
            rows = await repository.chunks_of(session, workspace_id, live)
            latest = await repository.snapshot(session, workspace_id, knowledge_base_id)
        if latest is None or latest.generation != state.generation:
            return None
        content = await asyncio.to_thread(decode, rows, self._embedder.dim)
        if stored is None:
            built = await asyncio.to_thread(build, content, self._embedder)
            async with self._db.transaction() as session:
                base = await repository.find_knowledge_base(
                    session, workspace_id, knowledge_base_id, lock=True
                )
                if base is not None and base.generation == state.generation:
                    await keep_generation(session, base, built)
            return None
        scope = Scope(workspace_id, knowledge_base_id, self._embedder.fingerprint)
        built = await asyncio.to_thread(restore, content, stored)
        points = Points(
            [chunk.id for chunk in content.chunks],
            [(chunk.source_id, chunk.version) for chunk in content.chunks],
            content.vectors,
        )
        nearest = await asyncio.to_thread(self._index.fill, scope, points)
        return _Opened(state.generation, content, built, nearest, Excerpts(content))


def _passages(opened: _Opened, sources: dict[str, LiveSource], ranking: Ranking) -> tuple[Passage, ...]:
    return tuple(
        _passage(opened, sources[source_id], item, ranking, number)
        for number, item in enumerate(ranking.items)
        if (source_id := opened.content.chunks[item.index].source_id) in sources
    )


def _passage(opened: _Opened, source: LiveSource, item: Ranked, ranking: Ranking, number: int) -> Passage:
    chunk = opened.content.chunks[item.index]
    shown = opened.excerpts.cut(item.index, ranking.sentence_scores, rank=number)
    places = [line.place for line in shown.lines]
    vectors = opened.content.sentence_vectors[places].astype(np.float32)
    sentences = tuple(
        PassageSentence(line.text, line.start, line.end, line.row, vector, float(score), line.borrowed)
        for line, vector, score in zip(shown.lines, vectors, ranking.sentence_lexical[places], strict=True)
    )
    return Passage(
        chunk_id=chunk.id,
        source_id=source.id,
        source=source.name,
        version=chunk.version,
        public=source.public,
        page=None if source.origin == Origin.SITE else chunk.page,  # nobody sees a site's numbers
        sheet=chunk.sheet,
        row=chunk.row,
        start=shown.start,
        end=shown.end,
        text=shown.text,
        heading=chunk.heading,
        score=item.score,
        dense=item.dense,
        lexical=item.lexical,
        sentence=item.sentence,
        sentences=sentences,
    )
