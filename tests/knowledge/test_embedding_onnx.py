"""The default embedder: built without torch, equal whatever the order, the batch or the thread."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from agentflow.kit.errors import Misconfigured
from knowledge import embedding_export
from knowledge.embedding_onnx import BATCH_TOKENS, FOLDER, NICENESS, OnnxEmbedder, _batches, is_built

TEXTS = (
    "How do I cancel my subscription?",
    "A subscription ends one month after you cancel it in your account.",
    "The warehouse in Utrecht ships parcels on weekdays before noon.",
    "Bananas ripen faster next to apples.",
    "",
    "x",
    "Our bicycles are serviced twice a year. " * 60,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    assert not is_built(folder)
    assert embedding_export.build(folder).fresh
    return folder


@pytest.fixture(scope="module", params=["fp32", "int8"])
def either(request: pytest.FixtureRequest, cache: Path) -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder(cache, precision=request.param, threads=2)
    yield embedder
    embedder.close()
    embedder.close()


def test_that_vectors_have_length_one(either: OnnxEmbedder) -> None:
    vectors = either.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), either.dim) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_that_vectors_come_in_the_order_of_the_texts(either: OnnxEmbedder) -> None:
    vectors = either.embed_documents(TEXTS)
    alone = np.stack([either.embed_query(text) for text in TEXTS])
    assert (vectors * alone).sum(axis=1) == pytest.approx(1.0, abs=0.05)  # int8 minds its neighbours


def test_that_like_texts_are_near(either: OnnxEmbedder) -> None:
    vectors = either.embed_documents(TEXTS[:4])
    near = vectors @ vectors[0]
    assert near[1] > 0.5 > 0.3 > max(near[2], near[3])


def test_that_no_texts_give_no_vectors(either: OnnxEmbedder) -> None:
    assert either.embed_documents([]).shape == (0, 384)


def test_that_what_is_beyond_the_window_does_not_count(either: OnnxEmbedder) -> None:
    long = "one two three " * 200
    assert either.embed_query(long + "cats") @ either.embed_query(long + "dogs") == pytest.approx(
        1.0, abs=1e-4
    )
    assert either.max_tokens == 256


def test_that_questions_may_be_asked_from_many_threads(either: OnnxEmbedder) -> None:
    alone = [either.embed_query(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(either.embed_query, TEXTS * 4))
    assert np.array(together) == pytest.approx(np.array(alone * 4), abs=1e-5)


def test_that_a_few_texts_do_not_wait_behind_a_file(either: OnnxEmbedder) -> None:
    free = threading.Event()
    files = [either._pool.submit(free.wait) for _ in range(2)]
    with ThreadPoolExecutor(1) as turn:
        try:
            assert len(turn.submit(either.embed_documents, TEXTS[:4]).result(20)) == 4
        finally:
            free.set()
    assert all(file.result() for file in files)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness for each thread")
def test_that_the_threads_of_a_file_give_way_to_a_turn(either: OnnxEmbedder) -> None:
    either.embed_documents(["word " * 200] * 8)
    ids = {thread.name: thread.native_id for thread in threading.enumerate()}
    nice = {os.getpriority(os.PRIO_PROCESS, id or 0) for name, id in ids.items() if name.startswith("embed_")}
    assert nice == {os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) + NICENESS}


def test_that_small_and_full_precision_agree(cache: Path) -> None:
    full, small = OnnxEmbedder(cache, precision="fp32"), OnnxEmbedder(cache, precision="int8")
    cosines = (full.embed_documents(TEXTS[:4]) * small.embed_documents(TEXTS[:4])).sum(axis=1)
    assert cosines.min() > 0.98
    assert full.fingerprint != small.fingerprint
    full.close()
    small.close()


def test_that_batches_hold_every_row_once_and_few_padded_tokens() -> None:
    lengths = [3, 256, 17, 256, 3, 90, 250, 5000, 1]
    batches = _batches(lengths)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[row] for row in batch)
        assert len(batch) == 1 or padded <= BATCH_TOKENS


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("How do I cancel my order?", 1.0, 1.2),
        ("Hoe kan ik mijn abonnement opzeggen?", 1.5, 3.0),
        ("Wie kündige ich mein Abonnement?", 1.5, 3.0),
        ("", 1.0, 1.0),
        ("?!", 1.0, 1.0),
    ],
)
def test_that_foreign_words_fall_into_more_pieces(
    either: OnnxEmbedder, text: str, low: float, high: float
) -> None:
    assert low <= either.foreignness(text).pieces_per_word <= high


def test_that_an_unknown_script_is_noticed(either: OnnxEmbedder) -> None:
    assert either.foreignness("ฉันจะยกเลิกได้อย่างไร").unknown_share == 1.0
    assert either.foreignness("How do I cancel?").unknown_share == 0.0


def test_that_a_model_that_was_not_built_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="agentflow models build") as refused:
        OnnxEmbedder(tmp_path)
    assert refused.value.code == "model_not_built"


def test_that_a_built_model_is_left_alone_and_a_damaged_one_is_built_again(
    cache: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "cache"
    shutil.copytree(cache, copy)
    assert not embedding_export.build(copy).fresh
    damaged = copy / FOLDER / "minilm.int8.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert embedding_export.build(copy).fresh
    assert damaged.read_bytes() == (cache / FOLDER / damaged.name).read_bytes()
    assert sorted(path.name for path in copy.iterdir()) == [FOLDER]


def test_that_embedding_loads_neither_torch_nor_the_builder() -> None:
    program = (
        "import sys, knowledge.embedding_onnx; print([m for m in ('torch', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
