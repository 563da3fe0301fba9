"""Any sentence-transformers model, by name or folder, as an embedder.

The model runs in a process of its own (`embedding_worker`), so that the serving process never loads torch and
a crash or a leak of the model does not take the server along.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from agentflow.kit.errors import Misconfigured, Unavailable
from knowledge.embedding import FloatMatrix, FloatVector, Foreignness

FRAME = struct.Struct("<II")  # bytes of JSON, bytes of vectors that follow
GROUP = 16  # texts per request: a question waits for one group of documents at most


class SentenceTransformersEmbedder:
    """A model in its own process, started at construction and again when it died.

    Raises Misconfigured when the extra `models` is not installed or the model is not found.
    """

    def __init__(self, model: str, *, threads: int = 2) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise Misconfigured(
                f"The embedding model {model} needs the extra `models`: "
                "run `pip install 'agentflow-service[models]'`.",
                code="extra_missing",
            )
        self.name = model
        self._command = [sys.executable, "-m", "knowledge.embedding_worker", model, str(threads)]
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        hello, _ = self._ask({"do": "describe"})
        self.dim = int(hello["dim"])
        self.max_tokens = int(hello["max_tokens"])
        self.fingerprint = str(hello["fingerprint"])

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text. Raises Unavailable when the process died."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(texts), GROUP):
            rows = by_length[start : start + GROUP]
            vectors[rows] = self._vectors("documents", [texts[row] for row in rows])
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """The unit vector of a question. Raises Unavailable when the process died."""
        vector: FloatVector = self._vectors("query", [text])[0]
        return vector

    def foreignness(self, text: str) -> Foreignness:
        """By the model's tokenizer."""
        answer, _ = self._ask({"do": "foreignness", "text": text})
        return Foreignness(float(answer["pieces_per_word"]), float(answer["unknown_share"]))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def _vectors(self, what: str, texts: Sequence[str]) -> FloatMatrix:
        _, data = self._ask({"do": what, "texts": list(texts)})
        return np.frombuffer(data, dtype=np.float32).reshape(len(texts), -1)

    def _ask(self, request: dict[str, object]) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._command)
            try:
                answer, data = self._worker.ask(request)
            except (OSError, struct.error, ValueError) as died:
                last_words = self._worker.close()
                self._worker = None
                raise Unavailable(
                    f"The process of the embedding model {self.name} ended: {last_words}.",
                    code="embedding_unavailable",
                ) from died
            if "error" in answer:
                self._worker.close()
                self._worker = None
                raise Misconfigured(
                    f"The embedding model {self.name} cannot be loaded: {answer['error']} "
                    "(give a folder, or the name of a model that is in the local cache or can be fetched).",
                    code="model_not_found",
                )
            return answer, data


class _Worker:
    def __init__(self, command: Sequence[str]) -> None:
        # A file, since nobody reads a pipe while the model talks to itself. Closed in `close`.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )

    def ask(self, request: dict[str, object]) -> tuple[dict[str, Any], bytes]:
        """Raises OSError, struct.error or ValueError when the process died."""
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("no pipes")
        write_frame(self._process.stdin, request, b"")
        return read_frame(self._process.stdout)

    def close(self) -> str:
        """End the process; returns the last line it wrote to its log."""
        self._process.kill()
        self._process.communicate()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        self._log.close()
        return lines[-1] if lines else f"exit status {self._process.returncode}"


def write_frame(pipe: IO[bytes], head: dict[str, object], data: bytes) -> None:
    """One message: its two lengths, JSON, raw bytes."""
    text = json.dumps(head).encode()
    pipe.write(FRAME.pack(len(text), len(data)) + text + data)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read what `write_frame` wrote. Raises struct.error at the end of the stream."""
    sizes = FRAME.unpack(pipe.read(FRAME.size))
    head: dict[str, Any] = json.loads(pipe.read(sizes[0]))
    return head, pipe.read(sizes[1])
