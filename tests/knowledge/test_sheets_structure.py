"""How tables lie in a sheet: merged cells, several header rows, what is hidden, several tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from agentflow.kit.settings import IngestSettings
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import csv, excel
from knowledge.reading import ReaderPool
from tests.knowledge import files

CAPS = Caps()
Change = Callable[[Worksheet], None]
Rows = Sequence[Sequence[object]]


def write(path: Path, rows: Rows, change: Change) -> Path:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    change(sheet)
    book.save(path)
    book.close()
    return path


def read(path: Path) -> list[Page]:
    return list(excel.read(path, path.name, CAPS))


def rows_of(pages: Sequence[Page]) -> list[str]:
    return [row.text for page in pages for row in page.rows]


def merge(*areas: str) -> Change:
    def change(sheet: Worksheet) -> None:
        for area in areas:
            sheet.merge_cells(area)

    return change


QUARTERS: Rows = [
    ["Sales 2025 and 2026"],
    ["Region", "2025", None, "2026", None],
    [None, "Q1", "Q2", "Q1", "Q2"],
    ["North", 1, 2, 3, 4],
    ["South", "closed", None, 5, 6],
]


def test_that_merged_headers_are_joined_and_a_merged_value_stands_in_each_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", QUARTERS, merge("A1:E1", "A2:A3", "B2:C2", "D2:E2", "B5:C5"))
    pages = read(path)
    assert pages[0].title == "Sales 2025 and 2026"
    assert rows_of(pages) == [
        "Sales 2025 and 2026",
        "Region: North; 2025 / Q1: 1; 2025 / Q2: 2; 2026 / Q1: 3; 2026 / Q2: 4",
        "Region: South; 2025 / Q1: closed; 2025 / Q2: closed; 2026 / Q1: 5; 2026 / Q2: 6",
    ]
    (table,) = pages[0].tables
    assert table.header == ("Region", "2025 / Q1", "2025 / Q2", "2026 / Q1", "2026 / Q2")
    assert table.rows == ((4, ("North", "1", "2", "3", "4")), (5, ("South", "closed", "closed", "5", "6")))
    assert table.title == "Sales 2025 and 2026"


def test_that_groups_are_told_without_merged_cells_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",2025,,2026,\nRegion,Q1,Q2,Q1,Q2\nNorth,1,2,3,4\n")
    (page,) = csv.read(path, "a.csv", CAPS)
    assert page.tables[0].header == ("Region", "2025 / Q1", "2025 / Q2", "2026 / Q1", "2026 / Q2")
    assert rows_of([page]) == ["Region: North; 2025 / Q1: 1; 2025 / Q2: 2; 2026 / Q1: 3; 2026 / Q2: 4"]


def test_that_a_merged_header_over_words_is_one_header_row(tmp_path: Path) -> None:
    rows: Rows = [["Name", "Address", None], ["Ann", "Street 1", "Town"], ["Bob", "Street 2", "Village"]]
    assert rows_of(read(write(tmp_path / "a.xlsx", rows, merge("B1:C1")))) == [
        "Name: Ann; Address: Street 1; Address: Town",
        "Name: Bob; Address: Street 2; Address: Village",
    ]


def test_that_a_value_merged_downwards_stands_in_every_row(tmp_path: Path) -> None:
    rows: Rows = [
        ["Shop", "Day", "Hours"],
        ["North", "Mon", "9-5"],
        [None, "Tue", "9-6"],
        ["South", "Mon", "10-4"],
    ]
    pages = read(write(tmp_path / "a.xlsx", rows, merge("A2:A3")))
    assert rows_of(pages) == [
        "Shop: North; Day: Mon; Hours: 9-5",
        "Shop: North; Day: Tue; Hours: 9-6",
        "Shop: South; Day: Mon; Hours: 10-4",
    ]
    assert [number for number, _ in pages[0].tables[0].rows] == [2, 3, 4]


def test_that_a_section_label_merged_over_the_table_is_no_value(tmp_path: Path) -> None:
    rows: Rows = [["Item", "Price"], ["Kitchen", None], ["Kettle", 12], ["Pan", 9]]
    assert rows_of(read(write(tmp_path / "a.xlsx", rows, merge("A2:B2")))) == [
        "Kitchen",
        "Item: Kettle; Price: 12",
        "Item: Pan; Price: 9",
    ]


def test_that_what_is_hidden_is_no_knowledge_and_splits_no_table(tmp_path: Path) -> None:
    def hide(sheet: Worksheet) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True

    rows: Rows = [["Item", "Margin", "Price"], ["Kettle", 40, 12], ["Secret", 50, 13], ["Pan", 60, 9]]
    pages = read(write(tmp_path / "a.xlsx", rows, hide))
    assert rows_of(pages) == ["Item: Kettle; Price: 12", "Item: Pan; Price: 9"]
    assert "Margin" not in pages[0].text
    assert pages[0].tables[0].header == ("Item", "Price")
    assert len(pages[0].tables) == 1


def test_that_tables_separated_by_empty_rows_have_their_own_titles_and_headers(tmp_path: Path) -> None:
    rows: Rows = [
        ["Prices"],
        ["Item", "Price"],
        ["Kettle", 12],
        [],
        ["Contacts"],
        ["name", "mail"],
        ["Ann", "ann@example.com"],
        [],
        [None, 2024, 2025],
        ["Kettles", 5, 6],
        [],
        ["name", "mail"],
        ["Bob", "bob@example.com"],
    ]
    pages = read(write(tmp_path / "a.xlsx", rows, merge()))
    assert [(table.title, table.header) for page in pages for table in page.tables] == [
        ("Prices", ("Item", "Price")),
        ("Contacts", ("name", "mail")),
        ("", ("", "2024", "2025")),
        ("", ("name", "mail")),
    ]
    assert rows_of(pages)[-2:] == ["Kettles; 2024: 5; 2025: 6", "name: Bob; mail: bob@example.com"]


async def test_that_a_formula_without_a_value_is_left_out_and_said(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.xlsx", [["Item", "Price"], ["Kettle", "=6*2"], ["Pan", 9]], merge())

    def calculated(sheet: bytes) -> bytes:
        return re.sub(rb'<c r="B2"[^>]*><v>12</v></c>', b'<c r="B2" t="str"><f>""</f><v></v></c>', sheet)

    empty = files.xlsx_with_part(tmp_path / "b.xlsx", "xl/worksheets/sheet1.xml", calculated)
    pool = ReaderPool(IngestSettings())
    try:
        result = await pool.read(plain, "a.xlsx")
        assert [line.text for line in result.chunks[0].sentences] == ["Item: Kettle", "Item: Pan; Price: 9"]
        assert result.warning == "uncalculated"
        assert result.tables[0].rows == ((2, ("Kettle", "")), (3, ("Pan", "9")))
        assert (await pool.read(empty, "b.xlsx")).warning is None
    finally:
        await pool.close()


@pytest.mark.parametrize("area", ["A1:XFD1048576", "B1:XFD1", "A2:A1048576"])
def test_that_a_huge_merged_area_costs_nothing(tmp_path: Path, area: str) -> None:
    def merged(sheet: bytes) -> bytes:
        tag = b'</sheetData><mergeCells count="1"><mergeCell ref="%s"/></mergeCells>' % area.encode()
        return sheet.replace(b"</sheetData>", tag)

    path = files.xlsx_with_part(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", merged)
    assert "Kettle" in rows_of(read(path))[0]


def test_that_a_sheet_as_wide_as_can_be_is_read_in_linear_time(tmp_path: Path) -> None:
    header = [f"column {number}" for number in range(4000)]
    pages = read(files.xlsx(tmp_path / "a.xlsx", {"S": [header, *[list(range(4000))] * 3]}))
    assert pages[0].rows[0].cells[3999] == ("column 3999", "3999")


def test_that_the_empty_cells_of_a_scattered_sheet_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join("," * number + f"x{number},y{number}" for number in range(2100)))
    pages = list(csv.read(path, "a.csv", CAPS))
    assert sum(len(page.rows) for page in pages) == 2100 - 1
    assert [table for page in pages for table in page.tables] == []
