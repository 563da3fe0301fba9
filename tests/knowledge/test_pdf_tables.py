"""Tables in PDF: a row keeps its headers, and nothing that is no grid is taken for a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunking import chunk
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import pdf
from tests.knowledge import files

PROSE = "We deliver within two working days to most countries of the continent, whatever the parcel holds."


def grid(
    rows: list[list[str]], lefts: tuple[float, ...] = (50, 200, 300), top: float = 100
) -> list[files.Placed]:
    return [
        (left, top + 18 * number, text)
        for number, row in enumerate(rows)
        for left, text in zip(lefts, row, strict=False)
        if text
    ]


def read(path: Path) -> Page:
    (page,) = pdf.read(path, "a.pdf", Caps())
    return page


PRICES = [["Country", "Standard", "Express"], ["Netherlands", "€ 4.95", "€ 9.95"], ["Belgium", "", "€ 11.95"]]
PRICES += [["Germany", "€ 6.95", "on request"]]


def test_that_a_row_of_a_pdf_table_keeps_its_headers(tmp_path: Path) -> None:
    texts: list[files.Placed] = [(50, 50, PROSE), *grid(PRICES), (50, 250, PROSE)]
    page = read(files.placed_pdf(tmp_path / "a.pdf", texts))
    assert page.text.split("\n\n") == [
        PROSE,
        "Country: Netherlands; Standard: € 4.95; Express: € 9.95",
        "Country: Belgium; Express: € 11.95",
        "Country: Germany; Standard: € 6.95; Express: on request",
        PROSE,
    ]
    (table,) = page.tables
    assert (table.page, table.header) == (1, ("Country", "Standard", "Express"))
    assert table.rows[1] == (3, ("Belgium", "", "€ 11.95"))


def test_that_numbers_may_stand_to_the_right_and_cells_over_two_lines(tmp_path: Path) -> None:
    texts: list[files.Placed] = [(50, 100, "Item"), (150, 100, "2025"), (220, 100, "Remark")]
    for number, (item, amount) in enumerate([("Kettles", "12,000"), ("Pans", "900"), ("Lamps", "7")]):
        top = 120 + 30.0 * number
        texts += [(50, top, item), (180 - 5 * len(amount), top, amount)]
        texts += [(220, top, "sold in every"), (220, top + 12, "shop of ours")]
    page = read(files.placed_pdf(tmp_path / "a.pdf", texts))
    assert page.text.split("\n\n")[1] == "Item: Pans; 2025: 900; Remark: sold in every shop of ours"


def test_that_a_list_of_names_and_values_has_no_header(tmp_path: Path) -> None:
    rows = [["Speed", "135 r/min"], ["Torque", "10 Nm"], ["Class", "IP55"], ["Colour", "red"]]
    page = read(files.placed_pdf(tmp_path / "a.pdf", grid(rows)))
    assert page.text.split("\n\n") == ["Speed: 135 r/min", "Torque: 10 Nm", "Class: IP55", "Colour: red"]


def test_that_a_bold_row_of_words_over_words_is_the_header(tmp_path: Path) -> None:
    rows = [["Service", "Place"], ["Repair", "North"], ["Rent", "South"]]
    page = read(files.placed_pdf(tmp_path / "a.pdf", grid(rows), bold=("Service", "Place")))
    assert page.text.split("\n\n") == ["Service: Repair; Place: North", "Service: Rent; Place: South"]


@pytest.mark.parametrize(
    "texts",
    [
        [
            (left, 100 + 14.0 * row, PROSE[:48]) for left in (50, 320) for row in range(9)
        ],  # column after column
        [(left, 100 + 14.0 * row, PROSE[:48]) for row in range(9) for left in (50, 320)],  # line after line
        [
            (50 + 31.0 * (word + row % 3) ** 1.1, 100 + 14.0 * row, "word")
            for row in range(9)
            for word in range(7)
        ],
        grid([["Name", "Value"], ["Kettle", "12"]]),
        grid([["•", "We repair kettles."]] * 5, lefts=(50, 60)),
        grid(
            [["1.", "We repair kettles."], ["2.", "We rent pans."], ["3.", "We sell lamps."]], lefts=(50, 65)
        ),
        grid([["Kettles", ". . . . . . . .", "5"], ["Pans", ". . . . . . . . .", "7"]] * 3),
    ],
)
def test_that_columns_of_text_and_scattered_words_are_no_table(
    tmp_path: Path, texts: list[files.Placed]
) -> None:
    page = read(files.placed_pdf(tmp_path / "a.pdf", texts))
    assert page.tables == ()
    assert ": " not in page.text


@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "a", "Kettle", "12", "€ 4.95", "a longer text"]), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([12.0, 18.0]),
)
@settings(max_examples=60, deadline=None)
def test_that_no_cell_is_lost_and_passages_are_slices(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], leading: float
) -> None:
    marked = [[f"{text}{number}" if text else "" for text in row] for number, row in enumerate(rows)]
    texts = [(left, 100 + (top - 100) * leading / 18, text) for left, top, text in grid(marked)]
    path = files.placed_pdf(tmp_path_factory.mktemp("pdf") / "a.pdf", texts)
    page = read(path)
    assert all(text in page.text for row in marked for text in row)
    for draft in chunk([page]):
        assert draft.text == page.text[draft.start : draft.end]
