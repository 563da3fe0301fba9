"""What the tests of knowledge work with: the real embedder and readers, and jobs that only wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from agentflow.kit.db import Database
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from knowledge import service
from knowledge.embedding_export import build
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.ingest import IngestDeps
from knowledge.reading import ReaderPool
from knowledge.schemas import KnowledgeBaseCreate
from knowledge.search import Searcher
from tests.library import WORKSPACE, Library, WaitingJobs


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnnxEmbedder]:
    """The default embedder, built once for all tests."""
    cache = tmp_path_factory.mktemp("models")
    build(cache)
    embedder = OnnxEmbedder(cache)
    yield embedder
    embedder.close()


@pytest.fixture
async def reader(settings: Settings) -> AsyncIterator[ReaderPool]:
    """The pool of reading processes."""
    pool = ReaderPool(settings.ingest)
    yield pool
    await pool.close()


@pytest.fixture
async def library(db: Database, settings: Settings, embedder: OnnxEmbedder, reader: ReaderPool) -> Library:
    """An empty knowledge base."""
    jobs = WaitingJobs()
    db.jobs = jobs
    async with db.transaction() as session:
        base = await service.create_knowledge_base(session, WORKSPACE, KnowledgeBaseCreate(name="Shop"))
    deps = IngestDeps(db, LocalFiles(settings.home / "files"), reader, embedder)
    return Library(deps, jobs, base.id)


@pytest.fixture
async def searcher(db: Database, settings: Settings, embedder: OnnxEmbedder) -> AsyncIterator[Searcher]:
    """A searcher with folders of its own."""
    searcher = Searcher(db, embedder, settings)
    yield searcher
    await searcher.close()
