"""What a passage shows: never more than fits, and exactly what the extract says."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunking import MAX_CHARS, MAX_WORDS, ChunkDraft, chunk
from knowledge.excerpts import KEPT_OF_THE_BEST, Excerpts
from knowledge.generation import Content, StoredChunk
from knowledge.pages import Heading, Page

SENTENCES = st.lists(st.integers(1, 40), min_size=1, max_size=60)  # words of each


def content_of(drafts: Sequence[ChunkDraft], source_id: str = "src_1") -> Content:
    chunks = tuple(
        StoredChunk(
            id=f"chk_{number}",
            source_id=source_id,
            version=1,
            text=draft.text,
            heading=draft.heading,
            start=draft.start,
            end=draft.end,
            page=draft.page,
            sheet=draft.sheet,
            row=draft.row,
            sentences=json.dumps([[one.text, one.start, one.end, one.row] for one in draft.sentences]),
        )
        for number, draft in enumerate(drafts)
    )
    offsets = np.cumsum([0, *(len(draft.sentences) for draft in drafts)])
    nothing = np.zeros((int(offsets[-1]), 0), dtype=np.float16)
    return Content(chunks, np.zeros((len(chunks), 0), dtype=np.float32), nothing, offsets)


def prose(lengths: Sequence[int]) -> str:
    """A paragraph of sentences of so many words, each told apart by its number."""
    return " ".join(f"S{number}" + " word" * (words - 1) + "." for number, words in enumerate(lengths))


def cut(text: str, *headings: Heading) -> Content:
    return content_of(list(chunk([Page(text=text, start=0, number=1, headings=headings)])))


def scores_of(content: Content, **liked: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """0 for every sentence but those that begin with a name."""
    scores = np.zeros(int(content.offsets[-1]), dtype=np.float32)
    place = 0
    for one in content.chunks:
        for text, *_ in json.loads(one.sentences):
            scores[place] = liked.get(text.split()[0].rstrip("."), 0.0)
            place += 1
    return scores


@given(SENTENCES, st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_that_an_excerpt_is_what_the_extract_says_and_no_longer_than_a_passage(
    lengths: list[int], seed: int, rank: int
) -> None:
    text = prose(lengths)
    content = cut(text)
    dice = np.random.default_rng(seed)
    scores = dice.normal(size=int(content.offsets[-1])).astype(np.float32)
    scores[dice.random(len(scores)) < 0.3] = np.nan
    excerpts = Excerpts(content)
    for index, found in enumerate(content.chunks):
        shown = excerpts.cut(index, scores, rank=rank)
        assert found.start is not None
        assert found.end is not None
        assert shown.start is not None
        assert shown.end is not None
        assert text[shown.start : shown.end] == shown.text
        assert [text[line.start : line.end] for line in shown.lines] == [line.text for line in shown.lines]
        assert len(shown.text.split()) <= MAX_WORDS
        assert len(shown.text) <= MAX_CHARS
        assert [line.start for line in shown.lines] == sorted({line.start or 0 for line in shown.lines})
        common = min(shown.end, found.end) - max(shown.start, found.start)
        assert common >= (1.0 if rank else KEPT_OF_THE_BEST) * (found.end - found.start)
        for line in shown.lines:
            outside = (line.start or 0) < found.start or (line.end or 0) > found.end
            assert line.borrowed == outside


def test_that_the_best_passage_moves_to_where_the_answer_stands() -> None:
    content = cut(prose([20] * 24))
    first, second = content.chunks[0], content.chunks[1]
    assert (first.end or 0) > (second.start or 0)
    after = f"S{len(json.loads(first.sentences))}"
    assert after not in first.text
    excerpts = Excerpts(content)
    liked = scores_of(content, **{after: 6.0})
    assert after in excerpts.cut(0, liked, rank=0).text
    assert excerpts.cut(0, liked, rank=9).text == first.text


def test_that_a_stretch_never_leaves_its_section_nor_its_source() -> None:
    text = "Returns\n" + prose([20] * 9) + "\n\nDelivery\n" + prose([20] * 9)
    second = text.index("Delivery")
    marks = (Heading(0, 7, 1), Heading(second, second + 8, 1))
    content = cut(text, *marks)
    other = content_of(list(chunk([Page(text=prose([20] * 9), start=0, number=1)])), "src_2")
    both = Content(
        (*content.chunks, *other.chunks),
        content.vectors,
        content.sentence_vectors,
        np.concatenate([content.offsets, content.offsets[-1] + other.offsets[1:]]),
    )
    excerpts = Excerpts(both)
    everything = np.zeros(int(both.offsets[-1]), dtype=np.float32)
    for index, one in enumerate(both.chunks):
        shown = excerpts.cut(index, everything, rank=0)
        own = other if one.source_id == "src_2" else content
        sections = [text[:second], text[second:]] if own is content else [prose([20] * 9)]
        assert any(shown.text in section for section in sections)


def test_that_a_passage_that_opens_with_its_heading_keeps_it() -> None:
    text = "Returns\n" + prose([20] * 24)
    content = cut(text, Heading(0, 7, 1))
    found = content.chunks[0]
    assert found.text.startswith("Returns\n")
    last = json.loads(found.sentences)[-1][0].split()[0].rstrip(".")
    shown = Excerpts(content).cut(0, scores_of(content, **{last: 9.0}), rank=0)
    assert shown.text.startswith("Returns\n")


def test_that_rows_are_shown_as_they_were_found() -> None:
    draft = ChunkDraft("Prices\nitem: Ladder", None, None, 1, "Prices", 2, "", ())
    shown = Excerpts(content_of([draft])).cut(0, np.zeros(0, dtype=np.float32), rank=0)
    assert (shown.text, shown.start, shown.end, shown.lines) == (draft.text, None, None, ())


def test_that_a_chunk_without_sentences_is_shown_whole() -> None:
    draft = ChunkDraft("\x0b\x0b", 0, 2, 1, None, None, "", ())
    shown = Excerpts(content_of([draft])).cut(0, np.zeros(0, dtype=np.float32), rank=0)
    assert (shown.text, shown.start, shown.end, shown.lines) == (draft.text, 0, 2, ())
