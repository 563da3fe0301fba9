"""The default embedder: passages and questions a second, against plain batches of 32 in arrival order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from agentflow.kit.settings import Settings
from evals.performance.measuring import table
from knowledge import embedding_export
from knowledge.embedding_onnx import OnnxEmbedder, Precision

PASSAGES, QUESTIONS = 64, 60
WORDS = 130  # about 170 tokens with headings
PLAIN_BATCH = 32


def main(data: Path) -> None:
    """Print the table."""
    settings = Settings()
    embedding_export.build(settings.model_cache)
    words = " ".join(
        path.read_text() for path in sorted((data / "retrieval_en" / "docs").glob("*.txt"))
    ).split()
    lengths = np.random.default_rng(0).integers(WORDS // 4, WORDS * 7 // 4, PASSAGES)
    ends = np.cumsum(lengths)
    passages = [" ".join(words[end - size : end]) for size, end in zip(lengths, ends, strict=True)]
    questions = [" ".join(words[start * 50 : start * 50 + 11]) for start in range(QUESTIONS)]
    lines: list[tuple[str, ...]] = [
        ("", "threads", "passages/s", "per CPU s", "in plain batches", "questions per CPU s")
    ]
    precisions: tuple[Precision, ...] = ("int8", "fp32")
    for precision in precisions:
        for threads in (1, 2):
            embedder = OnnxEmbedder(settings.model_cache, precision=precision, threads=threads)
            embedder.embed_documents(passages[:2])
            wall, cpu = _rates(PASSAGES, partial(embedder.embed_documents, passages))
            _, plain = _rates(PASSAGES, partial(_plainly, embedder, passages))
            _, asked = _rates(QUESTIONS, partial(_ask_all, embedder, questions))
            cells = (f"{wall:.0f}", f"{cpu:.0f}", f"{cpu / plain:.2f} times", f"{asked:.0f}")
            lines.append((precision, str(threads), *cells))
            embedder.close()
    table("encoder", lines)


def _ask_all(embedder: OnnxEmbedder, questions: Sequence[str]) -> None:
    for question in questions:
        embedder.embed_query(question)


def _plainly(embedder: OnnxEmbedder, passages: Sequence[str]) -> None:
    """Batches of 32 as they come, each padded to its longest; spread over the same threads."""
    batches = [passages[start : start + PLAIN_BATCH] for start in range(0, len(passages), PLAIN_BATCH)]
    list(embedder._pool.map(lambda batch: embedder._run([embedder._ids(text) for text in batch]), batches))


def _rates(number: int, work: Callable[[], object]) -> tuple[float, float]:
    """How many a second, and how many a second of CPU time, which a busy machine changes less."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return number / (time.perf_counter() - wall), number / (time.process_time() - cpu)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
