"""Tables of sources: read with the pages, stored with the version, gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.limits import Caps
from knowledge.pages import TableDraft
from knowledge.readers import csv, excel
from knowledge.readers.frames import table_from_json, table_to_json
from knowledge.tables.repository import tables_of
from knowledge.tables.store import packed, unpacked
from tests.knowledge import files
from tests.library import WORKSPACE, Library

PRICES = "product,price,stock\nKettle,12.50,3\nToaster,,4\n"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


async def stored(library: Library, source_id: str, version: int) -> list[TableDraft]:
    async with library.db.read() as session:
        found = await tables_of(session, WORKSPACE, [(source_id, version)])
    return [unpacked(content) for _, _, content in found]


@given(WORDS, WORDS, st.lists(st.tuples(st.integers(1, 10**6), st.tuples(WORDS, WORDS)), max_size=5))
def test_that_a_table_comes_back_as_it_was(
    sheet: str, title: str, rows: list[tuple[int, tuple[str, str]]]
) -> None:
    draft = TableDraft(("product", ""), tuple(rows), sheet or None, title, 3)
    assert unpacked(packed(draft)) == draft
    assert table_from_json(table_to_json(draft)) == draft


def test_that_cells_stand_in_their_columns_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(PRICES)
    tables = [table for page in csv.read(path, "a.csv", Caps()) for table in page.tables]
    rows = ((2, ("Kettle", "12.50", "3")), (3, ("Toaster", "", "4")))
    assert tables == [TableDraft(("product", "price", "stock"), rows)]


def test_that_each_table_of_a_workbook_has_its_sheet_and_title(tmp_path: Path) -> None:
    spring: list[Sequence[object]] = [
        ["Spring prices"],
        ["product", "price"],
        ["Kettle", 12],
        [],
        ["shop", "staff"],
    ]
    path = files.xlsx(tmp_path / "a.xlsx", {"Prices": [*spring, ["North", 4]], "Notes": [["Ask us."]]})
    tables = [table for page in excel.read(path, "a.xlsx", Caps()) for table in page.tables]
    assert tables == [
        TableDraft(("product", "price"), ((3, ("Kettle", "12")),), "Prices", "Spring prices"),
        TableDraft(("shop", "staff"), ((6, ("North", "4")),), "Prices", ""),
    ]


async def test_that_tables_are_stored_with_their_version_and_replaced_with_it(library: Library) -> None:
    first = await library.add("prices.csv", PRICES)
    assert [table.header for table in await stored(library, first.id, 1)] == [("product", "price", "stock")]
    await library.add("prices.csv", "product,colour\nKettle,red\nToaster,blue\n")
    assert await stored(library, first.id, 1) == []
    assert [table.header for table in await stored(library, first.id, 2)] == [("product", "colour")]


async def test_that_a_text_has_no_tables(library: Library) -> None:
    source = await library.add("a.txt", "We are open every day.")
    assert await stored(library, source.id, 1) == []


@pytest.mark.parametrize(
    ("line", "cells"),
    [(r'"\"All\", live","A"', ('"All", live', "A")), (r'"C:\","D:\x"', ("C:\\", r"D:\x"))],
)
def test_that_quotes_escaped_by_a_backslash_are_told_from_backslashes(
    tmp_path: Path, line: str, cells: tuple[str, str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'"song","place"\n{line}\n"Plain","B"\n', "utf-8")
    tables = [table for page in csv.read(path, "a.csv", Caps()) for table in page.tables]
    assert [found for _, found in tables[0].rows] == [cells, ("Plain", "B")]
