from __future__ import annotations

import codecs
import contextlib
import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import Document, TextNode

from knowledge.chunking import chunk
from knowledge.errors import Corrupt, Encrypted, SourceRefused, TooManyPages, TooManyRows
from knowledge.limits import Caps
from knowledge.pages import Page
from knowledge.readers import csv, excel, pdf, text
from knowledge.readers.decoding import decode
from knowledge.readers.llamaindex import PassageParser
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
        (codecs.BOM_UTF32_BE + DUTCH.encode("utf-32-be"), DUTCH),
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
    st.text(
        alphabet=st.characters(exclude_characters="\x00", exclude_categories=("Cs", "Cc", "Co")), max_size=300
    )
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


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(1, 9)) * 100,
        b"a,b\n1,\x00\x00\n",
        b"ID3" + random.Random(1).randbytes(200),
        codecs.BOM_UTF16_LE + random.Random(2).randbytes(400),
        struct.pack("<200H", *range(200)),
    ],
    ids=["controls", "zeros", "noise", "noise marked as UTF-16", "numbers"],
)
def test_that_a_binary_file_under_the_name_of_a_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    for reader in (text.read, csv.read):
        with pytest.raises(Corrupt, match="The file is not text: it is full of control characters"):
            list(reader(path, "notes", CAPS))


def test_that_a_picture_is_an_empty_text_and_no_table(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert list(text.read(path, "notes.txt", CAPS)) == []
    with pytest.raises(Corrupt, match="The file is not text but a picture"):
        list(csv.read(path, "notes.csv", CAPS))


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


def test_that_lines_before_the_header_of_a_csv_are_its_title(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\nPrice list of the shop\nValid from 2025-01-01\n\nproduct;price\nKettle;29,95\n")
    (page,) = csv.read(path, "a.csv", CAPS)
    assert page.title == "Price list of the shop Valid from 2025-01-01"
    assert rows_of(iter([page])) == [
        (2, "Price list of the shop"),
        (3, "Valid from 2025-01-01"),
        (6, "product: Kettle; price: 29,95"),
    ]
    assert page.tables[0].rows == ((6, ("Kettle", "29,95")),)


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
    with pytest.raises(Encrypted, match="The file is protected by a password"):
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


def test_that_stray_bytes_cost_no_more_than_others() -> None:
    line = "Größe und Preis: zwölf Euro für den großen Kessel. ".encode()
    assert decode((line + b"caf\xe9 ") * 60_000).endswith("Kessel. café ")
