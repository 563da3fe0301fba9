"""The process that holds a sentence-transformers model: `python -m knowledge.embedding_worker MODEL THREADS`.

Started by embedding_sentence_transformers and never imported by the server. It reads requests from standard
input, answers on standard output, and ends when its input does, so it never outlives its parent.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import IO, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from knowledge.embedding import Foreignness
from knowledge.embedding_sentence_transformers import read_frame, write_frame

BATCH = 4  # small batches pad little, and padding is what costs on a CPU


def main(model_name: str, threads: int) -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the answers
    torch.set_num_threads(threads)
    try:
        model = load(model_name)
    except (OSError, ValueError, KeyError) as missing:
        read_frame(sys.stdin.buffer)
        write_frame(answers, {"error": str(missing).strip().splitlines()[0]}, b"")
        return
    serve(model, sys.stdin.buffer, answers)


def load(model_name: str) -> SentenceTransformer:
    """From its folder or the local cache without touching the network, else downloaded."""
    try:
        return SentenceTransformer(model_name, device="cpu", local_files_only=True)
    except OSError:
        return SentenceTransformer(model_name, device="cpu")


def serve(model: SentenceTransformer, requests: IO[bytes], answers: IO[bytes]) -> None:
    """One answer per request."""
    while requests.peek(1):  # type: ignore[attr-defined]
        request, _ = read_frame(requests)
        match request["do"]:
            case "describe":
                write_frame(answers, describe(model), b"")
            case "foreignness":
                found = foreignness(model, request["text"])
                head: dict[str, object] = {
                    "pieces_per_word": found.pieces_per_word,
                    "unknown_share": found.unknown_share,
                }
                write_frame(answers, head, b"")
            case what:
                embed = model.encode_query if what == "query" else model.encode_document
                vectors = embed(request["texts"], batch_size=BATCH, normalize_embeddings=True)
                write_frame(answers, {}, np.asarray(vectors, dtype=np.float32).tobytes())


def describe(model: SentenceTransformer) -> dict[str, object]:
    """Length of a vector, how much it reads, and a fingerprint of the weights."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        sample = weight.flatten()[:256].to(torch.float32).numpy()
        digest.update(f"{name} {tuple(weight.shape)}".encode() + sample.tobytes())
    digest.update(" ".join(type(module).__name__ for module in model).encode())
    return {
        "dim": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length or 512,
        "fingerprint": f"sentence-transformers-{digest.hexdigest()[:16]}",
    }


def foreignness(model: SentenceTransformer, text: str) -> Foreignness:
    """Pieces per word and the share of unknown ones, by the model's tokenizer."""
    tokenizer: Any = model.tokenizer
    pieces = [piece for piece in tokenizer.tokenize(text) if any(letter.isalnum() for letter in piece)]
    words = sum(1 for word in text.split() if any(letter.isalnum() for letter in word))
    if not pieces or not words:
        return Foreignness(1.0, 0.0)
    return Foreignness(len(pieces) / words, pieces.count(tokenizer.unk_token) / len(pieces))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
