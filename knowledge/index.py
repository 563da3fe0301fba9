"""The vector index: which chunks are nearest to a question, in memory or on a Qdrant server.

Both are filled from SQL, which holds the truth: losing them costs no embedding. All methods block; call them
with asyncio.to_thread.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knowledge.embedding import FloatMatrix, FloatVector


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


class Nearest(Protocol):
    """The points of one generation, ready to be searched."""

    def cosines(self, vector: FloatVector, limit: int) -> FloatVector:
        """The cosine of every point, in the order they were given; NaN for all but the best `limit`.

        Raises Unavailable when a server does not answer.
        """
        ...


class VectorIndex(Protocol):
    """Finds the nearest chunks. It may be emptied at any time: `fill` restores it without embedding."""

    def fill(self, scope: Scope, points: Points) -> Nearest:
        """Make the scope hold these points; costs little when it does already."""
        ...

    def forget(self, scope: Scope, source_id: str) -> None:
        """Drop every vector of a source."""
        ...

    def held(self) -> set[str]:
        """The sources of every workspace that have vectors here."""
        ...

    def drop(self, source_ids: Set[str]) -> None:
        """Drop every vector of these sources, whichever embedder made it."""
        ...

    def ping(self) -> None:
        """Raises Unavailable when a server does not answer."""
        ...

    def close(self) -> None:
        """Let go of connections. Harmless when called twice."""
        ...


class MemoryIndex:
    """One product with the vectors that were read from SQL anyway: exact, and nothing to keep in step.

    Qdrant's local mode answers the same in 16 to 35 times the CPU, from a second copy on disk.
    """

    def fill(self, scope: Scope, points: Points) -> Nearest:
        """See VectorIndex; who holds the result holds the vectors."""
        return _InMemory(points.vectors)

    def forget(self, scope: Scope, source_id: str) -> None:
        """Nothing to do: the next generation does not hold them."""

    def held(self) -> set[str]:
        """None: memory holds what SQL holds."""
        return set()

    def drop(self, source_ids: Set[str]) -> None:
        """Nothing to do."""

    def ping(self) -> None:
        """It always answers."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, eq=False)
class _InMemory:
    vectors: FloatMatrix

    def cosines(self, vector: FloatVector, limit: int) -> FloatVector:
        """See Nearest."""
        return best_cosines(self.vectors, vector, limit)


def best_cosines(vectors: FloatMatrix, vector: FloatVector, limit: int) -> FloatVector:
    """The cosine of every row, NaN for all but the best `limit`."""
    cosines: FloatVector = np.vecdot(vectors, vector)  # on this thread alone; `@` wakes one for each core
    if len(cosines) > limit:
        cosines[np.argpartition(cosines, len(cosines) - limit)[:-limit]] = np.nan
    return cosines
