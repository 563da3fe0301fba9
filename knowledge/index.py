"""The vector index: Qdrant, in folders of this process or on a server, always filled from SQL.

The two need opposite shapes, and the rule lives here alone. In process a filter is a slow loop, so every
knowledge base has its own folder and client; on a server every model has one collection with tenant filters.
Payloads hold ids, never text. All methods block; call them with asyncio.to_thread.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

import portalocker
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from agentflow.kit.errors import Unavailable
from agentflow.kit.settings import Settings
from agentflow.kit.sqlite import prepare_sqlite_file
from knowledge.embedding import FloatMatrix, FloatVector

logger = logging.getLogger(__name__)

BATCH = 256  # points written at a time


@dataclass(frozen=True)
class Scope:
    """Which vectors: a knowledge base's, made by the embedder with this fingerprint."""

    workspace_id: str
    knowledge_base_id: str
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Points:
    """What the index must hold for a scope: chunks and their unit vectors, in the same order."""

    chunk_ids: Sequence[str]
    sources: Sequence[tuple[str, int]]  # source and version of each chunk
    vectors: FloatMatrix


class VectorIndex(Protocol):
    """Finds the nearest chunks. It may be emptied at any time: `fill` restores it without embedding."""

    def fill(self, scope: Scope, points: Points) -> None:
        """Make the scope hold these points; costs little when it does already."""
        ...

    def search(
        self, scope: Scope, live: Sequence[tuple[str, int]], vector: FloatVector, limit: int
    ) -> list[tuple[str, float]]:
        """Chunk ids of the live (source, version) pairs with their cosine, best first.

        May hold ids of chunks that are no longer live; raises Unavailable when a server does not answer.
        """
        ...

    def forget(self, scope: Scope, source_id: str) -> None:
        """Drop every vector of a source."""
        ...

    def close(self) -> None:
        """Let go of folders and connections. Harmless when called twice."""
        ...


def open_index(settings: Settings) -> VectorIndex:
    """The server of AGENTFLOW_QDRANT_URL, else folders under AGENTFLOW_HOME."""
    if settings.qdrant_url is None:
        return FolderIndex(settings.home / "qdrant", max_open=settings.search.open_indexes)
    key = settings.qdrant_api_key
    client = QdrantClient(
        url=settings.qdrant_url,
        api_key=key.get_secret_value() if key else None,
        timeout=max(1, round(settings.search.qdrant_timeout_seconds)),
    )
    return ServerIndex(client)


class _Folder:
    """One knowledge base's client, opened on first use. It is not made for threads: one call at a time."""

    def __init__(self, path: Path) -> None:
        self.lock = Lock()
        self.closed = False
        self._path = path
        self._client: QdrantClient | None = None

    def client(self) -> QdrantClient:
        if self._client is None:
            self._client = _open_client(self._path)
        return self._client

    def close(self) -> None:
        with self.lock:
            self.closed = True
            if self._client is not None:
                self._client.close()


class FolderIndex:
    """Vectors in folders that belong to this process, one per knowledge base, least recently used closed."""

    def __init__(self, root: Path, *, max_open: int) -> None:
        self._slot, self._slot_lock = _take_slot(root)
        self._max_open = max_open
        self._folders: OrderedDict[str, _Folder] = OrderedDict()
        self._lock = Lock()

    def fill(self, scope: Scope, points: Points) -> None:
        """See VectorIndex; what the folder holds beside these points is dropped."""
        name = _collection(scope)
        wanted = {_point_id(chunk_id): row for row, chunk_id in enumerate(points.chunk_ids)}
        with self._open(scope) as client:
            if not client.collection_exists(name):
                self._create(client, scope, points.vectors.shape[1])
            present = _ids_in(client, name, None)
        missing = [(point_id, row) for point_id, row in wanted.items() if point_id not in present]
        for first in range(0, len(missing), BATCH):
            batch = [
                models.PointStruct(id=point_id, vector=points.vectors[row].tolist())
                for point_id, row in missing[first : first + BATCH]
            ]
            with self._open(scope) as client:  # let go between batches, so that a search gets its turn
                client.upsert(name, batch)
        stale: list[models.ExtendedPointId] = [point_id for point_id in present if point_id not in wanted]
        if stale:
            with self._open(scope) as client:
                client.delete(name, models.PointIdsList(points=stale))

    def search(
        self, scope: Scope, live: Sequence[tuple[str, int]], vector: FloatVector, limit: int
    ) -> list[tuple[str, float]]:
        """See VectorIndex; `live` is not needed here, a folder holds nothing else."""
        with self._open(scope) as client:
            found = client.query_points(
                _collection(scope), query=vector, limit=limit, with_payload=False
            ).points
        return [(_chunk_id(point.id), point.score) for point in found]

    def forget(self, scope: Scope, source_id: str) -> None:
        """Nothing to do: the next `fill` drops what is no longer live."""

    def close(self) -> None:
        """Close every client and give the slot back."""
        with self._lock:
            folders = list(self._folders.values())
            self._folders.clear()
        for folder in folders:
            folder.close()
        self._slot_lock.release()

    @contextmanager
    def _open(self, scope: Scope) -> Iterator[QdrantClient]:
        while True:
            folder = self._folder(scope.knowledge_base_id)
            with folder.lock:
                if not folder.closed:  # else it was pushed out between the two lines above
                    yield folder.client()
                    return

    def _folder(self, knowledge_base_id: str) -> _Folder:
        with self._lock:
            folder = self._folders.get(knowledge_base_id)
            if folder is None:
                folder = _Folder(self._slot / knowledge_base_id)
                self._folders[knowledge_base_id] = folder
            self._folders.move_to_end(knowledge_base_id)
            pushed_out = []
            while len(self._folders) > self._max_open:
                pushed_out.append(self._folders.popitem(last=False)[1])
        for old in pushed_out:
            old.close()
        return folder

    def _create(self, client: QdrantClient, scope: Scope, dim: int) -> None:
        for other in client.get_collections().collections:  # made by another embedder
            client.delete_collection(other.name)
        name = _collection(scope)
        # The client commits each point by itself; in WAL mode, which the file keeps, that is 3 times faster.
        prepare_sqlite_file(self._slot / scope.knowledge_base_id / "collection" / name / "storage.sqlite")
        client.create_collection(name, models.VectorParams(size=dim, distance=models.Distance.DOT))


def _take_slot(root: Path) -> tuple[Path, portalocker.Lock]:
    """The first folder that no living process holds, and its lock."""
    number = 0
    while True:
        slot = root / str(number)
        slot.mkdir(parents=True, exist_ok=True)
        lock = portalocker.Lock(slot / "lock", mode="a", timeout=0, fail_when_locked=True)
        try:
            lock.acquire()
        except portalocker.LockException:
            number += 1
        else:
            return slot, lock


def _open_client(folder: Path) -> QdrantClient:
    try:
        return QdrantClient(path=str(folder), force_disable_check_same_thread=True)
    except Exception as damaged:  # noqa: BLE001 - whatever is wrong with it, the folder is only a copy of SQL
        logger.warning("vector folder %s is damaged (%s); it is made anew", folder, damaged)
        shutil.rmtree(folder)
        return QdrantClient(path=str(folder), force_disable_check_same_thread=True)


class ServerIndex:
    """Vectors on a server: one collection per embedder, every call filtered by its tenant."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def fill(self, scope: Scope, points: Points) -> None:
        """See VectorIndex. Versions older than a live one are dropped; other workers may still be behind."""
        name = _collection(scope)
        with _answering():
            if not self._client.collection_exists(name):
                self._create(name, points.vectors.shape[1])
            live = sorted(set(points.sources))
            present = _ids_in(self._client, name, _filter(scope, live)) if live else {}
            rows = [
                row for row, chunk_id in enumerate(points.chunk_ids) if _point_id(chunk_id) not in present
            ]
            for first in range(0, len(rows), BATCH):
                batch = [_server_point(scope, points, row) for row in rows[first : first + BATCH]]
                self._client.upsert(name, batch, wait=True)
            for source_id, version in live:
                self._client.delete(name, models.FilterSelector(filter=_older(scope, source_id, version)))

    def search(
        self, scope: Scope, live: Sequence[tuple[str, int]], vector: FloatVector, limit: int
    ) -> list[tuple[str, float]]:
        """See VectorIndex."""
        with _answering():
            found = self._client.query_points(
                _collection(scope),
                query=vector.tolist(),
                query_filter=_filter(scope, live),
                limit=limit,
                with_payload=False,
            ).points
        return [(_chunk_id(point.id), point.score) for point in found]

    def forget(self, scope: Scope, source_id: str) -> None:
        """Drop every vector of a source."""
        name = _collection(scope)
        with _answering():
            if self._client.collection_exists(name):
                self._client.delete(name, models.FilterSelector(filter=_older(scope, source_id, None)))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _create(self, name: str, dim: int) -> None:
        try:
            self._client.create_collection(name, models.VectorParams(size=dim, distance=models.Distance.DOT))
        except ApiException:
            if not self._client.collection_exists(name):  # else another worker was first
                raise
        for key, tenant in (("knowledge_base_id", True), ("workspace_id", False), ("source", False)):
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant or None)
            self._client.create_payload_index(name, key, schema)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except ApiException as silent:
        raise Unavailable("The vector index does not answer.", code="vector_index_unavailable") from silent


def _server_point(scope: Scope, points: Points, row: int) -> models.PointStruct:
    source_id, version = points.sources[row]
    return models.PointStruct(
        id=_point_id(points.chunk_ids[row]),
        vector=points.vectors[row].tolist(),
        payload={
            "workspace_id": scope.workspace_id,
            "knowledge_base_id": scope.knowledge_base_id,
            "source_id": source_id,
            "version": version,
            "source": f"{source_id}:{version}",
        },
    )


def _filter(scope: Scope, live: Sequence[tuple[str, int]]) -> models.Filter:
    sources = [f"{source_id}:{version}" for source_id, version in live]
    return models.Filter(
        must=[*_tenant(scope), models.FieldCondition(key="source", match=models.MatchAny(any=sources))]
    )


def _older(scope: Scope, source_id: str, version: int | None) -> models.Filter:
    """The points of a source below a version, or all of them."""
    must = [*_tenant(scope), models.FieldCondition(key="source_id", match=models.MatchValue(value=source_id))]
    if version is not None:
        must.append(models.FieldCondition(key="version", range=models.Range(lt=version)))
    return models.Filter(must=must)


def _tenant(scope: Scope) -> list[models.Condition]:
    return [
        models.FieldCondition(key=key, match=models.MatchValue(value=value))
        for key, value in (
            ("workspace_id", scope.workspace_id),
            ("knowledge_base_id", scope.knowledge_base_id),
        )
    ]


def _collection(scope: Scope) -> str:
    return "passages_" + hashlib.sha256(scope.fingerprint.encode()).hexdigest()[:16]


def _ids_in(client: QdrantClient, name: str, points: models.Filter | None) -> set[str]:
    """The ids of all points that pass the filter."""
    found: set[str] = set()
    offset: models.ExtendedPointId | None = None
    while True:
        page, offset = client.scroll(
            name, scroll_filter=points, limit=10_000, offset=offset, with_payload=False, with_vectors=False
        )
        found.update(str(record.id) for record in page)
        if offset is None:
            return found


def _point_id(chunk_id: str) -> str:
    """Qdrant wants a UUID; a chunk's id is one behind its prefix."""
    return str(uuid.UUID(chunk_id.removeprefix("chk_")))


def _chunk_id(point_id: models.ExtendedPointId) -> str:
    return "chk_" + str(point_id).replace("-", "")
