"""Fusion of vectors and letters, with vectors made by hand so that each rule can be seen alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.embedding import FloatVector, Foreignness
from knowledge.lexical import LexicalIndex
from knowledge.ranking import CANDIDATES, Corpus, Query, dense_share, rank

FAMILIAR = Foreignness(1.1, 0.0)
FOREIGN = Foreignness(2.4, 0.0)
UNREADABLE = Foreignness(1.0, 1.0)
ASKED = np.array([1.0, 0.0], dtype=np.float32)


def towards(cosine: float) -> FloatVector:
    """A unit vector with this cosine to ASKED."""
    return np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)


def corpus(chunks: Sequence[Sequence[tuple[str, float]]], *, known: bool = True) -> Corpus:
    """Each chunk is its sentences, each with the cosine it has to the question.

    `known` tells whether the embedder knows the language of the text.
    """
    sentences = [sentence for chunk in chunks for sentence in chunk]
    vectors = [towards(cosine) for _, cosine in sentences]
    return Corpus(
        chunks=LexicalIndex.build([" ".join(text for text, _ in chunk) for chunk in chunks]),
        sentences=LexicalIndex.build([text for text, _ in sentences]),
        sentence_offsets=np.cumsum([0, *(len(chunk) for chunk in chunks)]),
        sentence_vectors=np.stack(vectors) if vectors else np.zeros((0, 2), dtype=np.float32),
        from_sheet=np.arange(len(chunks)) == 2,
        embedder_knows_text=known,
    )


def order(found: Corpus, text: str, dense: Sequence[float], looks: Foreignness = FAMILIAR) -> list[int]:
    ranking = rank(found, Query(text, ASKED, looks), np.array(dense, dtype=np.float32))
    return [item.index for item in ranking.items]


SENTENCES = (
    [("the warehouse opens at nine", 0.3)],
    [("a lorry may park behind it", 0.3)],
    [("helmets are worn inside", 0.3)],
    [("visitors sign in at the desk", 0.3)],
)
FOUR = corpus(SENTENCES)


def test_that_letters_and_vectors_that_agree_come_first() -> None:
    assert order(FOUR, "where may a lorry park", [0.1, 0.8, 0.2, 0.2])[0] == 1


def test_that_vectors_decide_where_no_letters_are_shared() -> None:
    assert order(FOUR, "qqqq", [0.1, 0.2, 0.7, 0.2])[0] == 2


def test_that_bad_vectors_do_not_drag_good_letters_down() -> None:
    # The embedder does not know the language: it puts the right chunk last, as reciprocal ranks would suffer.
    misled = [0.9, 0.1, 0.8, 0.7]
    foreign = corpus(SENTENCES, known=False)
    assert order(foreign, "lorry park", misled, FOREIGN)[0] == 1
    assert order(foreign, "lorry park", misled, UNREADABLE)[0] == 1


def test_that_vectors_count_less_where_question_and_text_differ_in_language() -> None:
    chunks = ([("a lorry", 0.1)], [("another thing", 0.9)], [("a third", 0.1)], [("one more", 0.1)])
    dense = [0.1, 0.9, 0.1, 0.1]
    assert order(corpus(chunks), "lorry", dense)[0] == 1
    assert order(corpus(chunks, known=False), "lorry", dense)[0] == 0


def test_that_vectors_count_less_the_stranger_the_question_looks() -> None:
    shares = [dense_share(looks) for looks in (FAMILIAR, Foreignness(1.7, 0.0), FOREIGN, UNREADABLE)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 0.5
    assert shares[-1] == 0.0


def test_that_one_very_good_sentence_lifts_its_chunk() -> None:
    even = corpus([[("aaaa", 0.3), ("bbbb", 0.3)], [("cccc", 0.1), ("dddd", 0.9)], [("eeee", 0.2)]])
    assert order(even, "zzzz", [0.4, 0.4, 0.4])[0] == 1


def test_that_words_that_stand_together_in_a_sentence_win_over_scattered_ones() -> None:
    scattered = [("lorry on the road", 0.2), ("desks have a park", 0.2), ("behind the house", 0.2)]
    together = [("a lorry may park behind it", 0.2), ("nothing else", 0.2), ("not a thing", 0.2)]
    others = [[("helmets are worn", 0.2)], [("visitors sign in", 0.2)]]
    assert order(corpus([scattered, together, *others]), "lorry park behind", [0.2] * 4)[0] == 1
    assert order(corpus([together, scattered, *others]), "lorry park behind", [0.2] * 4)[0] == 0


def test_that_a_chunk_the_vector_index_left_out_can_still_win_by_letters() -> None:
    assert order(FOUR, "helmets worn inside", [0.5, 0.4, np.nan, 0.3])[0] == 2


def test_that_left_out_chunks_count_as_the_lowest_returned() -> None:
    ranking = rank(
        FOUR, Query("desk", ASKED, FAMILIAR), np.array([0.5, 0.4, np.nan, np.nan], dtype=np.float32)
    )
    by_index = {item.index: item.dense for item in ranking.items}
    assert by_index[2] == by_index[3] == pytest.approx(0.4)


def test_that_evidence_tells_whether_the_best_chunk_is_rows_of_a_sheet() -> None:
    ranking = rank(FOUR, Query("helmets worn inside", ASKED, FAMILIAR), np.full(4, 0.3, dtype=np.float32))
    assert ranking.evidence.from_sheet


def test_that_nothing_is_found_in_nothing() -> None:
    ranking = rank(corpus([]), Query("anything", ASKED, FAMILIAR), np.zeros(0, dtype=np.float32))
    assert ranking.items == ()
    assert ranking.evidence.dense == ranking.evidence.coverage == 0.0


def test_that_a_single_chunk_is_found_whatever_the_question() -> None:
    one = corpus([[("only this", 0.2)]])
    assert order(one, "something else", [0.1]) == [0]
    assert order(one, "", [0.1]) == [0]


def test_that_a_chunk_without_sentences_is_ranked_too() -> None:
    found = corpus([[("lorry", 0.4)], [], [("desk", 0.3)]])
    assert order(found, "lorry", [0.5, 0.2, 0.2])[0] == 0


def test_that_evidence_tells_how_well_the_best_fits() -> None:
    sure = rank(FOUR, Query("a lorry may park behind it", ASKED, FAMILIAR), np.full(4, 0.3, dtype=np.float32))
    unsure = rank(FOUR, Query("is a whale a fish", ASKED, FAMILIAR), np.full(4, 0.3, dtype=np.float32))
    assert sure.evidence.coverage == pytest.approx(1.0)
    assert unsure.evidence.coverage < 0.4
    assert sure.evidence.lexical > 2 * unsure.evidence.lexical
    assert sure.evidence.sentence == pytest.approx(0.3, abs=1e-4)
    assert sure.sentence_lexical.argmax() == 1
    assert not sure.evidence.from_sheet


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 500), st.integers(1, 20), st.integers(0, 9))
def test_that_items_are_distinct_sorted_and_limited(number: int, limit: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    found = corpus([[(f"text {dice.integers(99)}", float(dice.random()))] for _ in range(number)])
    dense = dice.random(number).astype(np.float32)
    dense[np.argsort(-dense)[CANDIDATES:]] = np.nan
    ranking = rank(found, Query("text 7", ASKED, FAMILIAR), dense, limit=limit)
    assert len(ranking.items) == min(limit, number)
    assert len({item.index for item in ranking.items}) == len(ranking.items)
    scores = [item.score for item in ranking.items]
    assert scores == sorted(scores, reverse=True)
