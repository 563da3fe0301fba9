"""Follow-ups about a price list, offline: "and the bench?" is asked what was asked of the chair."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.embedding_onnx import OnnxEmbedder
from tests.agents.conftest import Shop
from tests.agents.test_recommending import add_file, talk

PRICES = (
    "Product,Price in euro,In stock\n"
    "Harlow floor lamp,129.00,8\n"
    "Harlow table lamp,49.95,34\n"
    "Skye chair,159.00,26\n"
    "Skye bench,279.00,5\n"
)


@pytest.mark.parametrize(
    ("questions", "wanted", "unwanted"),
    [
        (("What does the Harlow floor lamp cost?", "And the table lamp?"), "49.95", "129.00"),
        (("What does the Skye chair cost?", "and the Skye bench?"), "279.00", "159.00"),
        (("What does the Skye bench cost?", "Is it in stock?", "and the chair?"), "26", "279.00"),
        (("What does the Skye chair cost?", "and the bench?", "how many of those are in stock?"), "5", "26"),
        (("Wat kost de Skye chair?", "en de bench?"), "279.00", "159.00"),
    ],
)
async def test_that_another_row_takes_the_place_of_the_one_before(
    shop: Shop,
    embedder: OnnxEmbedder,
    tmp_path: Path,
    questions: tuple[str, ...],
    wanted: str,
    unwanted: str,
) -> None:
    await add_file(shop, embedder, tmp_path, "prices.csv", PRICES)
    answer = await talk(shop, *questions)
    assert wanted in answer.text
    assert unwanted not in answer.text
    assert any(sentence.citations for sentence in answer.outcome.sentences)
