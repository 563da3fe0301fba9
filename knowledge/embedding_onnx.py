"""The default embedder: all-MiniLM-L6-v2 through ONNX Runtime, in process and without torch.

Every text is computed on one thread. A question, or a few sentences, run on the caller's; documents are
sorted by length, cut into small batches (padding is what costs) and spread over a bounded number of threads.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from agentflow.kit.errors import Misconfigured
from knowledge.embedding import FloatMatrix, FloatVector, Foreignness

Precision = Literal["int8", "fp32"]

RECIPE = 2  # raise it when the exported graph changes
FOLDER = f"minilm-{RECIPE}"  # in the model cache
STAMP = "stamp.json"
NICENESS = 5  # of the threads that embed files: a third of what the same processor gives to others
BATCH_TOKENS = 512  # padded tokens computed at once: twice as many are no quicker and take 50 MB more


def model_file(precision: Precision) -> str:
    """The file of that precision in the model's folder."""
    return f"minilm.{precision}.onnx"


def is_built(cache: Path) -> bool:
    """True when the cache holds the model; cheap, for every start. `embedding_export.build` looks closer."""
    return (cache / FOLDER / STAMP).is_file()


class OnnxEmbedder:
    """MiniLM from the model cache. Raises Misconfigured when it has not been built there."""

    def __init__(self, cache: Path, *, precision: Precision = "int8", threads: int = 2) -> None:
        folder = cache / FOLDER
        try:
            stamp = json.loads((folder / STAMP).read_text())
        except (OSError, ValueError) as missing:
            raise Misconfigured(
                f"The embedding model is not in {cache}; run `agentflow models build`.",
                code="model_not_built",
            ) from missing
        self.name = f"all-MiniLM-L6-v2 ({precision})"
        self.max_tokens = int(stamp["max_tokens"])
        self.fingerprint = f"minilm-{RECIPE}-{precision}-{stamp['source'][:16]}"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_tokens)
        self._session = _open(folder / model_file(precision))
        self.dim = int(self._session.get_outputs()[0].shape[1])
        self._ahead = 2 * threads
        self._tidy = onnxruntime.RunOptions()  # gives the memory of bigger batches back
        self._tidy.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed", initializer=_give_way)

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """One unit vector per text; an int8 vector depends very slightly on the texts beside it."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        tokens = [self._ids(text) for text in texts]
        batches = _batches([len(ids) for ids in tokens])
        if len(batches) <= 1:  # wanted now, by a turn: it does not wait behind a file's
            for batch in batches:
                vectors[batch] = self._run([tokens[row] for row in batch])
            return vectors
        ahead: deque[tuple[list[int], Future[FloatMatrix]]] = deque()
        for batch in batches:
            ahead.append((batch, self._pool.submit(self._run, [tokens[row] for row in batch])))
            if len(ahead) > self._ahead:  # no more at once, so that others get their turn
                done, rows = ahead.popleft()
                vectors[done] = rows.result()
        for done, rows in ahead:
            vectors[done] = rows.result()
        self._run([tokens[0]], self._tidy)
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """The unit vector of a question, on the calling thread."""
        vector: FloatVector = self._run([self._ids(text)])[0]
        return vector

    def foreignness(self, text: str) -> Foreignness:
        """By the tokenizer: pieces per word, and how many pieces it has no sign for."""
        pieces = self._tokenizer.encode(text, add_special_tokens=False).tokens
        pieces = [piece for piece in pieces if any(letter.isalnum() for letter in piece)]
        words = sum(1 for word in text.split() if any(letter.isalnum() for letter in word))
        if not pieces or not words:
            return Foreignness(1.0, 0.0)
        return Foreignness(len(pieces) / words, pieces.count("[UNK]") / len(pieces))

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()

    def _ids(self, text: str) -> list[int]:
        # One at a time: a batch would be spread over as many threads as there are cores.
        return self._tokenizer.encode(text).ids

    def _run(self, batch: list[list[int]], options: onnxruntime.RunOptions | None = None) -> FloatMatrix:
        width = max(len(ids) for ids in batch)
        ids: NDArray[np.int64] = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        output: FloatMatrix = self._session.run(
            ["embedding"], {"input_ids": ids, "attention_mask": mask}, options
        )[0]
        return output


def _give_way() -> None:
    """A file may wait, a turn may not: this thread gets the processor when nothing else wants it."""
    if sys.platform == "linux":  # elsewhere the number would be a process's, not a thread's
        thread = threading.get_native_id()
        usual = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, usual + NICENESS))


def _open(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps memory for every shape that came, and saves no time
    # Without this fusion the int8 model is a quarter faster; the fp32 one does not mind.
    return onnxruntime.InferenceSession(
        str(file),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Row numbers by rising length, cut so that a batch holds at most BATCH_TOKENS padded tokens."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and (len(batches[-1]) + 1) * lengths[row] <= BATCH_TOKENS:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches
