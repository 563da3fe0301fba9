"""Numbers, dates and times as nl, en and de write them in cells."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.pages import TableDraft
from knowledge.tables.columns import Column, TypedTable, letter
from knowledge.tables.store import Table, packed
from knowledge.tables.values import date_of, number_of, shown, time_of


def column(*texts: str) -> Column:
    return Column("price", 0, texts)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (("1.234,56", "12,50"), ("1234.56", "12.50")),
        (("1,234.56", "12.50"), ("1234.56", "12.50")),
        (("€ 12,-", "€ 4,50"), ("12", "4.50")),
        (("1.200", "850"), ("1200", "850")),
        (("1,200", "850"), ("1200", "850")),
        (("1.250", "0.125"), ("1.250", "0.125")),
        (("1.234.567", "12"), ("1234567", "12")),
        (("$ (3,908)", "$1,389"), ("-3908", "1389")),
        (("(1.250,00)", "3,00"), ("-1250.00", "3.00")),
        (("1'234.50 CHF", "12.00 CHF"), ("1234.50", "12.00")),
        (("85,9 %", "4,0 %"), ("85.9", "4.0")),
        (("−3", "+4"), ("-3", "4")),
        (("2.8 miles (4.5 km)", "3 miles"), ("2.8", "3")),
        (("12 kg", "-"), ("12", None)),
    ],
)
def test_that_a_column_decides_how_its_numbers_are_read(
    texts: tuple[str, ...], values: tuple[str | None, ...]
) -> None:
    found = [None if one is None else one.value for one in column(*texts).numbers]
    assert found == [None if value is None else Decimal(value) for value in values]


@pytest.mark.parametrize(
    "text", ["140x220", "5–0", "1913–1973", "HP-101", "soon", "12 of 13, or so they say"]
)
def test_that_what_only_holds_digits_is_no_number(text: str) -> None:
    assert number_of(text, ".") is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-03-12", (2024, 3, 12)),
        ("2024-03-12 09:30", (2024, 3, 12)),
        ("12-03-2024", (2024, 3, 12)),
        ("12.03.2024", (2024, 3, 12)),
        ("12/3/24", (2024, 3, 12)),
        ("12. März 2024", (2024, 3, 12)),
        ("12 maart 2024", (2024, 3, 12)),
        ("3 mrt 2024", (2024, 3, 3)),
        ("March 12, 2024", (2024, 3, 12)),
        ("12th of March 2024", (2024, 3, 12)),
        ("Mai 2024", (2024, 5, 0)),
        ("1 okt", (0, 10, 1)),
        ("2024", None),
        ("12 apples", None),
        ("31 foo 2024", None),
    ],
)
def test_that_dates_are_read_in_three_languages(text: str, date: tuple[int, int, int] | None) -> None:
    assert date_of(text) == date


def test_that_one_date_with_the_month_first_tells_how_the_others_are_meant() -> None:
    assert column("03/04/2024", "03/25/2024").dates == ((2024, 3, 4), (2024, 3, 25))
    assert column("03/04/2024", "25/03/2024").dates == ((2024, 4, 3), (2024, 3, 25))


def test_that_times_are_seconds() -> None:
    assert [time_of(text) for text in ("2:09:37", "14:00.8", "3:28", "noon")] == [
        Decimal(7777),
        Decimal("840.8"),
        Decimal(208),
        None,
    ]


@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]),
    st.sampled_from(["€ {}", "{} kg", "{}", "{} %"]),
)
def test_that_what_is_written_like_the_cells_reads_as_the_same_number(
    value: Decimal, marks: tuple[str, str], frame: str
) -> None:
    group, mark = marks
    digits = f"{abs(value):,.2f}".translate({ord(","): group, ord("."): mark})
    cell = frame.format(f"{'-' if value < 0 else ''}{digits}")
    number = number_of(cell, mark)  # type: ignore[arg-type]
    assert number is not None
    assert number.value == value
    again = number_of(shown(value, [number], mark), mark)  # type: ignore[arg-type]
    assert again is not None
    assert (again.value, again.unit) == (value, number.unit)


def test_that_the_row_is_named_by_words_that_differ() -> None:
    rows = ((2, ("HP-1", "Desk lamp", "49.95")), (3, ("HP-2", "Floor lamp", "129.00")))
    draft = TableDraft(("article", "product", "price"), rows)
    table = TypedTable(Table("a.csv", "src_1", "a.csv", 1, False, packed(draft)))
    assert table.key.name == "product"
    assert [one.kind for one in table.columns] == ["text", "text", "number"]


def test_that_columns_have_letters_as_in_a_sheet() -> None:
    assert [letter(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
