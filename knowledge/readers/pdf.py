"""PDF text by page, cleaned before any offset is counted: lines joined, hyphens closed, ligatures opened."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pypdf import PageObject, PasswordType, PdfReader
from pypdf.errors import LimitReachedError

from knowledge.errors import Corrupt, Encrypted, FileTooLarge
from knowledge.limits import Caps, check_pages, check_text
from knowledge.pages import Heading, Page, TableDraft
from knowledge.readers.base import damage_refused
from knowledge.readers.decoding import KIND_NAMES, sniff
from knowledge.readers.pdf_tables import Fragment, regions
from knowledge.readers.pdf_visible import Sight

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # damaged files log a line for every object

PAGE_BREAK = "\n\f"
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# Control characters, private use (glyphs without meaning), and halves of surrogate pairs.
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ud800-\udfff\U000f0000-\U0010ffff]")
_LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\u2028\u2029]")
_ITEM = re.compile(r"(?:[-*•‣▪–—·]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_MAX_HEADING_WORDS, _MAX_HEADING_CHARS, _BOLD_LEVEL = 15, 120, 4


@dataclass(frozen=True)
class _Line:
    """A line of the page, or a row of a table. `size` is its largest type in points, rounded to halves."""

    text: str
    size: float
    bold: bool
    is_row: bool = False


@dataclass(frozen=True)
class _PageLines:
    lines: list[_Line]
    tables: tuple[TableDraft, ...] = ()


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The pages; one that is damaged comes empty and marked.

    Raises Corrupt (also when no page can be read), Encrypted, TooManyPages, FileTooLarge, TooMuchText.
    """
    with path.open("rb") as file, damage_refused():
        kind = sniff(file.read(16))
        if kind not in ("pdf", ""):
            raise Corrupt(f"The file is not a PDF but {KIND_NAMES[kind]}.", found=kind)
        reader = PdfReader(file)
        _unlock(reader)
        check_pages(len(reader.pages), caps.max_pages)
        pages = [_lines_of(page) for page in reader.pages]
        if pages and all(lines is None for lines in pages):
            raise Corrupt(f"The file is damaged: none of its {len(pages):,} pages can be read.")
        yield from _pages(pages, caps)


def _unlock(reader: PdfReader) -> None:
    """Files that only restrict printing or copying open with an empty password."""
    if not reader.is_encrypted:
        return
    try:
        opened = reader.decrypt("") is not PasswordType.NOT_DECRYPTED
    except Exception:  # noqa: BLE001 - a broken or unknown cipher is as locked as a good one
        opened = False
    if not opened:
        raise Encrypted("The file is protected by a password.")


def _lines_of(page: PageObject) -> _PageLines | None:
    """The lines of a page, None when it is damaged. Raises FileTooLarge for one that unpacks without end."""
    try:
        sight = Sight(float(page.mediabox.height))
        gathered = _Gathered(sight)
        page.extract_text(visitor_text=gathered.visit, visitor_operand_before=sight.visit)
    except MemoryError:
        raise
    except LimitReachedError as error:
        if "decompress" in str(error).lower():
            raise FileTooLarge("The file unpacks to more than a page may hold.") from error
        return None
    except Exception:  # noqa: BLE001 - one damaged page must not cost the others
        return None
    gathered.end_line()
    return _with_tables(gathered)


class _Gathered:
    """What a page shows, as pypdf brings it: its lines, and where each piece of text stands."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.lines: list[_Line] = []
        self.fragments: list[Fragment] = []
        self._text, self._size, self._bold = "", 0.0, True

    def visit(
        self,
        piece: str,
        user: Sequence[float],
        matrix: Sequence[float],
        font: dict[str, object] | None,
        points: float,
    ) -> None:
        """Take one piece of text."""
        size = abs(points * _scale(matrix) * _scale(user))
        hidden = bool(piece.strip()) and self._sight.hides(size, font)
        for number, part in enumerate(_LINE_BREAK.split(piece)):
            if number:
                self.end_line()
            if hidden:
                continue
            if part.strip():
                self._text += part
                self._size = max(self._size, size)
                bold = "bold" in str((font or {}).get("/BaseFont", "")).lower()
                self._bold = self._bold and bold
                cleaned = _clean(part)
                x = matrix[4] * user[0] + matrix[5] * user[2] + user[4]
                y = matrix[4] * user[1] + matrix[5] * user[3] + user[5]
                if cleaned:
                    self.fragments.append(Fragment(cleaned, x, y, size, bold, len(self.lines)))
            elif self._text:
                self._text += part

    def end_line(self) -> None:
        """The line is whole."""
        self.lines.append(_Line(_clean(self._text), round(self._size * 2) / 2, self._bold))
        self._text, self._size, self._bold = "", 0.0, True


def _with_tables(page: _Gathered) -> _PageLines:
    """The lines, those of tables replaced by their rows."""
    lines: list[_Line] = []
    tables: list[TableDraft] = []
    place = 0
    for region in regions(page.fragments):
        lines += page.lines[place : region.first]
        size = page.lines[region.first].size
        lines += [_Line(text, size, bold=False, is_row=True) for text in region.rows]
        tables += region.tables
        place = region.end
    lines += page.lines[place:]
    return _PageLines([line for line in lines if line.text], tuple(tables))


def _scale(matrix: Sequence[float]) -> float:
    """How much a matrix enlarges type, turned text included."""
    return float(max(abs(matrix[0]), abs(matrix[1]), abs(matrix[3])))


def _clean(text: str) -> str:
    return " ".join(_NO_TEXT.sub(" ", text.translate(_LIGATURES)).replace("\u00ad", "").split())


def _pages(pages: list[_PageLines | None], caps: Caps) -> Iterator[Page]:
    """Lines into pages of the extract, with headings told by type larger than the body's."""
    sizes = Counter[float]()
    for page in pages:
        for line in page.lines if page else ():
            sizes[line.size] += len(line.text)
    body = max(sizes, key=lambda size: sizes[size], default=0.0)
    place = 0
    for number, page in enumerate(pages, start=1):
        text, headings = _page_text(page.lines if page else [], body, place)
        text += PAGE_BREAK if number < len(pages) else ""
        tables = tuple(replace(table, page=number) for table in page.tables) if page else ()
        yield Page(text, place, number, headings=tuple(headings), tables=tables, unreadable=page is None)
        place += len(text)
        check_text(place, caps.max_text_chars)


def _page_text(lines: list[_Line], body: float, place: int) -> tuple[str, list[Heading]]:
    """The page as paragraphs, one a line, and where in the extract its headings stand."""
    parts: list[str] = []
    headings: list[Heading] = []
    levels = [_level(lines, number, body) for number in range(len(lines))]
    widths = sorted(len(line.text) for line in lines if not line.is_row)
    width = widths[int(len(widths) * 0.9)] if widths else 0
    length = 0
    for number, line in enumerate(lines):
        joint = _joint(lines[number - 1].text, line.text, width) if number else ""
        if number and (line.is_row or lines[number - 1].is_row):
            joint = "\n\n"
        elif number and levels[number] != levels[number - 1]:
            joint = "\n"
        if number and levels[number] and levels[number] == levels[number - 1]:
            joint = " "  # a heading over two lines
        if joint == "-":
            parts[-1] = parts[-1][:-1]
            length -= 1
            joint = ""
        parts += [joint, line.text]
        start = place + length + len(joint)
        length += len(joint) + len(line.text)
        if levels[number]:
            if joint == " ":
                start = headings.pop().start
            headings.append(Heading(start, place + length, levels[number]))
    return "".join(parts), headings


def _joint(before: str, line: str, width: int) -> str:
    """What stands between two lines: a space in running text, a line break, or "-" to close a hyphen."""
    if _ITEM.match(line):
        return "\n"
    runs_on = line[0].islower() and before[-1] not in ".!?:;" and len(before) >= width * 0.5
    if before[-1] == "-" and before[-2:-1].isalpha() and line[0].islower():
        return "-"
    full = len(before) + len(line.split(maxsplit=1)[0]) >= width * 0.95
    return " " if runs_on or (full and width >= 30) else "\n"


def _level(lines: list[_Line], number: int, body: float) -> int:
    """The heading level of a line by its type, 0 for running text."""
    line = lines[number]
    if line.is_row or len(line.text.split()) > _MAX_HEADING_WORDS or len(line.text) > _MAX_HEADING_CHARS:
        return 0
    if sum(letter.isalpha() for letter in line.text) < 3:
        return 0
    if line.size >= body * 1.15:
        return 1 if line.size >= body * 1.6 else 2 if line.size >= body * 1.3 else 3
    following = lines[number + 1] if number + 1 < len(lines) else None
    stands_above_text = following is not None and not following.bold and len(following.text) >= 40
    if line.bold and stands_above_text and line.text[-1] not in ".,;":
        return _BOLD_LEVEL
    return 0
