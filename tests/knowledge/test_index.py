"""The vector index: both shapes find the same points, and whatever is lost is filled again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qdrant_client import QdrantClient

from agentflow.kit.errors import Unavailable
from agentflow.kit.ids import new_id
from agentflow.kit.settings import SearchSettings, Settings
from knowledge.embedding import FloatMatrix, unit_rows
from knowledge.index import MemoryIndex, Nearest, Points, Scope, VectorIndex
from knowledge.index_qdrant import ServerIndex, open_server

# The client's own stand-in for a server has no payload indexes and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

SCOPE = Scope("wsp_one", "kb_one", "model-a")


def some_points(count: int, *, version: int = 1, source: str = "src_one", seed: int = 1) -> Points:
    """Random unit vectors under new chunk ids."""
    vectors: FloatMatrix = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return Points([new_id("chk") for _ in range(count)], [(source, version)] * count, unit_rows(vectors))


def ids(nearest: Nearest, points: Points, *, row: int = 0, limit: int = 3) -> list[str]:
    """The ids found for the vector of one point."""
    cosines = nearest.cosines(points.vectors[row], limit)
    order = np.argsort(-cosines)[: np.count_nonzero(~np.isnan(cosines))]
    return [points.chunk_ids[place] for place in order]


@pytest.fixture(params=["memory", "server"])
def index(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    """Both shapes; the server's is run by the client itself, which speaks the same language."""
    index: VectorIndex = MemoryIndex() if request.param == "memory" else ServerIndex(QdrantClient(":memory:"))
    yield index
    index.close()
    index.close()


def test_that_the_nearest_chunks_come_back_with_their_cosine(index: VectorIndex) -> None:
    points = some_points(50)
    nearest = index.fill(SCOPE, points)
    cosines = points.vectors @ points.vectors[7]
    assert nearest.cosines(points.vectors[7], 50) == pytest.approx(cosines, abs=1e-5)
    best = np.argsort(-cosines)[:5]
    found = nearest.cosines(points.vectors[7], 5)
    assert sorted(np.flatnonzero(~np.isnan(found))) == sorted(best)
    assert found[best] == pytest.approx(cosines[best], abs=1e-5)


def test_that_filling_again_changes_nothing(index: VectorIndex) -> None:
    points = some_points(20)
    before = index.fill(SCOPE, points).cosines(points.vectors[0], 20)
    assert index.fill(SCOPE, points).cosines(points.vectors[0], 20).tolist() == before.tolist()


def test_that_a_newer_version_takes_the_place_of_the_old(index: VectorIndex) -> None:
    old, new = some_points(10), some_points(12, version=2, seed=2)
    index.fill(SCOPE, old)
    found = index.fill(SCOPE, new).cosines(old.vectors[0], 12)
    assert not np.isnan(found).any()  # none of the old is in the way


def test_that_knowledge_bases_never_meet(index: VectorIndex) -> None:
    mine, other = some_points(10), some_points(10, seed=1)
    first = index.fill(SCOPE, mine)
    second = index.fill(Scope("wsp_one", "kb_two", "model-a"), other)
    assert set(ids(first, mine, limit=10)) == set(mine.chunk_ids)
    assert set(ids(second, other, limit=10)) == set(other.chunk_ids)


def test_that_vectors_of_two_models_never_meet(index: VectorIndex) -> None:
    first, second = some_points(10), some_points(10, seed=3)
    one = index.fill(SCOPE, first)
    two = index.fill(Scope("wsp_one", "kb_one", "model-b"), second)
    assert set(ids(one, first, limit=10)) == set(first.chunk_ids)
    assert set(ids(two, second, limit=10)) == set(second.chunk_ids)


def test_that_an_interrupted_fill_is_completed(index: VectorIndex) -> None:
    points = some_points(20)
    index.fill(SCOPE, Points(points.chunk_ids[:7], points.sources[:7], points.vectors[:7]))
    assert set(ids(index.fill(SCOPE, points), points, limit=20)) == set(points.chunk_ids)


def test_that_nothing_is_found_among_no_points(index: VectorIndex) -> None:
    none = Points([], [], np.zeros((0, 16), dtype=np.float32))
    assert ids(index.fill(SCOPE, none), some_points(1)) == []


def test_that_a_server_forgets_a_source_and_keeps_the_others() -> None:
    index = ServerIndex(QdrantClient(":memory:"))
    mine, other = some_points(4), some_points(4, source="src_two", seed=2)
    both = Points(
        [*mine.chunk_ids, *other.chunk_ids],
        [*mine.sources, *other.sources],
        np.concatenate([mine.vectors, other.vectors]),
    )
    nearest = index.fill(SCOPE, both)
    index.forget(SCOPE, "src_one")
    index.forget(Scope("wsp_one", "kb_one", "never used"), "src_one")
    assert set(ids(nearest, both, limit=100)) == set(other.chunk_ids)
    index.close()


def test_that_a_server_names_what_it_holds_and_drops_what_has_no_row() -> None:
    index = ServerIndex(QdrantClient(":memory:"))
    points = some_points(4)
    other = Scope("wsp_two", "kb_two", "another embedder")
    index.fill(SCOPE, points)
    index.fill(other, some_points(3, source="src_two", seed=2))
    assert index.held() == {"src_one", "src_two"}
    index.drop({"src_two", "src_three"})
    assert index.held() == {"src_one"}
    index.close()


def test_that_a_server_keeps_what_another_worker_made_live_meanwhile() -> None:
    index = ServerIndex(QdrantClient(":memory:"))
    old, new = some_points(4), some_points(4, version=2, seed=2)
    nearest = index.fill(SCOPE, new)
    index.fill(SCOPE, old)
    assert set(ids(nearest, new, limit=4)) == set(new.chunk_ids)
    index.close()


def test_that_payloads_hold_ids_only() -> None:
    client = QdrantClient(":memory:")
    index = ServerIndex(client)
    index.fill(SCOPE, some_points(1))
    (collection,) = client.get_collections().collections
    (record,), _ = client.scroll(collection.name)
    assert record.payload == {
        "workspace_id": "wsp_one",
        "knowledge_base_id": "kb_one",
        "source_id": "src_one",
        "version": 1,
        "source": "src_one:1",
    }
    index.close()


def test_that_a_silent_server_is_reported_as_unavailable() -> None:
    settings = Settings(qdrant_url="http://127.0.0.1:9", search=SearchSettings(qdrant_timeout_seconds=1))
    index = open_server(settings)
    with pytest.raises(Unavailable):
        index.fill(SCOPE, some_points(1))
    with pytest.raises(Unavailable):
        index.ping()
    index.close()
