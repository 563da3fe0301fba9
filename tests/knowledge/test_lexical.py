"""BM25 over character grams: it finds, it is the BM25 it claims to be, and it survives any text."""

from __future__ import annotations

import io
import math
import random
import re
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge import lexical
from knowledge.lexical import LexicalIndex, Script, held, script_of

SHOP = (
    "You can return a jacket within thirty days if the label is still attached.",
    "Der Kündigungszeitraum für das Jahresabonnement beträgt einen Monat.",
    "De opzegtermijn van een abonnement is één maand, daarna stopt de levering.",
    "会员可以在三十天内退货，运费由我们承担。",
    "ลูกค้าสามารถคืนสินค้าได้ภายในสามสิบวัน",
    "يمكن للعملاء إعادة المنتجات خلال ثلاثين يوما.",
    "",
)


def best(query: str, texts: tuple[str, ...] = SHOP) -> int:
    return int(LexicalIndex.build(texts).scores(query).argmax())


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("returning jackets", 0),
        ("Kündigungszeiträume", 1),
        ("Kündigung Jahresabo", 1),
        ("opzegtermijnen", 2),
        ("如何退货", 3),
        ("คืนสินค้าอย่างไร", 4),
        ("إعادة منتج", 5),
    ],
)
def test_that_inflected_compound_and_unspaced_words_find_their_text(query: str, text: int) -> None:
    assert best(query) == text


def test_that_case_and_width_do_not_matter() -> None:
    index = LexicalIndex.build(SHOP)
    assert index.scores("ＲＥＴＵＲＮ a Jacket").tolist() == index.scores("return a jacket").tolist()


def test_that_what_no_text_holds_scores_nothing() -> None:
    index = LexicalIndex.build(SHOP)
    assert index.scores("zyxwv").tolist() == [0.0] * len(SHOP)
    assert index.scores("").tolist() == [0.0] * len(SHOP)
    assert index.compare("zyxwv").ceiling > 0


def plain_grams(text: str) -> list[str]:
    return [
        padded[start : start + 4]
        for word in re.findall(r"[a-z]+", text.casefold())
        for padded in [f"_{word}_"]
        for start in range(max(1, len(padded) - 3))
    ]


def plain_bm25(texts: list[str], query: str) -> list[float]:
    bags = [Counter(plain_grams(text)) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        damping = lexical.K1 * (1 - lexical.B + lexical.B * bag.total() / mean)
        for gram in plain_grams(query):
            holders = sum(1 for other in bags if gram in other)
            if bag[gram]:
                idf = math.log(1 + (len(bags) - holders + 0.5) / (holders + 0.5))
                score += idf * bag[gram] * (lexical.K1 + 1) / (bag[gram] + damping)
        scores.append(score)
    return scores


def test_that_scores_are_those_of_a_plain_bm25() -> None:
    texts = [
        "the red bicycle is in the red shed",
        "a bicycle bell rings",
        "sheds are built of wood and wood only, wood is what a shed needs",
        "no",
    ]
    index = LexicalIndex.build(texts)
    for query in ("red bicycle", "wooden sheds", "the bell of a bicycle bell", "no wood"):
        assert index.scores(query) == pytest.approx(plain_bm25(texts, query), rel=2e-3, abs=1e-3)


def test_that_an_index_built_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{text} {number}" for number in range(9) for text in SHOP]
    whole = LexicalIndex.build(texts).to_bytes()
    monkeypatch.setattr(lexical, "BLOCK_CHARS", 200)
    assert LexicalIndex.build(texts).to_bytes() == whole


def test_that_building_copies_no_array_as_long_as_the_postings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "BLOCK_CHARS", 20_000)
    dice = random.Random(0)
    words = ["".join(dice.choices("abcdefghijk", k=7)) for _ in range(300)]
    texts = [" ".join(dice.choices(words, k=100)) for _ in range(1000)]
    LexicalIndex.build(texts)  # fills the caches
    tracemalloc.start()
    try:
        index = LexicalIndex.build(texts)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index.to_bytes()) > 1_000_000
    assert peak < 4.5 * kept  # four numbers of two or four bytes where one is kept, and a block's own


def test_that_an_index_survives_its_bytes() -> None:
    index = LexicalIndex.build(SHOP)
    copy = LexicalIndex.from_bytes(index.to_bytes())
    assert copy.size == len(SHOP)
    for query in SHOP:
        assert copy.scores(query).tolist() == index.scores(query).tolist()


def test_that_bytes_of_another_format_are_refused() -> None:
    file = io.BytesIO()
    np.savez(file, head=np.array([lexical.FORMAT + 1, 0]))
    with pytest.raises(ValueError, match=f"format {lexical.FORMAT + 1}"):
        LexicalIndex.from_bytes(file.getvalue())


def test_that_bytes_with_pickled_objects_are_refused() -> None:
    file = io.BytesIO()
    np.savez(file, head=np.array([{"evil": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        LexicalIndex.from_bytes(file.getvalue())


def test_that_coverage_is_whole_for_a_text_itself_and_nothing_for_a_stranger() -> None:
    index = LexicalIndex.build(SHOP)
    assert index.compare(SHOP[0]).coverage[0] == pytest.approx(1.0)
    assert index.compare(SHOP[3]).coverage[0] == 0.0
    assert 0.3 < index.compare("return a purple jacket").coverage[0] < 1.0


def test_that_only_the_texts_asked_for_are_compared() -> None:
    index = LexicalIndex.build(SHOP)
    whole, part = index.compare(SHOP[0]), index.compare(SHOP[0], among=np.array([0]))
    assert (part.scores[0], part.coverage[0]) == (whole.scores[0], whole.coverage[0])
    assert part.scores[1:].tolist() == part.coverage[1:].tolist() == [0.0] * (len(SHOP) - 1)


def test_that_a_text_holds_the_words_it_has_and_rare_ones_weigh_most() -> None:
    holds, rarity = held("green tea", ["green leaves", "green tea", "green milk"])
    assert (holds @ rarity).tolist() == pytest.approx(
        [(holds[0] & holds[2]) @ rarity, 1.0, rarity @ holds[2]]
    )
    assert 0.0 < holds[0] @ rarity < 0.5  # "tea" stands in one only
    assert not held("green tea", ["water"])[0].any()


@pytest.mark.parametrize(("query", "texts"), [("", ["tea"]), ("tea", []), ("", []), ("…", ["", " "])])
def test_that_nothing_holds_nothing(query: str, texts: list[str]) -> None:
    holds, rarity = held(query, texts)
    assert len(holds) == len(texts)
    assert not (holds @ rarity).any()


@pytest.mark.parametrize("texts", [(), ("",), ("…", "   ")])
def test_that_an_index_without_words_can_be_asked(texts: tuple[str, ...]) -> None:
    index = LexicalIndex.from_bytes(LexicalIndex.build(texts).to_bytes())
    assert index.scores("anything").tolist() == [0.0] * len(texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec=None)), max_size=6), st.text(alphabet=st.characters()))
def test_that_any_text_can_be_indexed_and_asked(texts: list[str], query: str) -> None:
    index = LexicalIndex.build(texts)
    scores = index.scores(query)
    assert scores.shape == (len(texts),)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    coverage = index.compare(query).coverage
    assert ((coverage >= 0) & (coverage <= 1)).all()


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("How do I return it?", Script.WORDS),
        ("كيف أعيد المنتج؟", Script.WORDS),
        ("คืนสินค้าอย่างไร", Script.SYLLABLES),
        ("如何退货？", Script.CHARACTERS),
        ("我的 iPad 如何退货", Script.CHARACTERS),
        ("?!", Script.WORDS),
        ("", Script.WORDS),
    ],
)
def test_that_scripts_are_told_apart(text: str, script: Script) -> None:
    assert script_of(text) is script
