"""Why a passage was chosen: its best sentence, the letters it shares, and the evidence as a whole."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agentflow.kit.errors import NotFound
from knowledge.console import SearchOrder, explain
from knowledge.explain import matched_letters
from knowledge.search import Searcher
from tests.library import OPENING, RETURNS, WORKSPACE, Library


@pytest.mark.parametrize(
    ("question", "text", "matched"),
    [
        ("What does the return label cost?", "Return labels: 4.95 euro", ["return", "label"]),
        ("Wat zijn de bezorgkosten?", "De kosten van het bezorgen", ["de", "bezorg", "kosten"]),
        ("Is it on?", "it is only so", ["is", "it"]),  # short words count only as a whole
        ("我可以退货吗？", "退货请在三十天内", ["退货"]),
        ("ส่งคืนสินค้าได้ไหม", "คืนสินค้าภายใน 30 วัน", ["คืนสินค้า"]),
        ("CAFÉ", "cafe\u0301s", ["café"]),
        ("", "anything", []),
    ],
)
def test_that_shared_letters_are_shown_as_they_stand(question: str, text: str, matched: list[str]) -> None:
    assert matched_letters(question, text) == matched


async def test_that_a_search_is_explained(library: Library, searcher: Searcher) -> None:
    await library.add("returns.txt", RETURNS)
    await library.add("opening.txt", OPENING)
    found = await explain(
        searcher, WORKSPACE, library.id, SearchOrder(question="What does the return label cost?")
    )
    assert (found.known, [item.rank for item in found.items]) == (True, [1, 2])
    first = found.items[0]
    assert first.best_sentence is not None
    assert (first.source, first.best_sentence.text) == ("returns.txt", "The return label costs 4.95 euro.")
    assert RETURNS[first.best_sentence.start : first.best_sentence.end] == first.best_sentence.text
    assert first.best_sentence.cosine == pytest.approx(first.sentence, abs=0.02)
    assert "label" in first.matched
    assert first.score > found.items[1].score
    assert found.evidence is not None
    assert found.evidence.margin > 0
    assert found.evidence.dense == pytest.approx(first.dense, abs=1e-4)
    assert found.timings_ms.keys() == {"open", "embed", "rank"}
    unknown = await explain(searcher, WORKSPACE, library.id, SearchOrder(question="How far is the moon?"))
    assert unknown.known is False
    assert unknown.evidence is not None
    assert unknown.evidence.margin < 0
    with pytest.raises(NotFound):
        await explain(searcher, "wsp_other", library.id, SearchOrder(question="label"))


async def test_that_an_empty_knowledge_base_is_explained_too(library: Library, searcher: Searcher) -> None:
    found = await explain(searcher, WORKSPACE, library.id, SearchOrder(question="Anything?"))
    assert (found.known, found.items, found.topics) == (False, [], [])


@pytest.mark.parametrize(
    "wrong", [{"question": " "}, {"question": "a", "limit": 0}, {"question": "x" * 2001}]
)
def test_that_odd_orders_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchOrder.model_validate(wrong)
