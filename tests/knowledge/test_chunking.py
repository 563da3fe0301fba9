from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunking import MAX_CHARS, MAX_WORDLESS_SIGNS, MAX_WORDS, ChunkDraft, chunk
from knowledge.pages import Page, Row
from knowledge.readers.text import headings
from knowledge.sentences import measure, sentence_spans

SENTENCE = "The blue kettle costs 29.95 and boils a litre of water in three minutes flat."


def chunks_of(text: str) -> list[ChunkDraft]:
    return list(chunk([Page(text=text, start=0, headings=tuple(headings(text)))]))


def sentences_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def assert_exact(text: str, chunks: list[ChunkDraft]) -> None:
    """Places are exact, sentences lie inside, sizes hold, and nothing is left out."""
    covered = bytearray(len(text))
    for draft in chunks:
        assert draft.start is not None
        assert draft.end is not None
        assert draft.text == text[draft.start : draft.end]
        assert draft.sentences
        for sentence in draft.sentences:
            assert sentence.start is not None
            assert sentence.end is not None
            assert draft.start <= sentence.start < sentence.end <= draft.end
            assert sentence.text == text[sentence.start : sentence.end]
        size = measure(draft.text)
        assert size.words <= MAX_WORDS
        assert size.chars <= MAX_CHARS
        assert not size.is_wordless or size.signs <= MAX_WORDLESS_SIGNS
        covered[draft.start : draft.end] = b"\x01" * (draft.end - draft.start)
    assert all(covered[place] or letter.isspace() for place, letter in enumerate(text))


PIECES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "Dr. Bos pays € 12.50, i.e. too much. ",
            "\r\n",
            "\n\n",
            "# Opening hours\n",
            "Opening hours\n\n",
            "- first item\n- second item\n",
            "价格是二十欧元。下一句。",
            "ราคาสินค้าอยู่ที่ยี่สิบยูโร",
            "x" * 900,
            "word " * 120,
            SENTENCE + " ",
            "“Really?” she said. ",
            "\f",
            "\u2028",
            "\ufeff",
        ]
    ),
)


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=300, deadline=None)
def test_that_places_are_exact_and_nothing_is_lost_for_any_text(text: str) -> None:
    assert_exact(text, chunks_of(text))


@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=6))
@settings(max_examples=150, deadline=None)
def test_that_places_are_exact_over_several_pages(texts: list[str]) -> None:
    pages, place = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(Page(text=text + "\n\f", start=place, number=number))
        place += len(text) + 2
    assert_exact("".join(page.text for page in pages), list(chunk(pages)))


@given(
    st.lists(
        st.lists(st.tuples(st.text(max_size=20), PIECES.filter(str.strip)), min_size=1, max_size=8),
        max_size=8,
    )
)
@settings(max_examples=150, deadline=None)
def test_that_every_cell_stands_in_a_chunk_within_the_caps(rows: list[list[tuple[str, str]]]) -> None:
    rows = [[(" ".join(head.split()), " ".join(value.split())) for head, value in row] for row in rows]
    page = Page("", 0, sheet="Prices", rows=tuple(Row(n, tuple(row)) for n, row in enumerate(rows, start=2)))
    drafts = list(chunk([page]))
    for draft in drafts:
        size = measure(draft.text)
        assert size.words <= MAX_WORDS
        assert size.chars <= MAX_CHARS
        assert not size.is_wordless or size.signs <= MAX_WORDLESS_SIGNS
        assert draft.text.startswith("Prices\n")
        assert draft.start is draft.end is None
        assert all(sentence.text in draft.text for sentence in draft.sentences)
    shown = "".join("".join(draft.text.split()) for draft in drafts)
    for row in rows:
        for _, value in row:
            for start, end in sentence_spans(value):
                assert "".join(value[start:end].split()) in shown


def test_that_a_long_text_is_cut_evenly_at_about_180_words_with_one_sentence_shared() -> None:
    text = " ".join(f"{SENTENCE[:-1]} in shop {number}." for number in range(100))
    drafts = chunks_of(text)
    sizes = [len(draft.text.split()) for draft in drafts]
    assert 160 <= sum(sizes) / len(sizes) <= 200
    assert min(sizes) > 120
    for before, after in zip(drafts, drafts[1:], strict=False):
        assert before.sentences[-1] == after.sentences[0]
        assert before.sentences[-1] != after.sentences[1]


def test_that_a_script_without_spaces_is_cut_by_characters() -> None:
    text = "这台水壶的价格是二十九欧元九十五分，三分钟可以烧开一升水。" * 60
    drafts = chunks_of(text)
    assert max(len(draft.text) for draft in drafts) <= 400
    assert sum(len(draft.text) for draft in drafts) / len(drafts) > 250
    assert drafts[0].sentences[0].text == "这台水壶的价格是二十九欧元九十五分，三分钟可以烧开一升水。"


def test_that_an_alphabet_without_spaces_gets_the_room_that_its_letters_need() -> None:
    drafts = chunks_of("ราคาของกาต้มน้ำนี้คือยี่สิบเก้ายูโร และต้มน้ำหนึ่งลิตรได้ในสามนาที " * 60)
    assert max(len(draft.text) for draft in drafts) <= 1000
    assert sum(len(draft.text) for draft in drafts) / len(drafts) > 600
    for before, after in zip(drafts, drafts[1:], strict=False):
        assert before.sentences[-1] == after.sentences[0]


def test_that_a_section_starts_a_chunk_and_headings_are_indexed_with_the_body_below() -> None:
    text = (
        "# Shop guide\n\n## Returns\n"
        + " ".join([SENTENCE] * 20)
        + "\n\n## Delivery\nWe deliver within two days in the whole country.\n"
    )
    drafts = chunks_of(text)
    assert drafts[0].text.startswith("# Shop guide")
    assert drafts[0].heading == ""
    assert drafts[1].heading == "Shop guide > Returns"
    assert drafts[-1].text == "## Delivery\nWe deliver within two days in the whole country."
    assert drafts[-1].heading == "Shop guide"
    assert [sentence.text for sentence in drafts[-1].sentences] == [
        "We deliver within two days in the whole country."
    ]


def test_that_a_sentence_over_a_page_break_is_whole_and_belongs_to_the_first_page() -> None:
    first = "We repair kettles. A repair that takes longer than\n\f"
    second = "two weeks is free of charge. Ask at the desk."
    drafts = list(chunk([Page(text=first, start=0, number=1), Page(text=second, start=len(first), number=2)]))
    assert drafts[0].page == 1
    assert " ".join(drafts[0].sentences[-1].text.split()) == (
        "A repair that takes longer than two weeks is free of charge."
    )
    assert drafts[1].page == 2
    assert_exact(first + second, drafts)


def test_that_a_sheet_chunk_repeats_sheet_and_headers_and_names_its_first_row() -> None:
    rows = tuple(
        Row(number, (("product", f"Kettle {number}"), ("price", f"{number}.50"), ("note", SENTENCE)))
        for number in range(2, 42)
    )
    drafts = list(chunk([Page("", 0, sheet="Prices", rows=rows, title="Spring list")]))
    assert len(drafts) > 3
    for draft in drafts:
        assert (draft.sheet, draft.heading, draft.page) == ("Prices", "Spring list", None)
        assert draft.text.startswith(f"Prices\nproduct: Kettle {draft.row}; price: {draft.row}.50; note:")
        assert draft.sentences[0].row == draft.row
    assert [sentence.row for draft in drafts for sentence in draft.sentences] == list(range(2, 42))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Dr. J. Bos has 3.5 kg. He pays.",
            ["Dr. J. Bos has 3.5 kg.", "He pays."],
        ),
        (
            "Wij zijn open t/m vrijdag, bijv. om 9 uur. Kom langs!",
            ["Wij zijn open t/m vrijdag, bijv. om 9 uur.", "Kom langs!"],
        ),
        ("Am 3. Oktober ist zu. Danach offen.", ["Am 3. Oktober ist zu.", "Danach offen."]),
        ("“Is it free?” she asked. “Yes.” We agreed.", ["“Is it free?” she asked.", "“Yes.”", "We agreed."]),
        ("See example.com/a.b for it. Done.", ["See example.com/a.b for it.", "Done."]),
        ("这是第一句。这是第二句！", ["这是第一句。", "这是第二句！"]),
        ("هل هو مجاني؟ نعم.", ["هل هو مجاني؟", "نعم."]),
        ("Monday 9-17\nTuesday 9-17\nClosed on Sunday", ["Monday 9-17", "Tuesday 9-17", "Closed on Sunday"]),
        ("1. Open the lid.\n2. Add water.", ["1. Open the lid.", "2. Add water."]),
    ],
)
def test_that_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences_of(text) == expected


def test_that_lines_wrapped_by_hand_are_read_as_running_text() -> None:
    text = (
        "The warranty on every kettle that we sell runs for two full\n"
        "years from the day on which it was bought, and covers the\n"
        "heating element, the lid and the base station.\n"
    )
    assert sentences_of(text) == [text.strip()]


@pytest.mark.parametrize("sentences", range(4, 16))
def test_that_a_list_that_fits_a_chunk_is_never_cut(sentences: int) -> None:
    prose = "A kettle is a pot with a spout and a handle, in which water for tea is brought to the boil. "
    items = "".join(f"- Step {number}: put the lid back where it was before.\n" for number in range(1, 9))
    text = f"{prose * sentences}\n\nDo this in order:\n{items}\n{prose * 9}"
    drafts = list(chunk([Page(text=text, start=0)]))
    assert any("Do this in order" in draft.text and "Step 8" in draft.text for draft in drafts)
    assert all(len(draft.text.split()) <= MAX_WORDS for draft in drafts)


def test_that_a_list_too_long_for_a_chunk_is_cut() -> None:
    text = "Do this:\n" + "".join(
        f"- Step {number}: put the lid back where it was.\n" for number in range(80)
    )
    drafts = list(chunk([Page(text=text, start=0)]))
    assert len(drafts) > 2
    assert all(len(draft.text.split()) <= MAX_WORDS for draft in drafts)
    assert all(any(f"Step {number}:" in draft.text for draft in drafts) for number in range(80))
