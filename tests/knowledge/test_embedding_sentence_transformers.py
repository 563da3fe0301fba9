"""What a sentence-transformers model gets without the extra, and how its process is spoken to."""

from __future__ import annotations

import io
import struct

import pytest

from agentflow.kit.errors import Misconfigured
from knowledge.embedding_sentence_transformers import (
    SentenceTransformersEmbedder,
    read_frame,
    write_frame,
)


def test_that_a_missing_extra_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"agentflow-service\[models\]") as refused:
        SentenceTransformersEmbedder("any/model")
    assert refused.value.code == "extra_missing"


def test_that_a_message_arrives_as_it_was_sent() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"do": "documents", "texts": ["één", "二"]}, b"\x00\x01")
    write_frame(pipe, {}, b"")
    pipe.seek(0)
    assert read_frame(pipe) == ({"do": "documents", "texts": ["één", "二"]}, b"\x00\x01")
    assert read_frame(pipe) == ({}, b"")
    with pytest.raises(struct.error):
        read_frame(pipe)
