"""The smallest .xls, .xlsb and .ods files, written record by record."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

SECTOR = 512
_END, _FAT, _FREE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF

Record = tuple[int, bytes]


# --- .xls: records in a stream of a compound file


def records(*parts: Record) -> bytes:
    """BIFF8: kind and length of two bytes each."""
    return b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in parts)


def text(value: str) -> bytes:
    """A string in one byte a letter, or in two."""
    if max(value) <= "\xff":
        return struct.pack("<HB", len(value), 0) + value.encode("latin-1")
    return struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")


def label(row: int, column: int, value: str) -> Record:
    """A cell with a text."""
    return 0x0204, struct.pack("<3H", row, column, 0) + text(value)


def number(row: int, column: int, value: float, style: int = 0) -> Record:
    """A cell with a number."""
    return 0x0203, struct.pack("<3Hd", row, column, style, value)


def hidden_row(row: int) -> Record:
    """That a row is not shown."""
    return 0x0208, struct.pack("<8H", row, 0, 3, 255, 0, 0, 0x20, 15)


def hidden_column(column: int) -> Record:
    """That a column is not shown."""
    return 0x007D, struct.pack("<6H", column, column, 2000, 0, 1, 0)


def merged(top: int, left: int, bottom: int, right: int) -> Record:
    """Merged cells."""
    return 0x00E5, struct.pack("<5H", 1, top, bottom, left, right)


def division_by_zero(row: int, column: int) -> Record:
    """A formula that failed."""
    value = bytes([2, 0, 0x07, 0, 0, 0, 0xFF, 0xFF])
    return 0x0006, struct.pack("<3H", row, column, 0) + value + struct.pack("<HIH", 0, 0, 0)


def xls(path: Path, sheets: dict[str, Sequence[Record]], formats: Sequence[str] = ()) -> Path:
    """A workbook; style 0 is General, style n the n-th format."""
    begin = 0x0809, struct.pack("<4H2I", 0x0600, 0x0005, 0, 0, 0, 0)
    end = 0x000A, b""
    looks: list[Record] = [
        (0x041E, struct.pack("<H", 200 + place) + text(code)) for place, code in enumerate(formats)
    ]
    looks += [
        (0x00E0, struct.pack("<HH", 0, code) + bytes(16)) for code in (0, *range(200, 200 + len(formats)))
    ]
    bodies = [
        records((0x0809, struct.pack("<4H2I", 0x0600, 0x0010, 0, 0, 0, 0)), *cells, end)
        for cells in sheets.values()
    ]

    def globals_at(places: Sequence[int]) -> bytes:
        names = [
            (0x0085, struct.pack("<IBBBB", place, 0, 0, len(name), 0) + name.encode("latin-1"))
            for place, name in zip(places, sheets, strict=True)
        ]
        return records(begin, (0x0042, struct.pack("<H", 1200)), *looks, *names, end)

    start = len(globals_at([0] * len(bodies)))
    places = [start + sum(map(len, bodies[:place])) for place in range(len(bodies))]
    path.write_bytes(compound("Workbook", globals_at(places) + b"".join(bodies)))
    return path


def compound(name: str, content: bytes) -> bytes:
    """A compound file ([MS-CFB]) with one stream, long enough to need no short sectors."""
    content = content.ljust(4096, b"\0")
    count = -(-len(content) // SECTOR)
    fat = [_FAT, _END, *range(3, count + 2), _END]
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + struct.pack("<I", 0)
    header += struct.pack("<I", _FREE) * 108
    entries = _entry("Root Entry", 5, 1, _END, 0) + _entry(name, 2, _FREE, 2, len(content))
    table = b"".join(struct.pack("<I", sector) for sector in fat)
    return b"".join(
        part.ljust(-(-len(part) // SECTOR) * SECTOR, fill)
        for part, fill in ((header, b"\0"), (table, b"\xff"), (entries, b"\0"), (content, b"\0"))
    )


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    letters = name.encode("utf-16-le")
    head = letters.ljust(64, b"\0") + struct.pack("<HBB", len(letters) + 2, kind, 1)
    return head + struct.pack("<3I", _FREE, _FREE, child) + bytes(36) + struct.pack("<IQ", start, size)


# --- .xlsb: records in the parts of a ZIP file


def parts(*items: Record) -> bytes:
    """BIFF12: kind and length in as many bytes as they need."""
    return b"".join(_varint(kind) + _varint(len(body)) + body for kind, body in items)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes([value])
    return bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def wide(value: str) -> bytes:
    """A string in two bytes a letter."""
    return struct.pack("<I", len(value)) + value.encode("utf-16-le")


def row(number: int, *, hidden: bool = False) -> Record:
    """The head of a row."""
    return 0, struct.pack("<IIHBB", number, 0, 300, 0, 0x10 if hidden else 0) + bytes(5)


def text_cell(column: int, value: str) -> Record:
    """A cell with a text."""
    return 6, struct.pack("<II", column, 0) + wide(value)


def number_cell(column: int, value: float, style: int = 0) -> Record:
    """A cell with a number."""
    return 5, struct.pack("<IId", column, style, value)


def xlsb(path: Path, name: str, before: Sequence[Record], cells: Sequence[Record], code: str) -> Path:
    """A workbook of one sheet; style 1 has the number format `code`. `before`: columns; `cells`: rows."""
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    relations = f'<?xml version="1.0"?><Relationships xmlns="{package}">{{}}</Relationships>'
    merged_cells = [item for item in cells if item[0] == 176]
    data = [item for item in cells if item[0] != 176]
    sheet = parts(
        (129, b""),
        (148, struct.pack("<4I", 0, 9, 0, 9)),
        *((390, b""), *before, (391, b"")),
        *((145, b""), *data, (146, b"")),
        *((177, struct.pack("<I", len(merged_cells))), *merged_cells, (178, b"")),
        (130, b""),
    )
    book = parts(
        (131, b""),
        (143, b""),
        (156, struct.pack("<II", 0, 1) + wide("rId1") + wide(name)),
        (144, b""),
        (132, b""),
    )
    styles = parts(
        (278, b""),
        *((615, struct.pack("<I", 1)), (44, struct.pack("<H", 200) + wide(code)), (616, b"")),
        *((617, struct.pack("<I", 2)), *((47, struct.pack("<HH", 0, ifmt) + bytes(12)) for ifmt in (0, 200))),
        *((618, b""), (279, b"")),
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", '<?xml version="1.0"?><Types/>')
        archive.writestr(
            "_rels/.rels",
            relations.format(
                f'<Relationship Id="r" Type="{relation}/officeDocument" Target="xl/workbook.bin"/>'
            ),
        )
        archive.writestr("xl/workbook.bin", book)
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            relations.format(
                f'<Relationship Id="rId1" Type="{relation}/worksheet" Target="worksheets/sheet1.bin"/>'
                f'<Relationship Id="rId2" Type="{relation}/styles" Target="styles.bin"/>'
            ),
        )
        archive.writestr("xl/styles.bin", styles)
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return path


# --- .ods


def ods(path: Path, tables: str, styles: str = "", manifest: str = "") -> Path:
    """An OpenDocument sheet with these <table:table> elements."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style")
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return path


def ods_cell(value: str, kind: str = "string", attributes: str = "") -> str:
    """A cell that shows `value`."""
    head = f'<table:table-cell office:value-type="{kind}" {attributes}>'
    return f"{head}<text:p>{value}</text:p></table:table-cell>"


def ods_row(*cells: str, attributes: str = "") -> str:
    """A row of these cells; a plain value is a text."""
    whole = (cell if cell.startswith("<") else ods_cell(cell) for cell in cells)
    return f"<table:table-row {attributes}>{''.join(whole)}</table:table-row>"


def ods_table(name: str, *rows: str, attributes: str = "") -> str:
    """A sheet."""
    return f'<table:table table:name="{name}" {attributes}>{"".join(rows)}</table:table>'
