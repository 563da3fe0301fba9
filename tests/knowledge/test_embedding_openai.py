"""An embeddings endpoint over real HTTP: a small server that answers as each test says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from agentflow.kit.db import Database
from agentflow.kit.errors import Misconfigured, Unavailable
from agentflow.kit.settings import Settings
from knowledge import embedding_openai
from knowledge.embedding_openai import BATCH_TEXTS, OpenAIEmbedder, open_openai_embedder

DIM = 6


def vector_of(text: str) -> list[float]:
    return [1.0 + byte for byte in hashlib.sha256(text.encode()).digest()[:DIM]]


class Endpoint:
    """`statuses` are what the next calls get; after them it answers well."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.body: object = None  # replaces a good answer
        self.lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint.lock:
                    endpoint.calls.append({"path": self.path, **payload})
                    endpoint.keys.append(self.headers["Authorization"])
                    status = endpoint.statuses.pop(0) if endpoint.statuses else 200
                rows = [{"index": n, "embedding": vector_of(text)} for n, text in enumerate(payload["input"])]
                body = endpoint.body if endpoint.body is not None else {"data": rows[::-1]}
                data = json.dumps(body if status == 200 else {"error": "no"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


def settings_for(endpoint: Endpoint) -> Settings:
    chosen = {"model": "letters", "base_url": endpoint.url, "api_key": "sk-test"}
    return Settings.model_validate({"embedding": chosen})


@pytest.fixture
def embedder(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIEmbedder]:
    monkeypatch.setattr(embedding_openai, "PAUSE_SECONDS", 0.01)
    embedder = open_openai_embedder(settings_for(endpoint))
    endpoint.calls.clear()
    yield embedder
    embedder.close()
    embedder.close()


def test_that_the_endpoint_tells_the_length_of_a_vector(embedder: OpenAIEmbedder) -> None:
    assert embedder.dim == DIM
    assert embedder.name == "letters"


def test_that_many_texts_go_out_in_batches_and_come_back_in_order(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    texts = [f"text {number}" for number in range(2 * BATCH_TEXTS + 5)]
    vectors = embedder.embed_documents(texts)
    expected = np.array([vector_of(text) for text in texts])
    assert vectors == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-5)
    assert sorted(len(call["input"]) for call in endpoint.calls) == [5, BATCH_TEXTS, BATCH_TEXTS]
    assert {(call["path"], call["model"]) for call in endpoint.calls} == {("/v1/embeddings", "letters")}
    assert set(endpoint.keys) == {"Bearer sk-test"}


def test_that_no_text_asks_nothing_and_an_empty_one_is_sent_as_a_space(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    assert embedder.embed_documents([]).shape == (0, DIM)
    assert endpoint.calls == []
    assert embedder.embed_query("").shape == (DIM,)
    assert endpoint.calls[0]["input"] == [" "]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_that_a_passing_failure_is_tried_again(
    embedder: OpenAIEmbedder, endpoint: Endpoint, status: int
) -> None:
    endpoint.statuses = [status, status]
    assert embedder.embed_query("again").shape == (DIM,)
    assert len(endpoint.calls) == 3


def test_that_a_lasting_failure_is_unavailable(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    endpoint.statuses = [500] * 3
    with pytest.raises(Unavailable, match="answered 500"):
        embedder.embed_query("never")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_that_a_refusal_is_not_tried_again(embedder: OpenAIEmbedder, endpoint: Endpoint, status: int) -> None:
    endpoint.statuses = [status]
    with pytest.raises(Misconfigured, match=f"refuses model letters: it answered {status}"):
        embedder.embed_query("no")
    assert len(endpoint.calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "words",
        {"data": [{"index": 0}]},
        {"data": []},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [1.0, 2.0]}]},
    ],
)
def test_that_an_answer_without_fitting_vectors_is_unavailable(
    embedder: OpenAIEmbedder, endpoint: Endpoint, body: object
) -> None:
    endpoint.body = body
    with pytest.raises(Unavailable, match="sent"):
        embedder.embed_query("what")


def test_that_a_server_that_is_gone_is_unavailable(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    endpoint.stop()
    with pytest.raises(Unavailable, match="could not be reached"):
        embedder.embed_query("hello")


def test_that_a_refused_key_shows_when_it_is_opened(endpoint: Endpoint) -> None:
    endpoint.statuses = [401]
    with pytest.raises(Misconfigured) as refused:
        open_openai_embedder(settings_for(endpoint))
    assert refused.value.code == "embedding_refused"
    assert "sk-test" not in refused.value.detail
    assert threading.active_count() < 20


async def test_that_it_may_be_asked_beside_a_running_loop_but_not_inside_a_transaction(
    db: Database, embedder: OpenAIEmbedder
) -> None:
    assert embedder.embed_query("fine").shape == (DIM,)
    async with db.read():
        with pytest.raises(RuntimeError, match="transaction"):
            embedder.embed_query("not now")
