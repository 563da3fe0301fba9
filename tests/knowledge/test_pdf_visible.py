"""What a PDF hides from people is not told to models; what only looks unusual stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.lib.colors import CMYKColor
from reportlab.pdfgen.canvas import Canvas

from knowledge.limits import Caps
from knowledge.readers import pdf

SHOWN = "Our return window is thirty days."


def read(path: Path) -> str:
    return "".join(page.text for page in pdf.read(path, path.name, Caps()))


def drawn(path: Path, how: str) -> Path:
    """A page with one line for people and SECRET, drawn in some way."""
    canvas = Canvas(str(path))
    line = canvas.beginText(72, 700)
    canvas.setFont("Helvetica", 12)
    if how.startswith("first "):
        _secret(canvas, how.removeprefix("first "))
        canvas.setFillGray(0)
        canvas.setFont("Helvetica", 12)
    line.textLine(SHOWN)
    canvas.drawText(line)
    if not how.startswith("first "):
        _secret(canvas, how)
    canvas.showPage()
    canvas.save()
    return path


def _secret(canvas: Canvas, how: str) -> None:
    text = canvas.beginText(72, 400)
    text.setFont("Helvetica", 1 if "tiny" in how else 12)
    if "dark" in how:
        canvas.setFillGray(0.2)
        canvas.rect(60, 380, 300, 40, stroke=0, fill=1)
    if "no ink" in how:
        text.setTextRenderMode(3)
    if "grey" in how:
        text.setFillGray(1)
    elif "rgb" in how:
        text.setFillColorRGB(1, 1, 0.99)
    elif "cmyk" in how:
        text.setFillColor(CMYKColor(0, 0, 0, 0))
    text.textLine("SECRET")
    canvas.drawText(text)


@pytest.mark.parametrize("how", ["grey", "rgb", "cmyk", "tiny", "grey tiny", "first grey", "first tiny"])
def test_that_text_nobody_can_see_is_left_out(tmp_path: Path, how: str) -> None:
    assert read(drawn(tmp_path / "a.pdf", how)).strip() == SHOWN


@pytest.mark.parametrize("how", ["plain", "grey dark", "cmyk dark", "no ink", "grey no ink", "first plain"])
def test_that_text_on_colour_and_the_letters_of_scans_stay(tmp_path: Path, how: str) -> None:
    said = read(drawn(tmp_path / "a.pdf", how))
    assert "SECRET" in said
    assert SHOWN in said


def test_that_white_words_in_the_middle_of_a_line_are_left_out_and_the_rest_stays(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    text = canvas.beginText(72, 700)
    text.setFont("Helvetica", 12)
    text.textOut(SHOWN)
    text.moveCursor(0, 20)
    text.setFillGray(1)
    text.textOut("SECRET")
    text.setFillGray(0)
    text.moveCursor(0, 20)
    text.textOut("A refund takes five days.")
    canvas.drawText(text)
    canvas.showPage()
    canvas.save()
    said = read(tmp_path / "a.pdf")
    assert "SECRET" not in said
    assert SHOWN in said
    assert "A refund takes five days." in said
