"""What every embedder is: text in, unit vectors out.

The port stands here and each implementation in its own file, so that only the chosen one is ever loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]  # one row per text
FloatVector = NDArray[np.float32]


@dataclass(frozen=True)
class Foreignness:
    """How strange a text looks to the embedder's tokenizer; the stranger, the less vectors are trusted."""

    pieces_per_word: float  # about 1.2 for a language the model knows, 2 and more for another
    unknown_share: float  # share of pieces that the vocabulary has no sign for, 0 to 1


class Embedder(Protocol):
    """Turns text into unit vectors. Methods block and release the GIL; call them with asyncio.to_thread."""

    @property
    def name(self) -> str:
        """What people call the model."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    @property
    def max_tokens(self) -> int:
        """How much of a text it reads; the rest is cut off."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the same text would get another vector; stored with every index."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text, in the order given; shape (len(texts), dim)."""
        ...

    def embed_query(self, text: str) -> FloatVector:
        """The unit vector of a question; shape (dim,)."""
        ...

    def foreignness(self, text: str) -> Foreignness:
        """How strange the text looks to the model."""
        ...

    def close(self) -> None:
        """Free processes, threads and connections. Harmless when called twice."""
        ...


def unit_rows(matrix: FloatMatrix) -> FloatMatrix:
    """The rows scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    scaled: FloatMatrix = (matrix / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled
