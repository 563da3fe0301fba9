"""Which sentences make an answer, with vectors made by hand so that each rule can be seen alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentflow.llm.extractive import best_sentences
from knowledge.passages import Passage, PassageSentence, SearchResult

ASKED = np.array([1.0, 0.0], dtype=np.float32)
OTHERS = tuple((f"Lorries use gate {number}.", 0.0) for number in range(12))


def passage(name: str, lines: Sequence[tuple[str, float]], score: float = 0.0) -> Passage:
    """Sentences, each with the cosine it has to the question."""
    parts = []
    at = 0
    for text, cosine in lines:
        vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        parts.append(PassageSentence(text, at, at + len(text), None, vector, 0.0))
        at += len(text) + 1
    text = " ".join(line for line, _ in lines)
    return Passage(
        chunk_id=f"chk_{name}",
        source_id=f"src_{name}",
        source=f"{name}.txt",
        version=1,
        public=False,
        page=None,
        sheet=None,
        row=None,
        start=0,
        end=at,
        text=text,
        heading="",
        score=score,
        dense=0.0,
        lexical=0.0,
        sentence=0.0,
        sentences=tuple(parts),
    )


def answer(*passages: Passage, number: int = 4, question: str = "opening hours") -> list[str]:
    return best_sentences(SearchResult(passages, True, ASKED, {}), question, number=number, dense_share=1.0)


def test_that_a_sentence_brings_the_one_it_leans_on() -> None:
    shop = [*OTHERS, ("Our shop in Haarlem opens at ten.", 0.1), ("It is closed on Sunday.", 0.9)]
    assert answer(passage("shop", shop)) == ["Our shop in Haarlem opens at ten.", "It is closed on Sunday."]
    assert answer(passage("shop", shop), number=1) == ["It is closed on Sunday."]


def test_that_a_first_sentence_that_leans_on_nothing_we_have_still_answers() -> None:
    assert answer(passage("shop", [("It is closed on Sunday.", 0.9), *OTHERS])) == ["It is closed on Sunday."]


def test_that_a_weaker_sentence_counts_in_the_passage_of_the_best_and_not_elsewhere() -> None:
    lines = [("Parking is free.", 0.5), *OTHERS]
    best = ("The shop opens at ten.", 0.9)
    assert answer(passage("shop", [best, *lines])) == [best[0], "Parking is free."]
    apart = (passage("shop", [best]), passage("parking", lines))
    assert answer(*apart) == [best[0]]
    assert answer(*apart, question="When does the shop in Haarlem open?") == [best[0], "Parking is free."]


def test_that_a_sentence_that_adds_to_the_answer_comes_before_one_that_repeats_it() -> None:
    first, again = ("The shop in Haarlem opens at ten.", 0.9), ("The shop in Haarlem opens again.", 0.85)
    shop = passage("shop", [first, again, ("Customers park behind the station.", 0.8), *OTHERS])
    question = "When does the shop in Haarlem open, and where do customers park?"
    assert answer(shop, number=2, question=question) == [first[0], "Customers park behind the station."]
    assert answer(shop, number=2, question="When does the shop in Haarlem open?") == [first[0], again[0]]
