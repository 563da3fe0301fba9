"""The vector index on a Qdrant server: one collection for each embedder, every call filtered by its tenant.

Payloads hold ids, never text.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from agentflow.kit.errors import Unavailable
from agentflow.kit.settings import Settings
from knowledge.embedding import FloatVector
from knowledge.index import Nearest, Points, Scope

BATCH = 256  # points written at a time
_PREFIX = "passages_"  # of every collection of ours
_MANY = 1_000_000  # sources asked for at a time


def open_server(settings: Settings) -> ServerIndex:
    """The server of AGENTFLOW_QDRANT_URL."""
    key = settings.qdrant_api_key
    client = QdrantClient(
        url=settings.qdrant_url,
        api_key=key.get_secret_value() if key else None,
        timeout=max(1, round(settings.search.qdrant_timeout_seconds)),
        check_compatibility=False,  # a silent server is noticed when it is asked for something
    )
    return ServerIndex(client)


class ServerIndex:
    """Vectors on a server: one collection per embedder, every call filtered by its tenant."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def fill(self, scope: Scope, points: Points) -> Nearest:
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
        places = {chunk_id: place for place, chunk_id in enumerate(points.chunk_ids)}
        return _OnServer(self._client, name, _filter(scope, live), places)

    def forget(self, scope: Scope, source_id: str) -> None:
        """Drop every vector of a source."""
        name = _collection(scope)
        with _answering():
            if self._client.collection_exists(name):
                self._client.delete(name, models.FilterSelector(filter=_older(scope, source_id, None)))

    def held(self) -> set[str]:
        """See VectorIndex."""
        found: set[str] = set()
        with _answering():
            for name in self._collections():
                hits = self._client.facet(name, key="source", limit=_MANY, exact=True).hits
                found |= {str(hit.value).partition(":")[0] for hit in hits}
        return found

    def drop(self, source_ids: Set[str]) -> None:
        """See VectorIndex."""
        match = models.FieldCondition(key="source_id", match=models.MatchAny(any=sorted(source_ids)))
        with _answering():
            for name in self._collections():
                self._client.delete(name, models.FilterSelector(filter=models.Filter(must=[match])))

    def ping(self) -> None:
        """See VectorIndex."""
        with _answering():
            self._collections()

    def _collections(self) -> list[str]:
        names = [collection.name for collection in self._client.get_collections().collections]
        return [name for name in names if name.startswith(_PREFIX)]

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


@dataclass(frozen=True, eq=False)
class _OnServer:
    client: QdrantClient
    name: str
    live: models.Filter
    places: Mapping[str, int]  # of the chunks among the points

    def cosines(self, vector: FloatVector, limit: int) -> FloatVector:
        """See Nearest."""
        with _answering():
            found = self.client.query_points(
                self.name, query=vector.tolist(), query_filter=self.live, limit=limit, with_payload=False
            ).points
        cosines = np.full(len(self.places), np.nan, dtype=np.float32)
        for point in found:
            place = self.places.get(_chunk_id(point.id))
            if place is not None:  # else another worker is ahead
                cosines[place] = point.score
        return cosines


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
    return _PREFIX + hashlib.sha256(scope.fingerprint.encode()).hexdigest()[:16]


def _ids_in(client: QdrantClient, name: str, points: models.Filter) -> set[str]:
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
