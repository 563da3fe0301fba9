"""Any OpenAI-compatible embeddings endpoint as an embedder, over plain HTTP.

Its own thread runs the event loop of the calls, so that embedding stays a blocking call like every other
embedder's and may be asked from any thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from agentflow.kit.db import refuse_inside_transaction
from agentflow.kit.egress import CallFailed, Egress, Response
from agentflow.kit.errors import Misconfigured, Unavailable
from agentflow.kit.settings import Settings
from knowledge.embedding import FloatMatrix, FloatVector, Foreignness, unit_rows

BATCH_TEXTS = 64  # texts in one call
CALLS_AT_ONCE = 4
ATTEMPTS = 3
PAUSE_SECONDS = 1.0  # before the second attempt, doubled before the third
MAX_TOKENS = 8191  # what such endpoints read; they refuse or cut what is longer
MAX_CHARS = 3 * MAX_TOKENS  # so that no endpoint refuses a text; passages are far shorter

_Result = TypeVar("_Result")


class Post(Protocol):
    """Sends JSON to the endpoint and gives back the answer, whatever its status. Raises CallFailed."""

    def __call__(self, url: str, headers: dict[str, str], json: object) -> Awaitable[Response]:
        """One request."""
        ...


class OpenAIEmbedder:
    """Vectors from `{base_url}/embeddings`. Construction asks it once, to learn the length of a vector.

    Raises Misconfigured when the endpoint refuses the key or the model, Unavailable when it does not answer.
    """

    max_tokens = MAX_TOKENS

    def __init__(
        self,
        post: Post,
        *,
        base_url: str,
        model: str,
        api_key: str | None,
        disconnect: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.name = model
        self._post = post
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._disconnect = disconnect
        self._loop = _LoopThread()
        self.dim = 0  # until the endpoint has shown it
        try:
            self.dim = int(self._embed(["length"]).shape[1])
        except BaseException:
            self.close()
            raise
        digest = hashlib.sha256(f"{model}\n{self.dim}".encode()).hexdigest()
        self.fingerprint = f"endpoint-{digest[:16]}"

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text. Raises Unavailable or Misconfigured."""
        return self._embed(texts) if texts else np.zeros((0, self.dim), dtype=np.float32)

    def embed_query(self, text: str) -> FloatVector:
        """The unit vector of a question. Raises Unavailable or Misconfigured."""
        vector: FloatVector = self._embed([text])[0]
        return vector

    def foreignness(self, text: str) -> Foreignness:
        """None: a model behind an endpoint is taken to know every language."""
        return Foreignness(1.0, 0.0)

    def close(self) -> None:
        """Close the connections and stop the thread."""
        self._loop.close(self._disconnect)

    def _embed(self, texts: Sequence[str]) -> FloatMatrix:
        refuse_inside_transaction("an embedding call")
        return unit_rows(np.concatenate(self._loop.run(self._batches(texts))))

    async def _batches(self, texts: Sequence[str]) -> list[FloatMatrix]:
        gate = asyncio.Semaphore(CALLS_AT_ONCE)

        async def one(batch: Sequence[str]) -> FloatMatrix:
            async with gate:
                return await self._call(batch)

        starts = range(0, len(texts), BATCH_TEXTS)
        return await asyncio.gather(*(one(texts[start : start + BATCH_TEXTS]) for start in starts))

    async def _call(self, batch: Sequence[str]) -> FloatMatrix:
        # An empty text is refused by some endpoints; a space is not.
        payload = {"model": self.name, "input": [text[:MAX_CHARS] or " " for text in batch]}
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                answer = await self._post(self._url, self._headers, payload)
            except CallFailed as failed:
                problem = failed.detail
                continue
            if answer.status == 200:
                return self._vectors(answer, len(batch))
            problem = f"it answered {answer.status}."
            if answer.status != 429 and answer.status < 500:
                raise Misconfigured(
                    f"The embeddings endpoint {self._url} refuses model {self.name}: {problem}",
                    code="embedding_refused",
                )
        raise Unavailable(
            f"The embeddings endpoint {self._url} fails: {problem}", code="embedding_unavailable"
        )

    def _vectors(self, answer: Response, number: int) -> FloatMatrix:
        try:
            payload: Any = answer.json()
            rows = sorted(payload["data"], key=lambda row: row["index"])
            matrix = np.array([row["embedding"] for row in rows], dtype=np.float32)
        except (ValueError, KeyError, TypeError) as wrong:
            raise Unavailable(
                f"The embeddings endpoint {self._url} sent something else than vectors.",
                code="embedding_unavailable",
            ) from wrong
        if matrix.ndim != 2 or len(matrix) != number or matrix.shape[1] != (self.dim or matrix.shape[1]):
            raise Unavailable(
                f"The embeddings endpoint {self._url} sent {matrix.shape} vectors for {number} texts.",
                code="embedding_unavailable",
            )
        return matrix


def open_openai_embedder(settings: Settings) -> OpenAIEmbedder:
    """The endpoint of the settings, called through the one HTTP client. Blocks while it is asked once.

    Raises like OpenAIEmbedder.
    """
    chosen = settings.embedding
    if chosen.base_url is None:
        raise Misconfigured("AGENTFLOW_EMBEDDING__BASE_URL is not set.", code="embedding_refused")
    egress = Egress(settings)

    def post(url: str, headers: dict[str, str], json: object) -> Awaitable[Response]:
        # The operator set this address, so it may be a private one.
        return egress.request("POST", url, headers=headers, json=json, trusted=True)

    key = chosen.api_key.get_secret_value() if chosen.api_key else None
    return OpenAIEmbedder(
        post, base_url=chosen.base_url, model=chosen.model, api_key=key, disconnect=egress.close
    )


class _LoopThread:
    """An event loop in a thread of its own, for blocking callers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="embedding-calls", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `last`, then end the thread."""
        if self._loop.is_closed():
            return
        self.run(last())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
