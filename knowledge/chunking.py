"""Pages into chunks: about 180 words, never more than 220 (400 characters where a script has no spaces,
1,000 where such a script is an alphabet, as Thai is).

A chunk never crosses a heading, and crosses a page only to finish a sentence. Neighbours share one sentence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from knowledge.pages import CELL_GAP, Heading, Page, Row, cell_text
from knowledge.sentences import BULLET, Size, measure, sentence_spans

MAX_WORDS, MAX_WORDLESS_SIGNS = 220, 400
MAX_CHARS = 2000  # in any script: long "words" (tables of codes, base64) must not hide a page in one chunk
_TARGET_WORDS, _TARGET_WORDLESS_SIGNS, _TARGET_CHARS = 150, 360, 1400
_MAX_EXCESS = 0.2  # a chunk is filled this much beyond the target rather than followed by a tiny one
_MAX_OVERLAP = 0.35  # a longer sentence is not repeated in the next chunk


@dataclass(frozen=True)
class SentenceDraft:
    """One sentence of a chunk, or one sheet row. Offsets are code points into the extract, None for rows."""

    text: str
    start: int | None
    end: int | None
    row: int | None


@dataclass(frozen=True)
class ChunkDraft:
    """What becomes a passage.

    `text` is what the passage shows and, outside sheets, exactly extract[start:end]. `heading` is what stands
    above it and is indexed with it; it never repeats a heading that is part of the text. For sheets `row` is
    the first row and offsets are None.
    """

    text: str
    start: int | None
    end: int | None
    page: int | None
    sheet: str | None
    row: int | None
    heading: str
    sentences: tuple[SentenceDraft, ...]


@dataclass(frozen=True)
class _Unit:
    """A sentence or heading line on its way into a chunk; offsets within the text being split."""

    start: int
    end: int
    size: Size
    is_heading: bool = False
    block: int = 0  # the same for all lines of one list and what leads up to it; 0 outside lists

    @property
    def load(self) -> float:
        """The share of a normal chunk that this fills."""
        return _load(self.size)


def chunk(pages: Iterable[Page]) -> Iterator[ChunkDraft]:
    """The chunks of all pages, in order."""
    path: list[tuple[int, str]] = []
    held: Page | None = None
    for page in pages:
        if held is not None:
            yield from _page_chunks(held, page, path)
        held = page
    if held is not None:
        yield from _page_chunks(held, None, path)


def _page_chunks(page: Page, following: Page | None, path: list[tuple[int, str]]) -> Iterator[ChunkDraft]:
    if page.rows:
        yield from _row_chunks(page)
    else:
        yield from _text_chunks(page, following, path)


# --- running text


def _text_chunks(page: Page, following: Page | None, path: list[tuple[int, str]]) -> Iterator[ChunkDraft]:
    """Sections (from a heading to the next) are packed one by one; `path` is carried from page to page."""
    text = page.text + _rest_of_sentence(page, following)
    for headings, start, end in _sections(page, len(text)):
        above = _descend(path, headings, text)
        units = _units(text, start, end, headings)
        full_path = " > ".join(title for _, title in path)
        for number, (first, last) in enumerate(_pack(units)):
            yield _text_chunk(page, text, units[first:last], full_path if number else above)


def _text_chunk(page: Page, text: str, units: Sequence[_Unit], heading: str) -> ChunkDraft:
    quoted = [unit for unit in units if not unit.is_heading] or units
    return ChunkDraft(
        text=text[units[0].start : units[-1].end],
        start=page.start + units[0].start,
        end=page.start + units[-1].end,
        page=page.number,
        sheet=None,
        row=None,
        heading=heading,
        sentences=tuple(
            SentenceDraft(text[unit.start : unit.end], page.start + unit.start, page.start + unit.end, None)
            for unit in quoted
        ),
    )


def _rest_of_sentence(page: Page, following: Page | None) -> str:
    """What stands on the next page of a sentence that this page breaks off, or nothing."""
    ending = page.text.rstrip()
    if following is None or following.rows or not ending or ending[-1] in '.!?…:;。！？”"':
        return ""
    opening = following.text.lstrip()
    if not opening or not opening[0].islower():
        return ""
    _, end = sentence_spans(following.text)[0]
    return following.text[:end]


def _sections(page: Page, end: int) -> Iterator[tuple[list[Heading], int, int]]:
    """(headings, start, end) within the page: headings that follow each other, and the body under them."""
    marks = [
        replace(mark, start=mark.start - page.start, end=mark.end - page.start) for mark in page.headings
    ]
    start = 0
    run: list[Heading] = []
    for mark in marks:
        if page.text[start if not run else run[-1].end : mark.start].strip():
            yield run, start, mark.start
            start, run = mark.start, []
        run.append(mark)
    yield run, start, end


def _descend(path: list[tuple[int, str]], headings: list[Heading], text: str) -> str:
    """Move `path` to these headings; return the part of it that stands above the first of them."""
    above: str | None = None
    for heading in headings:
        while path and path[-1][0] >= heading.level:
            path.pop()
        if above is None:
            above = " > ".join(title for _, title in path)
        title = " ".join(text[heading.start : heading.end].strip("#*=- \t\r\n").split())
        if title:
            path.append((heading.level, title))
    return " > ".join(title for _, title in path) if above is None else above


def _units(text: str, start: int, end: int, headings: list[Heading]) -> list[_Unit]:
    units = [
        _Unit(mark.start, mark.end, measure(text[mark.start : mark.end]), is_heading=True)
        for mark in headings
    ]
    body = headings[-1].end if headings else start
    # A page break inside a sentence is no break for the splitter; same length, so places stay exact.
    stretch = text[body:end].replace("\n\f", "  ")
    spans = sentence_spans(stretch)
    for (first, last), number in zip(spans, _lists(stretch, spans), strict=True):
        units.append(_Unit(body + first, body + last, measure(stretch[first:last]), block=number))
    return units


def _lists(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """For each sentence the number of the list it stands in: a paragraph with more than one bullet."""
    paragraph = 1
    paragraphs: list[int] = []
    bullets: Counter[int] = Counter()
    end = 0
    for start, last in spans:
        paragraph += text.count("\n", end, start) > 1
        paragraphs.append(paragraph)
        bullets[paragraph] += bool(BULLET.match(text, start))
        end = last
    for number in paragraphs:
        yield number if bullets[number] > 1 else 0


# --- packing


def _load(size: Size) -> float:
    if size.is_wordless:
        return size.signs / _TARGET_WORDLESS_SIGNS
    return max(size.words / _TARGET_WORDS, size.chars / _TARGET_CHARS)


def _fits(units: Sequence[_Unit]) -> bool:
    return _within(
        Size(
            words=sum(unit.size.words for unit in units),
            chars=units[-1].end - units[0].start,
            wordless=sum(unit.size.wordless for unit in units),
            syllabic=sum(unit.size.syllabic for unit in units),
        )
    )


def _within(size: Size) -> bool:
    if size.is_wordless and size.signs > MAX_WORDLESS_SIGNS:
        return False
    return size.words <= MAX_WORDS and size.chars <= MAX_CHARS


def _pack(units: list[_Unit]) -> Iterator[tuple[int, int]]:
    """Index ranges of chunks: evenly filled, within the caps, sharing one sentence with the chunk before."""
    left = sum(unit.load for unit in units)
    first = new = 0
    while new < len(units):
        share = left / max(1, math.ceil(left - _MAX_EXCESS))
        last, load = new, 0.0
        while last < len(units) and (last == new or (load < share and _fits(units[first : last + 1]))):
            load += units[last].load
            last += 1
        last = _whole_list(units, first, new, last)
        left -= sum(unit.load for unit in units[new:last])
        yield first, last
        first = new = last
        if last < len(units) and _may_overlap(units[last - 1], units[last]):
            first = last - 1


def _whole_list(units: Sequence[_Unit], first: int, new: int, last: int) -> int:
    """Where to end a chunk that would end within a list: after it if that fits, or before it."""
    if last == len(units) or not units[last].block or units[last].block != units[last - 1].block:
        return last
    number = units[last].block
    start = next(place for place in range(last, -1, -1) if place == 0 or units[place - 1].block != number)
    end = next((place for place in range(last, len(units)) if units[place].block != number), len(units))
    if _fits(units[first:end]):
        return end
    is_short = _fits(units[start:end])
    return start if is_short and start > new and not units[start - 1].is_heading else last


def _may_overlap(before: _Unit, following: _Unit) -> bool:
    return not before.is_heading and before.load <= _MAX_OVERLAP and _fits((before, following))


# --- sheets


def _row_chunks(page: Page) -> Iterator[ChunkDraft]:
    """Rows packed whole under the sheet's name; a row longer than a chunk is split between its cells."""
    name = page.sheet or ""
    lines = [
        SentenceDraft(text, None, None, row.number) for row in page.rows for text in _row_pieces(row, name)
    ]
    total = sum(_load(measure(line.text)) for line in lines)
    share = total / max(1, math.ceil(total))
    group: list[SentenceDraft] = []
    text, load = name, 0.0
    for line in lines:
        longer = f"{text}\n{line.text}" if text else line.text
        if group and (load >= share or not _within(measure(longer))):
            yield _row_chunk(page, text, group)
            group, text, load = [], name, 0.0
            longer = f"{text}\n{line.text}" if text else line.text
        group.append(line)
        text = longer
        load += _load(measure(line.text))
    if group:
        yield _row_chunk(page, text, group)


def _row_chunk(page: Page, text: str, lines: Sequence[SentenceDraft]) -> ChunkDraft:
    return ChunkDraft(
        text=text,
        start=None,
        end=None,
        page=page.number,
        sheet=page.sheet,
        row=lines[0].row,
        heading=page.title,
        sentences=tuple(lines),
    )


def _row_pieces(row: Row, name: str) -> Iterator[str]:
    """The row's text, in as many pieces as fit a chunk each together with the sheet's name."""
    whole = row.text
    if _within(measure(f"{name}\n{whole}")):
        yield whole
        return
    piece = ""
    for header, value in row.cells:
        for part in _cell_parts(header, value):
            longer = f"{piece}{CELL_GAP}{part}" if piece else part
            if piece and not _within(measure(f"{name}\n{longer}")):
                yield piece
                longer = part
            piece = longer
    yield piece


def _cell_parts(header: str, value: str) -> Iterator[str]:
    """A cell as it is shown; one that holds paragraphs becomes its sentences, the header before each."""
    text = cell_text(header, value)
    if _load(measure(text)) <= 0.5:
        yield text
        return
    for start, end in sentence_spans(value):
        yield cell_text(header, value[start:end])
