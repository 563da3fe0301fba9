"""Queries over one table: exact results in the cells' own writing, and refusals that say what is there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.pages import TableDraft
from knowledge.tables.columns import TypedTable
from knowledge.tables.lines import lines, row_text
from knowledge.tables.query import Condition, QueryRefused, TableAnswer, TableQuery, run
from knowledge.tables.store import Table, packed

PRICES = (
    ("Product", "Material", "Price in euro", "In stock", "Since"),
    ("Desk lamp", "Brass", "49.95", "34", "12-03-2021"),
    ("Floor lamp", "Steel", "129.00", "8", "01-10-2019"),
    ("Oak table", "Solid oak", "1,749.00", "3", "05-06-2020"),
    ("Oak bench", "Solid oak", "279.00", "-", "05-06-2022"),
)


def typed(rows: Sequence[Sequence[str]], name: str = "prices.csv") -> TypedTable:
    numbered = tuple((number, tuple(cells)) for number, cells in enumerate(rows[1:], start=2))
    draft = TableDraft(tuple(rows[0]), numbered)
    return TypedTable(Table(name, "src_1", name, 1, False, packed(draft)))


def ask(table: TypedTable, **query: object) -> TableAnswer:
    return run(TableQuery.model_validate({"table": table.name, **query}), table)


def where(column: str, op: str, value: str | list[str] = "") -> dict[str, object]:
    return {"column": column, "op": op, "value": value}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            {"select": ["Price in euro"], "where": [where("Product", "=", "desk LAMP")]},
            ["Desk lamp: 49.95 (Price in euro)"],
        ),
        (
            {"select": ["Material"], "where": [where("Product", "contains", "lamps")]},
            ["Desk lamp: Brass", "Floor lamp: Steel"],
        ),
        ({"select": ["Product"], "where": [where("Price in euro", "<", "130")]}, ["Desk lamp", "Floor lamp"]),
        ({"select": ["Product"], "where": [where("Price in euro", ">=", "279")]}, ["Oak table", "Oak bench"]),
        ({"select": ["Product"], "where": [where("Since", ">", "2020")]}, ["Desk lamp", "Oak bench"]),
        (
            {"select": ["Product"], "where": [where("Since", "<=", "5 juni 2020")]},
            ["Floor lamp", "Oak table"],
        ),
        ({"select": ["Product"], "where": [where("In stock", "empty")]}, ["Oak bench"]),
        (
            {"select": ["Product"], "where": [where("Material", "!=", "Solid oak")]},
            ["Desk lamp", "Floor lamp"],
        ),
        (
            {"select": ["Product"], "where": [where("Product", "=", ["Oak table", "Desk lamp"])]},
            ["Desk lamp", "Oak table"],
        ),
        ({"select": ["Price in euro"], "aggregate": "max"}, ["Oak table: 1,749.00 (Price in euro)"]),
        ({"select": ["Since"], "aggregate": "min"}, ["Floor lamp: 01-10-2019"]),
        ({"select": ["Price in euro"], "aggregate": "sum"}, ["Price in euro, total: 2,206.95"]),
        (
            {
                "select": ["Price in euro"],
                "where": [where("Material", "=", "solid oak")],
                "aggregate": "average",
            },
            ["Price in euro, average: 1,014.00"],
        ),
        (
            {"select": ["In stock"], "where": [where("Material", "=", "Solid oak")], "aggregate": "sum"},
            ["In stock, total: 3"],
        ),
        (
            {
                "select": ["Price in euro"],
                "where": [where("Product", "contains", "lamp")],
                "aggregate": "difference",
            },
            ["Price in euro, difference: 79.05"],
        ),
        ({"where": [where("Material", "=", "Solid oak")], "aggregate": "count"}, ["2: Oak table; Oak bench"]),
        ({"select": ["Material"], "aggregate": "count_distinct"}, ["3: Brass; Steel; Solid oak"]),
        ({"select": ["Material"], "aggregate": "most_common"}, ["Solid oak (2×)"]),
        (
            {"select": ["Product"], "where": [where("Product", "=", "Floor lamp")], "step": "next"},
            ["Oak table"],
        ),
        (
            {"select": ["Product"], "where": [where("Product", "=", "Floor lamp")], "step": "previous"},
            ["Desk lamp"],
        ),
        ({"select": ["Product"], "where": [where("Product", "=", "Oak bench")], "step": "next"}, []),
        (
            {"select": ["Product"], "order_by": "Price in euro", "descending": True, "limit": 2},
            ["Oak table", "Oak bench"],
        ),
        ({"select": ["Product"], "descending": True, "limit": 1}, ["Oak bench"]),
    ],
)
def test_that_a_query_is_answered_from_the_cells(query: dict[str, object], said: list[str]) -> None:
    assert lines(ask(typed(PRICES), **query), "en") == said


def test_that_results_are_written_as_the_cells_are() -> None:
    table = typed([("Artikel", "Preis"), ("Tisch", "€ 1.234,56"), ("Stuhl", "€ 89,-"), ("Bank", "€ 12,50")])
    assert ask(table, select=["Preis"], aggregate="sum").value == "€1.336,06"
    assert lines(ask(table, select=["Preis"], aggregate="sum"), "de") == ["Preis, Summe: €1.336,06"]


@given(st.lists(st.decimals(-(10**7), 10**7, places=2), min_size=1, max_size=30))
def test_that_sums_are_exact_to_the_digit(amounts: list[Decimal]) -> None:
    table = typed([("item", "amount"), *((f"item {n}", f"{amount:.2f}") for n, amount in enumerate(amounts))])
    value = ask(table, select=["amount"], aggregate="sum").value
    assert value is not None
    assert Decimal(value.replace(",", "")) == sum(amounts)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            {"select": ["Colour"]},
            'no column "Colour"; its columns are "Product", "Material", "Price in euro", "In stock", "Since"',
        ),
        (
            {"select": ["Material"], "aggregate": "sum"},
            'The sum of "Material" cannot be computed: "Brass" is no number; the column holds text.',
        ),
        ({"where": [where("Material", ">", "3")]}, 'cannot be compared with the cells of "Material"'),
        ({"where": [where("Price in euro", "<", "cheap")]}, "which hold numbers"),
        ({"select": ["Product"], "aggregate": "max"}, '"Product" holds text, which have no max.'),
        (
            {"select": ["In stock"], "where": [where("In stock", "=", "34")], "aggregate": "difference"},
            "finds 1",
        ),
    ],
)
def test_that_what_cannot_be_answered_is_refused_with_what_is_there(
    query: dict[str, object], told: str
) -> None:
    with pytest.raises(QueryRefused, match=".") as refused:
        ask(typed(PRICES), **query)
    assert told in str(refused.value)


def test_that_different_units_are_not_added_up() -> None:
    table = typed([("item", "price"), ("a", "€ 5"), ("b", "$ 7")])
    with pytest.raises(QueryRefused, match=r"different units: \$, €"):
        ask(table, select=["price"], aggregate="sum")


def test_that_empty_cells_are_left_out_and_counted() -> None:
    answer = ask(typed(PRICES), select=["In stock"], aggregate="sum")
    assert (answer.value, answer.skipped, answer.total) == ("45", 1, 4)


def test_that_rows_keep_their_places_and_are_shown_whole() -> None:
    table = typed(PRICES)
    answer = ask(table, select=["Material"], where=[where("Product", "=", "Oak table")])
    assert [(row.number, row.name, row.cells) for row in answer.rows] == [(4, "Oak table", ("Solid oak",))]
    assert row_text(table, answer.rows[0].position) == (
        "Product: Oak table; Material: Solid oak; Price in euro: 1,749.00; In stock: 3; Since: 05-06-2020"
    )


def test_that_a_query_has_a_closed_shape() -> None:
    with pytest.raises(ValueError, match="extra"):
        TableQuery.model_validate({"table": "a", "sql": "select 1"})
    with pytest.raises(ValueError, match="op"):
        Condition.model_validate({"column": "a", "op": "like"})


def test_that_rows_of_totals_and_repeated_headers_are_not_counted_twice() -> None:
    rows = [("item", "amount"), ("a", "5"), ("item", "amount"), ("b", "7"), ("Total", "12")]
    table = typed(rows)
    assert ask(table, select=["amount"], aggregate="sum").value == "12"
    assert ask(table, aggregate="count").value == "2"
    assert lines(ask(table, select=["amount"], where=[where("item", "=", "total")]), "en") == [
        "Total: 12 (amount)"
    ]
    assert table.row_numbers == (2, 4, 5)
