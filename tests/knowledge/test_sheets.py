"""Sheets: where the header is, how cells read, and what bad workbooks get."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from knowledge.errors import Corrupt, Encrypted, FileTooLarge
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import excel
from knowledge.readers.cells import CellValue, shown
from tests.knowledge import files

CAPS = Caps()


def rows_of(pages: Iterator[Page]) -> list[tuple[int, str]]:
    return [(row.number, row.text) for page in pages for row in page.rows]


@pytest.mark.parametrize(
    ("rows", "title", "expected"),
    [
        (
            [["Spring prices"], ["All prices include VAT"], ["product", "price"], ["Kettle", 12]],
            "Spring prices All prices include VAT",
            [(1, "Spring prices"), (2, "All prices include VAT"), (4, "product: Kettle; price: 12")],
        ),
        (
            [["Spring prices"], [], ["product", "price"], ["Kettle", 12], [], ["Source: the shop"]],
            "Spring prices",
            [(1, "Spring prices"), (4, "product: Kettle; price: 12"), (6, "product: Source: the shop")],
        ),
        ([["product", "price"]], "", [(1, "product; price")]),
        ([[1, 2], [3, 4]], "", [(1, "1; 2"), (2, "3; 4")]),
        (
            [[None, 2023, 2024], ["Kettles", 10, 12], ["Toasters", 7, 9]],
            "",
            [(2, "Kettles; 2023: 10; 2024: 12"), (3, "Toasters; 2023: 7; 2024: 9")],
        ),
        (
            [["product", "price"], ["Kettle", 12], [], ["shop", "staff"], ["North", 4]],
            "",
            [(2, "product: Kettle; price: 12"), (5, "shop: North; staff: 4")],
        ),
        (
            [["product", "price", "stock"], ["Kitchen"], ["Kettle", 12, 3]],
            "",
            [(2, "Kitchen"), (3, "product: Kettle; price: 12; stock: 3")],
        ),
        ([["name"], ["Ann"], ["Bob"]], "", [(2, "name: Ann"), (3, "name: Bob")]),
        (
            [[None, None], [None, "product", "price"], [None, "Kettle", 12]],
            "",
            [(3, "product: Kettle; price: 12")],
        ),
    ],
)
def test_that_header_title_and_notes_of_a_sheet_are_told_apart(
    tmp_path: Path, rows: Sequence[Sequence[object]], title: str, expected: list[tuple[int, str]]
) -> None:
    path = files.xlsx(tmp_path / "a.xlsx", {"Sheet": rows})
    pages = list(excel.read(path, "a.xlsx", CAPS))
    assert rows_of(iter(pages)) == expected
    assert pages[0].title == title


# --- excel


@pytest.mark.parametrize(
    ("value", "number_format", "expected"),
    [
        (12.5, "0.00", "12.50"),
        (12.5, "General", "12.5"),
        (12, "General", "12"),
        (12.0, "General", "12"),
        (0.1 + 0.2, "General", "0.3"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (-5, "0.00", "-5.00"),
        (29.95, '"€" #,##0.00', "€ 29.95"),
        (29.95, "[$€-413] #,##0.00;[Red][$€-413] -#,##0.00", "€ 29.95"),
        (29.95, '#,##0.00\\ "EUR"', "29.95 EUR"),
        (0.21, "0%", "21%"),
        (0.2175, "0.0#%", "21.75%"),
        (42, "00000", "00042"),
        (2.675, "0.00", "2.68"),
        (1e21, "General", "1000000000000000000000"),
        (1234567, '#,##0,"K"', "1234567"),
        (0.5, "# ?/?", "0.5"),
        (True, "General", "TRUE"),
        ("  two\nlines ", "General", "two lines"),
        (datetime.fromisoformat("2024-03-01"), "dd-mm-yyyy", "2024-03-01"),
        (datetime.fromisoformat("2024-03-01T14:30"), "dd-mm-yyyy hh:mm", "2024-03-01 14:30"),
        (date(2024, 3, 1), "dd-mm-yyyy", "2024-03-01"),
        (time(9, 5), "hh:mm", "09:05"),
        (timedelta(hours=26, minutes=3), "[h]:mm", "26:03"),
    ],
)
def test_that_a_cell_reads_as_the_sheet_shows_it(value: CellValue, number_format: str, expected: str) -> None:
    assert shown(value, number_format) == expected


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_that_an_amount_with_two_decimals_is_exact_to_the_digit(amount: float) -> None:
    assert shown(float(amount), "0.00") == f"{amount:.2f}".replace("-0.00", "0.00")


def test_that_formats_formulas_sheets_and_places_come_through(tmp_path: Path) -> None:
    path = files.xlsx(
        tmp_path / "prices.xlsx",
        {
            "Kitchen": [
                ["product", "price", "since"],
                ["Kettle", 29.5, datetime.fromisoformat("2024-03-01")],
                [],
                ["Pan", 9, None],
            ],
            "Secret": [["margin", "percent"], ["Kettle", 40]],
            "Garden": [["product", "price"], ["Rake", 12.25]],
        },
    )
    book = load_workbook(path)
    book["Kitchen"]["B2"].number_format = "0.00"
    book["Secret"].sheet_state = "hidden"
    book.save(path)
    book.close()
    pages = list(excel.read(path, "prices.xlsx", CAPS))
    assert [(page.sheet, rows_of(iter([page]))) for page in pages] == [
        (
            "Kitchen",
            [(2, "product: Kettle; price: 29.50; since: 2024-03-01"), (4, "product: Pan; price: 9")],
        ),
        ("Garden", [(2, "product: Rake; price: 12.25")]),
    ]
    assert [page.start for page in pages] == [0, len(pages[0].text)]


def test_that_a_formula_shows_the_value_stored_with_it(tmp_path: Path) -> None:
    def stored(sheet: bytes) -> bytes:
        return re.sub(rb'<c r="B2"[^>]*><v>12</v></c>', b'<c r="B2"><f>6*7</f><v>42</v></c>', sheet)

    path = files.xlsx_with_part(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", stored)
    assert rows_of(excel.read(path, "a.xlsx", CAPS)) == [(2, "name: Kettle; price: 42")]


def test_that_two_cells_at_opposite_corners_cost_two_cells(tmp_path: Path) -> None:
    def corners(sheet: bytes) -> bytes:
        return re.sub(
            rb"<sheetData>.*</sheetData>",
            b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
            b'<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData>',
            sheet,
        )

    path = files.xlsx_with_part(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", corners)
    assert rows_of(excel.read(path, "a.xlsx", CAPS)) == [(1, "1"), (1048576, "2")]


def test_that_a_workbook_that_unpacks_without_end_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = files.xlsx_with_part(
        tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", lambda sheet: sheet + b" " * 200_000_000
    )
    assert path.stat().st_size < 1_000_000
    with pytest.raises(FileTooLarge, match=r"unpacks to 200,\d{3},\d{3} bytes; the limit is 134,217,728"):
        list(excel.read(path, "a.xlsx", CAPS))


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY e "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_that_entities_in_a_workbook_are_refused(tmp_path: Path, declaration: bytes, part: str) -> None:
    whole = files.raw_xlsx(tmp_path / "b.xlsx")
    assert rows_of(excel.read(whole, "b.xlsx", CAPS)) == [(2, "Name: Kettle")]
    poisoned = files.RAW_PARTS[part].replace(b"?>", b"?>" + declaration).replace(b"Kettle", b"&e;")
    path = files.raw_xlsx(tmp_path / "a.xlsx", **{part: poisoned})
    assert openpyxl.DEFUSEDXML
    with pytest.raises(Corrupt, match="damaged"):
        list(excel.read(path, "a.xlsx", CAPS))


def test_that_damaged_encrypted_and_renamed_workbooks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    whole = files.xlsx(tmp_path / "b.xlsx", {"Sheet": [["name"], ["Ann"]]}).read_bytes()
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    for content, kind in [
        (whole[: len(whole) // 2], Corrupt),
        (ole, Corrupt),
        (ole + "EncryptedPackage".encode("utf-16-le"), Encrypted),
        (b"name,price\n", Corrupt),
        (b"", Corrupt),
    ]:
        path.write_bytes(content)
        with pytest.raises(kind):
            list(excel.read(path, "a.xlsx", CAPS))
