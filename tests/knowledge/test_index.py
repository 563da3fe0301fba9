"""The vector index: both shapes hold the same points, and whatever is lost is filled again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from agentflow.kit.errors import Unavailable
from agentflow.kit.ids import new_id
from knowledge.embedding import FloatMatrix, unit_rows
from knowledge.index import FolderIndex, Points, Scope, ServerIndex, VectorIndex

# The client's own stand-in for a server has no payload indexes and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

SCOPE = Scope("wsp_one", "kb_one", "model-a")


def some_points(count: int, *, version: int = 1, source: str = "src_one", seed: int = 1) -> Points:
    """Random unit vectors under new chunk ids."""
    vectors: FloatMatrix = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return Points([new_id("chk") for _ in range(count)], [(source, version)] * count, unit_rows(vectors))


def ids(
    index: VectorIndex, points: Points, *, row: int = 0, scope: Scope = SCOPE, limit: int = 3
) -> list[str]:
    """The ids found for the vector of one point."""
    found = index.search(scope, sorted(set(points.sources)), points.vectors[row], limit)
    return [chunk_id for chunk_id, _ in found]


@pytest.fixture(params=["folders", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    """Both shapes; the server's is run by the client itself, which speaks the same language."""
    index: VectorIndex = (
        FolderIndex(tmp_path / "qdrant", max_open=4)
        if request.param == "folders"
        else ServerIndex(QdrantClient(":memory:"))
    )
    yield index
    index.close()
    index.close()


def test_that_the_nearest_chunks_come_back_with_their_cosine(index: VectorIndex) -> None:
    points = some_points(50)
    index.fill(SCOPE, points)
    found = index.search(SCOPE, [("src_one", 1)], points.vectors[7], 50)
    cosines = points.vectors @ points.vectors[7]
    assert found[0][0] == points.chunk_ids[7]
    assert [chunk_id for chunk_id, _ in found] == [points.chunk_ids[row] for row in np.argsort(-cosines)]
    assert [score for _, score in found] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)


def test_that_filling_again_changes_nothing(index: VectorIndex) -> None:
    points = some_points(20)
    index.fill(SCOPE, points)
    before = index.search(SCOPE, [("src_one", 1)], points.vectors[0], 20)
    index.fill(SCOPE, points)
    assert index.search(SCOPE, [("src_one", 1)], points.vectors[0], 20) == before


def test_that_a_newer_version_takes_the_place_of_the_old(index: VectorIndex) -> None:
    old, new = some_points(10), some_points(12, version=2, seed=2)
    index.fill(SCOPE, old)
    index.fill(SCOPE, new)
    found = index.search(SCOPE, [("src_one", 2)], old.vectors[0], 100)
    assert {chunk_id for chunk_id, _ in found} == set(new.chunk_ids)


def test_that_knowledge_bases_never_meet(index: VectorIndex) -> None:
    mine, other = some_points(10), some_points(10, seed=1)
    scope = Scope("wsp_one", "kb_two", "model-a")
    index.fill(SCOPE, mine)
    index.fill(scope, other)
    assert ids(index, mine)[0] == mine.chunk_ids[0]
    assert ids(index, other, scope=scope)[0] == other.chunk_ids[0]
    assert set(ids(index, mine, limit=100)) == set(mine.chunk_ids)


def test_that_vectors_of_two_models_never_meet(index: VectorIndex) -> None:
    first, second = some_points(10), some_points(10, seed=3)
    other_model = Scope("wsp_one", "kb_one", "model-b")
    index.fill(SCOPE, first)
    index.fill(other_model, second)
    assert set(ids(index, second, scope=other_model, limit=100)) == set(second.chunk_ids)
    index.fill(SCOPE, first)
    assert set(ids(index, first, limit=100)) == set(first.chunk_ids)


def test_that_folders_survive_a_restart_without_being_filled_again(tmp_path: Path) -> None:
    points = some_points(30)
    first = FolderIndex(tmp_path, max_open=4)
    first.fill(SCOPE, points)
    first.close()
    second = FolderIndex(tmp_path, max_open=4)
    assert ids(second, points)[0] == points.chunk_ids[0]
    second.close()


def test_that_two_processes_have_folders_of_their_own(tmp_path: Path) -> None:
    points = some_points(5)
    first, second = FolderIndex(tmp_path, max_open=4), FolderIndex(tmp_path, max_open=4)
    for index in (first, second):
        index.fill(SCOPE, points)
        assert ids(index, points)[0] == points.chunk_ids[0]
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    first.close()
    third = FolderIndex(tmp_path, max_open=4)
    assert ids(third, points)[0] == points.chunk_ids[0]
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    second.close()
    third.close()


def test_that_the_least_recently_used_folder_is_closed_and_opens_again(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path, max_open=2)
    points = {name: some_points(5, seed=number) for number, name in enumerate(("kb_a", "kb_b", "kb_c"))}
    for _ in range(2):
        for name, held in points.items():
            scope = Scope("wsp_one", name, "model-a")
            index.fill(scope, held)
            assert ids(index, held, scope=scope)[0] == held.chunk_ids[0]
    index.close()


def test_that_a_damaged_folder_is_made_anew(tmp_path: Path) -> None:
    points = some_points(10)
    index = FolderIndex(tmp_path, max_open=2)
    index.fill(SCOPE, points)
    index.close()
    (storage,) = tmp_path.rglob("storage.sqlite")
    storage.write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(storage).execute("SELECT * FROM points")
    index = FolderIndex(tmp_path, max_open=2)
    index.fill(SCOPE, points)
    assert set(ids(index, points, limit=100)) == set(points.chunk_ids)
    index.close()


def test_that_an_interrupted_fill_is_completed(index: VectorIndex) -> None:
    points = some_points(20)
    part = Points(points.chunk_ids[:7], points.sources[:7], points.vectors[:7])
    index.fill(SCOPE, part)
    index.fill(SCOPE, points)
    assert set(ids(index, points, limit=100)) == set(points.chunk_ids)


def test_that_a_server_forgets_a_source_and_keeps_the_others() -> None:
    index = ServerIndex(QdrantClient(":memory:"))
    mine, other = some_points(4), some_points(4, source="src_two", seed=2)
    both = Points(
        [*mine.chunk_ids, *other.chunk_ids],
        [*mine.sources, *other.sources],
        np.concatenate([mine.vectors, other.vectors]),
    )
    index.fill(SCOPE, both)
    index.forget(SCOPE, "src_one")
    index.forget(Scope("wsp_one", "kb_one", "never used"), "src_one")
    assert set(ids(index, both, limit=100)) == set(other.chunk_ids)
    index.close()


def test_that_a_server_keeps_what_another_worker_made_live_meanwhile() -> None:
    index = ServerIndex(QdrantClient(":memory:"))
    old, new = some_points(4), some_points(4, version=2, seed=2)
    index.fill(SCOPE, new)
    index.fill(SCOPE, old)
    assert set(ids(index, new, limit=100)) == set(new.chunk_ids)
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
    index = ServerIndex(QdrantClient(url="http://127.0.0.1:9", check_compatibility=False, timeout=1))
    with pytest.raises(Unavailable):
        index.search(SCOPE, [("src_one", 1)], some_points(1).vectors[0], 3)
    index.close()
