"""With the extra `models`: parity of the default embedder, and a second model with another dimension."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agentflow.kit.errors import Misconfigured, Unavailable
from knowledge import embedding_export
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.embedding_sentence_transformers import GROUP, SentenceTransformersEmbedder

pytestmark = pytest.mark.models

DIM = 24
TEXT = "a bicycle lasts for about eighty kilometres and the red shed behind station is closed in winter"
WORDS = TEXT.split()
BUILD_TINY = """
import sys
from pathlib import Path
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

folder, words = Path(sys.argv[1]), sys.argv[2].split()
torch.manual_seed(7)
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
(folder / "bert").mkdir(parents=True)
(folder / "bert" / "vocab.txt").write_text("\\n".join(vocabulary))
tokenizer = BertTokenizerFast(vocab={word: place for place, word in enumerate(vocabulary)})
config = BertConfig(
    vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=48, max_position_embeddings=64,
)
BertModel(config).save_pretrained(folder / "bert")
tokenizer.save_pretrained(folder / "bert")
transformer = Transformer(str(folder / "bert"), max_seq_length=32)
model = SentenceTransformer(modules=[transformer, Pooling(24, pooling_mode="mean")], device="cpu")
model.save_pretrained(str(folder / "tiny"))
"""


def sentences(number: int) -> list[str]:
    dice = random.Random(3)
    return [" ".join(dice.choices(WORDS, k=dice.randint(1, 60))) for _ in range(number)]


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    program = [sys.executable, "-c", BUILD_TINY, str(folder), " ".join(sorted(set(WORDS)))]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "tiny"


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Iterator[SentenceTransformersEmbedder]:
    embedder = SentenceTransformersEmbedder(str(tiny_folder), threads=1)
    yield embedder
    embedder.close()
    embedder.close()


@pytest.fixture(scope="module")
def reference() -> Iterator[SentenceTransformersEmbedder]:
    """MiniLM by sentence-transformers itself."""
    spec = importlib.util.find_spec(embedding_export.PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    embedder = SentenceTransformersEmbedder(str(Path(spec.origin).parent / "model"))
    yield embedder
    embedder.close()


def test_that_a_second_model_has_its_own_dimension(tiny: SentenceTransformersEmbedder) -> None:
    assert tiny.dim == DIM
    assert tiny.max_tokens == 32
    vectors = tiny.embed_documents(sentences(GROUP + 3))
    assert vectors.shape == (GROUP + 3, DIM)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert tiny.embed_documents([]).shape == (0, DIM)


def test_that_vectors_come_in_the_order_of_the_texts(tiny: SentenceTransformersEmbedder) -> None:
    texts = sentences(GROUP + 3)
    alone = np.stack([tiny.embed_query(text) for text in texts])
    assert tiny.embed_documents(texts) == pytest.approx(alone, abs=1e-5)


def test_that_its_tokenizer_tells_what_is_foreign(tiny: SentenceTransformersEmbedder) -> None:
    assert tiny.foreignness("the red shed").unknown_share == 0.0
    assert tiny.foreignness("zeppelin red").unknown_share == 0.5
    assert tiny.foreignness("").pieces_per_word == 1.0


def test_that_the_fingerprint_follows_the_weights(
    tiny: SentenceTransformersEmbedder, tiny_folder: Path, reference: SentenceTransformersEmbedder
) -> None:
    again = SentenceTransformersEmbedder(str(tiny_folder))
    assert again.fingerprint == tiny.fingerprint != reference.fingerprint
    again.close()


def test_that_a_process_that_died_is_reported_and_started_again(tiny_folder: Path) -> None:
    embedder = SentenceTransformersEmbedder(str(tiny_folder), threads=1)
    before = embedder.embed_query("red shed")
    assert embedder._worker is not None
    embedder._worker._process.kill()
    with pytest.raises(Unavailable, match="ended"):
        embedder.embed_query("red shed")
    assert embedder.embed_query("red shed") == pytest.approx(before)
    embedder.close()


def test_that_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="give a folder") as refused:
        SentenceTransformersEmbedder(str(tmp_path / "nothing"))
    assert refused.value.code == "model_not_found"


def test_that_the_asking_process_never_loads_torch(tiny_folder: Path) -> None:
    program = (
        "import sys, knowledge.embedding_sentence_transformers as st\n"
        f"e = st.SentenceTransformersEmbedder({str(tiny_folder)!r}); e.embed_query('red'); e.close()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("int8", 0.98)])
def test_that_the_default_model_equals_the_original(
    precision: str,
    least: float,
    reference: SentenceTransformersEmbedder,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = tmp_path_factory.getbasetemp() / "parity"
    cache.mkdir(exist_ok=True)
    embedding_export.build(cache)
    embedder = OnnxEmbedder(cache, precision="fp32" if precision == "fp32" else "int8")
    texts = [
        *sentences(40),
        "Hoe zeg ik mijn abonnement op?",
        "如何取消订阅",
        "two words",
        "Is €20.50 refunded?",
    ]
    originals = reference.embed_documents(texts)
    assert (embedder.embed_documents(texts) * originals).sum(axis=1).min() >= least
    assert embedder.max_tokens == reference.max_tokens
    for text in texts[-4:]:
        assert embedder.embed_query(text) @ reference.embed_query(text) >= least
        assert embedder.foreignness(text) == reference.foreignness(text)
    embedder.close()
