"""Files for the reader tests, made in code: no one else's text, and every fault is visible here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

Line = tuple[str, int, str]  # text, points, font


def pdf(path: Path, pages: Sequence[Sequence[Line | str]]) -> Path:
    """A PDF with these lines on each page; a plain string is 10 points of Helvetica."""
    canvas = Canvas(str(path))
    for lines in pages:
        height = 800
        for line in lines:
            text, points, font = line if isinstance(line, tuple) else (line, 10, "Helvetica")
            canvas.setFont(font, points)
            canvas.drawString(50, height, text)
            height -= points + 4
        canvas.showPage()
    canvas.save()
    return path


Placed = tuple[float, float, str]  # from the left, from the top, text


def placed_pdf(path: Path, texts: Sequence[Placed], bold: Sequence[str] = ()) -> Path:
    """A PDF page with texts of 10 points at these places, written in this order."""
    canvas = Canvas(str(path))
    for left, top, text in texts:
        canvas.setFont("Helvetica-Bold" if text in bold else "Helvetica", 10)
        canvas.drawString(left, 800 - top, text)
    canvas.showPage()
    canvas.save()
    return path


def encrypted_pdf(path: Path, user_password: str) -> Path:
    """A PDF behind a password; an empty one only restricts what may be done with it."""
    plain = pdf(path.with_suffix(".plain"), [["The returns desk is open until nine."]])
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.encrypt(user_password=user_password, owner_password="owner", algorithm="AES-256")
    writer.write(path)
    return path


def xlsx(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    """A workbook with these rows."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    book.close()
    return path


def xlsx_with_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """A small workbook, one part of which is rewritten by `change`."""
    plain = io.BytesIO()
    book = Workbook()
    book.worksheets[0].append(["name", "price"])
    book.worksheets[0].append(["Kettle", 12])
    book.save(plain)
    book.close()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, change(data) if name == part else data)
    return path


_CONTENT_TYPES = b"""<?xml version="1.0"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>"""
_RELATION = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = b"""<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>"""
RAW_PARTS: dict[str, bytes] = {
    "[Content_Types].xml": _CONTENT_TYPES,
    "_rels/.rels": _RELATIONS
    % (b'<Relationship Id="rId1" Type="%s/officeDocument" Target="xl/workbook.xml"/>' % _RELATION),
    "xl/_rels/workbook.xml.rels": _RELATIONS
    % (
        b'<Relationship Id="rId1" Type="%s/worksheet" Target="worksheets/sheet1.xml"/>'
        b'<Relationship Id="rId2" Type="%s/sharedStrings" Target="sharedStrings.xml"/>'
        % (_RELATION, _RELATION)
    ),
    "xl/workbook.xml": b'<?xml version="1.0"?><workbook xmlns="%s" xmlns:r="%s"><sheets>'
    b'<sheet name="Prices" sheetId="1" r:id="rId1"/></sheets></workbook>' % (_MAIN, _RELATION),
    "xl/worksheets/sheet1.xml": b'<?xml version="1.0"?><worksheet xmlns="%s"><sheetData>'
    b'<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'
    b"</sheetData></worksheet>" % _MAIN,
    "xl/sharedStrings.xml": b'<?xml version="1.0"?><sst xmlns="%s">'
    b"<si><t>Name</t></si><si><t>Kettle</t></si></sst>" % _MAIN,
}


def raw_xlsx(path: Path, **changed: bytes) -> Path:
    """The smallest workbook with shared strings, as other programs write it: Name over Kettle."""
    with zipfile.ZipFile(path, "w") as target:
        for name, data in {**RAW_PARTS, **changed}.items():
            target.writestr(name, data)
    return path
