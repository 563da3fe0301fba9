"""Sheets of other programs: .xls, .xlsb and .ods give the rows that an .xlsx of the same content gives."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.kit.settings import IngestSettings
from knowledge.errors import Corrupt, Encrypted, FileTooLarge, SourceRefused, TooManyCells, TooManyRows
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import calamine, excel, ods
from knowledge.reading import ReaderPool
from tests.knowledge import files, old_sheets
from tests.knowledge.old_sheets import ods_cell, ods_row, ods_table

CAPS = Caps()


def rows_of(pages: Iterator[Page]) -> list[tuple[int, str]]:
    return [(row.number, row.text) for page in pages for row in page.rows]


EXPECTED = [
    ("Prices", 2, "product: Kettle; price: € 29.50; share: 21%"),
    ("Prices", 3, "product: Toaster; price: € 7.00; share: 4%"),
    ("Prices", 5, "product: Toaster; price: € 8.00; share: 5%"),
    ("Notes", 1, "open daily"),
]


def shown(pages: Iterator[Page]) -> list[tuple[str | None, int, str]]:
    return [(page.sheet, row.number, row.text) for page in pages for row in page.rows]


def test_that_an_xls_reads_as_the_sheet_shows_it(tmp_path: Path) -> None:
    cells = [
        *(
            old_sheets.label(0, place, name)
            for place, name in enumerate(["product", "price", "secret", "share"])
        ),
        *(
            old_sheets.label(1, 0, "Kettle"),
            old_sheets.number(1, 1, 29.5, 1),
            old_sheets.number(1, 3, 0.21, 2),
        ),
        *(old_sheets.label(2, 0, "Toaster"), old_sheets.number(2, 1, 7, 1), old_sheets.number(2, 3, 0.04, 2)),
        *(old_sheets.hidden_row(3), old_sheets.label(3, 0, "Hidden"), old_sheets.number(3, 2, 5)),
        *(old_sheets.number(4, 1, 8, 1), old_sheets.number(4, 3, 0.05, 2)),
        *(old_sheets.hidden_column(2), old_sheets.merged(2, 0, 4, 0)),
    ]
    path = old_sheets.xls(
        tmp_path / "a.xls",
        {"Prices": cells, "Notes": [old_sheets.label(0, 0, "open daily")]},
        ['"€" 0.00', "0%"],
    )
    assert shown(calamine.read(path, "a.xls", CAPS)) == EXPECTED


def test_that_an_xlsb_reads_as_the_sheet_shows_it(tmp_path: Path) -> None:
    hidden = (60, struct.pack("<4IH", 2, 2, 2000, 0, 1))
    cells = [
        *(old_sheets.row(0), old_sheets.text_cell(0, "product"), old_sheets.text_cell(1, "price")),
        *(old_sheets.text_cell(2, "secret"),),
        *(old_sheets.row(1), old_sheets.text_cell(0, "Kettle"), old_sheets.number_cell(1, 29.5, 1)),
        *(old_sheets.row(2, hidden=True), old_sheets.text_cell(0, "Hidden"), old_sheets.number_cell(1, 1, 1)),
        *(old_sheets.row(3), old_sheets.number_cell(1, 7, 1), old_sheets.number_cell(2, 9)),
        (176, struct.pack("<4I", 1, 3, 0, 0)),
    ]
    path = old_sheets.xlsb(tmp_path / "a.xlsb", "Prices", [hidden], cells, '"€" #,##0.00')
    assert shown(calamine.read(path, "a.xlsb", CAPS)) == [
        ("Prices", 2, "product: Kettle; price: € 29.50"),
        ("Prices", 4, "product: Kettle; price: € 7.00"),
    ]


NOTE = "<office:annotation><text:p>a comment</text:p></office:annotation>"
COVERED = "<table:covered-table-cell/>"
ODS = "".join(
    [
        ods_table(
            "Prices",
            '<table:table-column table:number-columns-repeated="2"/>',
            '<table:table-column table:visibility="collapse"/><table:table-column/>',
            "<table:table-header-rows>",
            ods_row("product", "price", "secret", "share"),
            "</table:table-header-rows>",
            ods_row(
                ods_cell("Kettle").replace("</table:table-cell>", f"{NOTE}</table:table-cell>"),
                ods_cell("€ 29.50", "currency", 'office:value="29.5"'),
                ods_cell("1", "float"),
                ods_cell("21%", "percentage", 'office:value="0.21"'),
            ),
            ods_row(
                ods_cell("Toaster", attributes='table:number-rows-spanned="3"'),
                *(ods_cell("€ 7.00", "currency"), "<table:table-cell/>", ods_cell("4%", "percentage")),
            ),
            ods_row(COVERED, "gone", attributes='table:visibility="filter"'),
            ods_row(
                *(COVERED, ods_cell("€ 8.00", "float"), '<table:table-cell table:formula="of:=1+1"/>'),
                ods_cell("5%", "percentage"),
            ),
            ods_row(
                '<table:table-cell table:number-columns-repeated="1024"/>',
                attributes='table:number-rows-repeated="1048000"',
            ),
        ),
        ods_table("Secret", ods_row("secret"), attributes='table:style-name="ta2"'),
        ods_table("Notes", ods_row("open<text:s/>daily")),
    ]
)
HIDING = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'


def test_that_an_ods_reads_as_the_sheet_shows_it(tmp_path: Path) -> None:
    pages = list(ods.read(old_sheets.ods(tmp_path / "a.ods", ODS, HIDING), "a.ods", CAPS))
    assert shown(iter(pages)) == EXPECTED
    assert [page.uncalculated for page in pages] == [1, 0]
    assert pages[0].tables[0].header == ("product", "price", "share")


def test_that_dates_and_truth_of_an_ods_read_as_in_excel(tmp_path: Path) -> None:
    row = ods_row(
        ods_cell("1-3-24", "date", 'office:date-value="2024-03-01"'),
        ods_cell("1-3-24", "date", 'office:date-value="2024-03-01T14:30:00"'),
        ods_cell("WAHR", "boolean", 'office:boolean-value="true"'),
        ods_cell("09:05", "time", 'office:time-value="PT09H05M00S"'),
    )
    path = old_sheets.ods(tmp_path / "a.ods", ods_table("T", row))
    assert rows_of(ods.read(path, "a.ods", CAPS)) == [(1, "2024-03-01; 2024-03-01 14:30; TRUE; 09:05")]


def test_that_a_failed_formula_of_an_xls_shows_its_error(tmp_path: Path) -> None:
    cells = [old_sheets.label(0, 0, "name"), old_sheets.label(0, 1, "share")]
    cells += [old_sheets.label(1, 0, "Kettle"), old_sheets.division_by_zero(1, 1)]
    path = old_sheets.xls(tmp_path / "a.xls", {"S": cells})
    assert rows_of(calamine.read(path, "a.xls", CAPS)) == [(2, "name: Kettle; share: #DIV/0!")]


def test_that_an_xlsx_under_its_old_name_is_read(tmp_path: Path) -> None:
    path = files.xlsx(tmp_path / "a.xls", {"S": [["name", "price"], ["Kettle", 12]]})
    assert rows_of(calamine.read(path, "a.xls", CAPS)) == rows_of(excel.read(path, "a.xlsx", CAPS))


def test_that_locked_and_damaged_sheets_are_named(tmp_path: Path) -> None:
    locked = old_sheets.records((0x0809, bytes(16)), (0x002F, bytes(6)), (0x000A, b""))
    path = tmp_path / "a.xls"
    for content, kind in [
        (old_sheets.compound("Workbook", locked), Encrypted),
        (old_sheets.compound("EncryptedPackage", b"x"), Encrypted),
        (old_sheets.compound("Something", b"x"), Corrupt),
        (b"<html><table><tr><td>1</td></tr></table></html>", Corrupt),
        (b"PK\x03\x04" + bytes(100), Corrupt),
        (b"", Corrupt),
    ]:
        path.write_bytes(content)
        with pytest.raises(kind):
            list(calamine.read(path, "a.xls", CAPS))
    with pytest.raises(Encrypted):
        list(ods.read(old_sheets.ods(tmp_path / "a.ods", "", manifest="<encryption-data/>"), "a.ods", CAPS))
    with pytest.raises(Corrupt):
        list(ods.read(path, "a.ods", CAPS))


def test_that_repeated_rows_and_cells_of_an_ods_count_before_they_are_made(tmp_path: Path) -> None:
    cell = ods_cell("x", attributes='table:number-columns-repeated="{}"')
    table = ods_table("T", ods_row(cell, attributes='table:number-rows-repeated="{}"'))
    path = old_sheets.ods(tmp_path / "a.ods", table.format(999_999_999, 1))
    with pytest.raises(TooManyRows, match="more than 20,000 rows"):
        list(ods.read(path, "a.ods", Caps(max_rows=20_000)))
    old_sheets.ods(path, table.format(999_999_999, 999_999_999))
    with pytest.raises(TooManyCells, match="more than 100,000 filled cells"):
        list(ods.read(path, "a.ods", Caps(max_cells=100_000)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.xml", b" " * 2_000_000)
    with pytest.raises(FileTooLarge, match="unpacks to 2,000"):
        list(ods.read(path, "a.ods", Caps(max_unpacked_bytes=2_000_000)))


async def test_that_two_cells_at_opposite_corners_of_an_xlsb_end_in_a_refusal_not_in_a_dead_reader(
    tmp_path: Path,
) -> None:
    cells = [old_sheets.row(0), old_sheets.number_cell(0, 1), old_sheets.row(1_048_575)]
    cells.append(old_sheets.number_cell(16_383, 2))
    path = old_sheets.xlsb(tmp_path / "a.xlsb", "S", [], cells, "0")
    good = old_sheets.xls(tmp_path / "b.xls", {"S": [old_sheets.label(0, 0, "open daily")]})
    pool = ReaderPool(IngestSettings())
    try:
        with pytest.raises(SourceRefused) as refusal:
            await pool.read(path, "a.xlsb")
        assert refusal.value.code in ("too_much_memory", "corrupt")
        assert (await pool.read(good, "b.xls")).chunks[0].text == "S\nopen daily"
    finally:
        await pool.close()


@given(st.binary(max_size=200), st.sampled_from([0, 40, 600, 1100, 2000]))
@settings(max_examples=60, deadline=None)
def test_that_damage_in_an_xls_never_gives_another_error(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes, place: int
) -> None:
    folder = tmp_path_factory.mktemp("xls")
    path = old_sheets.xls(
        folder / "a.xls", {"S": [old_sheets.label(0, 0, "name"), old_sheets.number(1, 0, 3)]}
    )
    content = bytearray(path.read_bytes())
    content[place : place + len(damage)] = damage
    path.write_bytes(content)
    with contextlib.suppress(SourceRefused):
        list(calamine.read(path, "a.xls", CAPS))
