from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import Document, TextNode
from openpyxl import load_workbook

from knowledge.chunking import chunk
from knowledge.errors import Corrupt, Encrypted, FileTooLarge, SourceRefused, TooManyPages, TooManyRows
from knowledge.limits import Caps
from knowledge.readers import csv, excel, pdf, text
from knowledge.readers.base import Page
from knowledge.readers.cells import CellValue, shown
from knowledge.readers.decoding import decode
from knowledge.readers.llamaindex import PassageParser, pages_of
from tests.knowledge import files

CAPS = Caps()
DUTCH = "Één café in Curaçao kost € 12,50 – “prijs” per persoon, zonder toeslag.\r\n"


def rows_of(pages: Iterator[Page]) -> list[tuple[int, str]]:
    return [(row.number, row.text) for page in pages for row in page.rows]


# --- text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (DUTCH.encode(), DUTCH),
        (codecs.BOM_UTF8 + DUTCH.encode(), DUTCH),
        (codecs.BOM_UTF16_LE + DUTCH.encode("utf-16-le"), DUTCH),
        (codecs.BOM_UTF16_BE + DUTCH.encode("utf-16-be"), DUTCH),
        (codecs.BOM_UTF32_LE + DUTCH.encode("utf-32-le"), DUTCH),
        (DUTCH.encode("utf-16-le"), DUTCH),
        (DUTCH.encode("utf-16-be"), DUTCH),
        (DUTCH.encode("cp1252"), DUTCH),
        ("Größe und Maße: 5 €".encode("cp1252"), "Größe und Maße: 5 €"),
        ("Où êtes-vous dès l’été prochain ?".encode("cp1252"), "Où êtes-vous dès l’été prochain ?"),
        ("naïve".encode("latin-1") + " Zoë naïef café".encode(), "naïve Zoë naïef café"),
        (
            "Мы открыты с понедельника по пятницу и закрыты в воскресенье.".encode("cp1251"),
            "Мы открыты с понедельника по пятницу и закрыты в воскресенье.",
        ),
        (
            "Είμαστε ανοιχτά από Δευτέρα έως Παρασκευή και κλειστά την Κυριακή.".encode("cp1253"),
            "Είμαστε ανοιχτά από Δευτέρα έως Παρασκευή και κλειστά την Κυριακή.",
        ),
        ("Łódź jest piękna, a żółty słoń śpi.".encode(), "Łódź jest piękna, a żółty słoń śpi."),
        (b"a\x00b is odd", "a\ufffdb is odd"),
        (b"", ""),
        (codecs.BOM_UTF8, ""),
    ],
)
def test_that_text_is_decoded_whatever_its_encoding(content: bytes, expected: str) -> None:
    assert decode(content) == expected


@given(
    st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=("Cs", "Cc")), max_size=300)
)
@settings(deadline=None)
def test_that_utf8_comes_back_to_the_letter(value: str) -> None:
    expected = value.removeprefix("\ufeff")
    assert decode(value.encode()) == expected


def test_that_a_text_file_is_its_own_extract_with_line_ends_kept(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_bytes(codecs.BOM_UTF8 + b"Terms\r\n\r\nPay within 14 days.\rDone.\n")
    pages = list(text.read(path, "terms.txt", CAPS))
    assert [page.text for page in pages] == ["Terms\r\n\r\nPay within 14 days.\rDone.\n"]


def test_that_headings_are_told_from_paragraphs() -> None:
    content = (
        "Shop guide\n\nWe sell kettles and toasters to everyone who asks for one of them.\n\n"
        "Returns\n\nBring it back within thirty days and you get your money back at once.\n\n"
        "How long is the warranty?\nTwo years from the day of purchase, on all parts and labour.\n\n"
        "Notes\n=====\nSee below.\n\n### Small print\n**Hours**\n- open daily\n\nGoodbye.\n"
    )
    found = [(content[mark.start : mark.end], mark.level) for mark in text.headings(content)]
    assert found == [
        ("Shop guide", 1),
        ("Returns", 3),
        ("How long is the warranty?", 4),
        ("Notes\n=====", 1),
        ("### Small print", 3),
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"%PDF-1.7 ...", "pdf"),
        (b"PK\x03\x04....", "zip"),
        (b"\x7fELF....", "program"),
        (b"\x1f\x8b..", "archive"),
    ],
)
def test_that_another_file_renamed_to_txt_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(Corrupt) as refusal:
        list(text.read(path, "notes.txt", CAPS))
    assert refusal.value.members["found"] == found


def test_that_bytes_without_any_text_are_refused_and_a_picture_has_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(bytes(range(1, 9)) * 100)
    with pytest.raises(Corrupt, match="control characters"):
        list(text.read(path, "notes.txt", CAPS))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert list(text.read(path, "notes.txt", CAPS)) == []


# --- csv


@pytest.mark.parametrize(
    "content",
    [
        b"name,price\nKettle,29.95\nToaster,19.50\n",
        b"name;price\r\nKettle;29.95\r\nToaster;19.50\r\n",
        b"name\tprice\rKettle\t29.95\rToaster\t19.50\r",
        b'"name"|"price"\n"Kettle"|"29.95"\n"Toaster"|"19.50"',
        b'name, price\nKettle, "29.95"\nToaster, "19.50"\n',
        codecs.BOM_UTF16_LE + "name,price\nKettle,29.95\nToaster,19.50\n".encode("utf-16-le"),
    ],
)
def test_that_delimiter_quotes_and_encoding_of_a_csv_are_found_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert rows_of(csv.read(path, "a.csv", CAPS)) == [
        (2, "name: Kettle; price: 29.95"),
        (3, "name: Toaster; price: 19.50"),
    ]


def test_that_csv_rows_count_as_in_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "price list.csv"
    path.write_text('product;note;price\n\nKettle;"boils\nfast";29,95\n;;\nToaster;"2"" slots";1.299,00\n')
    pages = list(csv.read(path, "price list.csv", CAPS))
    assert rows_of(iter(pages)) == [
        (3, "product: Kettle; note: boils fast; price: 29,95"),
        (5, 'product: Toaster; note: 2" slots; price: 1.299,00'),
    ]
    assert pages[0].sheet is None
    assert pages[0].title == "price list"


def test_that_a_quote_that_is_never_closed_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "screens.csv"
    lines = [f"Screen {number},{number}.00" for number in range(300)]
    path.write_text('name,price\n"Screen 24,99.00\n' + "\n".join(lines))
    found = rows_of(csv.read(path, "screens.csv", CAPS))
    assert found[0] == (2, 'name: "Screen 24; price: 99.00')
    assert found[-1] == (302, "name: Screen 299; price: 299.00")


def test_that_a_row_too_many_and_a_cell_too_many_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,price\n" + "Kettle,1\n" * 9)
    assert len(rows_of(csv.read(path, "a.csv", Caps(max_rows=10, max_cells=20)))) == 9
    with pytest.raises(TooManyRows, match="more than 9 rows"):
        list(csv.read(path, "a.csv", Caps(max_rows=9)))
    with pytest.raises(SourceRefused, match="more than 19 filled cells") as refusal:
        list(csv.read(path, "a.csv", Caps(max_cells=19)))
    assert refusal.value.code == "too_many_cells"


# --- tables


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


# --- pdf


def test_that_pdf_pages_are_cleaned_into_paragraphs(tmp_path: Path) -> None:
    path = files.pdf(
        tmp_path / "guide.pdf",
        [
            [
                ("Kettle guide", 20, "Helvetica-Bold"),
                "Every kettle that we sell has a warranty of two full years, and the warr-",
                "anty covers the heating element, the lid and the base station as well as the",
                "cord.",
                ("Cleaning", 13, "Helvetica"),
                "- Use vinegar.",
                "- Rinse twice.",
            ],
            ["Ask at the desk."],
        ],
    )
    pages = list(pdf.read(path, "guide.pdf", CAPS))
    assert [page.text for page in pages] == [
        "Kettle guide\nEvery kettle that we sell has a warranty of two full years, and the warranty covers "
        "the heating element, the lid and the base station as well as the cord.\nCleaning\n- Use vinegar.\n"
        "- Rinse twice.\n\f",
        "Ask at the desk.",
    ]
    whole = "".join(page.text for page in pages)
    assert [(whole[mark.start : mark.end], mark.level) for mark in pages[0].headings] == [
        ("Kettle guide", 1),
        ("Cleaning", 2),
    ]
    assert [(page.number, page.start) for page in pages] == [(1, 0), (2, len(pages[0].text))]


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.text(alphabet="abc déß.,-()ABC 123", max_size=80),
                st.sampled_from([9, 10, 14]),
                st.sampled_from(["Helvetica", "Helvetica-Bold"]),
            ),
            max_size=12,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=40, deadline=None)
def test_that_pdf_chunks_are_slices_of_the_extract(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[files.Line]]
) -> None:
    path = files.pdf(tmp_path_factory.mktemp("pdf") / "a.pdf", pages)
    read = list(pdf.read(path, "a.pdf", CAPS))
    whole = "".join(page.text for page in read)
    covered = set[int]()
    for draft in chunk(read):
        assert draft.start is not None
        assert draft.end is not None
        assert draft.text == whole[draft.start : draft.end]
        assert whole[: draft.start].count("\f") + 1 == draft.page
        covered |= set(range(draft.start, draft.end))
    assert all(letter.isspace() or place in covered for place, letter in enumerate(whole))
    letters = "".join("".join(line[0].split()) for page in pages for line in page)
    assert sorted("".join(whole.split()).replace("-", "")) == sorted(letters.replace("-", ""))


def test_that_the_page_limit_names_the_count(tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", [[f"Page {number}."] for number in range(12)])
    assert len(list(pdf.read(path, "a.pdf", Caps(max_pages=12)))) == 12
    with pytest.raises(TooManyPages, match="The file has 12 pages; the limit is 11 pages"):
        list(pdf.read(path, "a.pdf", Caps(max_pages=11)))


def test_that_a_pdf_behind_a_password_is_refused_and_one_that_only_restricts_is_read(tmp_path: Path) -> None:
    with pytest.raises(Encrypted, match=r"safe\.pdf is protected by a password"):
        list(pdf.read(files.encrypted_pdf(tmp_path / "safe.pdf", "secret"), "safe.pdf", CAPS))
    pages = list(pdf.read(files.encrypted_pdf(tmp_path / "open.pdf", ""), "open.pdf", CAPS))
    assert pages[0].text == "The returns desk is open until nine."


def test_that_damaged_and_renamed_pdfs_are_refused(tmp_path: Path) -> None:
    whole = files.pdf(tmp_path / "b.pdf", [["Hello."]]).read_bytes()
    path = tmp_path / "a.pdf"
    for content in (whole[:200], b"%PDF-1.4\n", b"PK\x03\x04" + bytes(100), b"name,price\n", b""):
        path.write_bytes(content)
        with pytest.raises(Corrupt):
            list(pdf.read(path, "a.pdf", CAPS))


def test_that_one_damaged_page_does_not_cost_the_others(tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", [["First page."], ["Second page."], ["Third page."]])
    content = path.read_bytes()
    streams = [
        match.end()
        for match in re.finditer(rb"stream\r?\n", content)
        if content[match.start() - 3 : match.start()] != b"end"
    ]
    damaged = bytearray(content)
    damaged[streams[1] : streams[1] + 20] = b"\xff" * 20
    path.write_bytes(damaged)
    pages = list(pdf.read(path, "a.pdf", CAPS))
    assert [(page.text.strip(), page.unreadable) for page in pages] == [
        ("First page.", False),
        ("", True),
        ("Third page.", False),
    ]


@given(
    st.binary(max_size=400),
    st.sampled_from([b"%PDF-1.4\n", b"PK\x03\x04", b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]),
)
@settings(max_examples=150, deadline=None)
def test_that_any_bytes_are_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(magic + content)
    for reader in (pdf.read, excel.read, csv.read, text.read):
        with contextlib.suppress(SourceRefused):
            assert all(draft.text.strip() for draft in chunk(reader(path, "any", CAPS)))


# --- LlamaIndex


def test_that_llamaindex_pipelines_get_our_passages_with_exact_places() -> None:
    content = "# Guide\n" + "The kettle boils a litre of water in three minutes. " * 60
    nodes = PassageParser().get_nodes_from_documents([Document(text=content)])
    ours = list(chunk([Page(text=content, start=0, headings=tuple(text.headings(content)))]))
    assert len(nodes) == len(ours) > 2
    for node, draft in zip(nodes, ours, strict=True):
        assert isinstance(node, TextNode)
        assert (node.text, node.start_char_idx, node.end_char_idx) == (draft.text, draft.start, draft.end)
    assert nodes[1].metadata == {"heading": "Guide"}


def test_that_documents_of_a_llamaindex_loader_become_pages() -> None:
    documents = [Document(text="One.", metadata={"page_label": "1"}), Document(text="Two.")]
    assert [(page.text, page.start, page.number) for page in pages_of(documents)] == [
        ("One.\n\f", 0, 1),
        ("Two.\n\f", 6, None),
    ]
