"""Web pages: their main text with headings, lists and tables; menus, footers and hidden text are left out.

The tree is prepared before trafilatura looks for the main text: what a browser does not show goes, and each
table becomes lines of "header: value", so that a row never loses its header. Loading this module takes a
second; the reading process does it when the first page comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml.etree import SubElement
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from knowledge.errors import Corrupt
from knowledge.limits import Caps, check_pages, check_text
from knowledge.pages import Heading, Page, TableDraft
from knowledge.readers.base import damage_refused
from knowledge.readers.decoding import KIND_NAMES, decode_page, sniff
from knowledge.readers.html_main import HEADINGS, main_text
from knowledge.readers.html_tables import tables_as_lines
from knowledge.readers.html_visible import drop_hidden
from knowledge.readers.tables import Budget

_GAP = "\n\n"
_ITEMS, _BREAKS = ("item", "li", "dd"), ("br", "lb")
_MAX_TITLE_CHARS = 160
_MAX_DEPTH = 200
_HEAD = frozenset({"title", "meta", "link", "base", "style", "script", "noscript", "template"})
_BLOCKS = frozenset(
    """
    address article blockquote body dd div dl dt figcaption h1 h2 h3 h4 h5 h6 head hr item li list main ol p
    pre quote code row cell section table tbody td tfoot th thead tr ul lb br caption center details html
    """.split()  # noqa: SIM905 - a table to be read by people
)


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """One page. Raises Corrupt for what is not text, TooManyRows, TooManyCells, TooMuchText."""
    data = path.read_bytes()
    kind = sniff(data)
    if kind:
        raise Corrupt(f"The file is not a web page but {KIND_NAMES[kind]}.", found=kind)
    with damage_refused():
        page = _page(decode_page(data), "", None, Budget(caps))
    if page.text:
        yield page


def read_site(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """The pages of a site, each a line of JSON: {"url", "title", "html"}; a page's number is its line's.

    Raises Corrupt, TooManyPages, TooManyRows, TooManyCells, TooMuchText.
    """
    budget = Budget(caps)
    with path.open("rb") as file, damage_refused():
        for number, line in enumerate(file, start=1):
            check_pages(number, caps.max_pages)
            record = json.loads(line)
            if not isinstance(record, Mapping):
                raise Corrupt(f"Line {number} of the file is no page.")
            yield _page(str(record.get("html", "")), str(record.get("title") or ""), number, budget)


def _page(content: str, title: str, number: int | None, budget: Budget) -> Page:
    """A page at `budget.chars` of the extract, which moves on by its text."""
    lines = _Lines(budget.chars)
    tables: tuple[TableDraft, ...] = ()
    if content.strip():
        tree = _parsed(content)
        title = _short(title or _title(tree))
        tables = _write(tree, title, lines, number, budget)
    text = lines.text + (_GAP if lines.text and number is not None else "")
    budget.chars += len(text)
    check_text(budget.chars, budget.caps.max_text_chars)
    return Page(text, lines.place, number, headings=tuple(lines.headings), title=title, tables=tables)


def _write(
    tree: HtmlElement, title: str, lines: _Lines, number: int | None, budget: Budget
) -> tuple[TableDraft, ...]:
    """Write the main text into `lines` under its title; the tables that are part of it."""
    drop_hidden(tree)
    rows = tables_as_lines(tree, number, budget)
    main = main_text(tree)
    if main is None:
        return ()
    body = _Lines(lines.place)
    _walk(main, body, rows.texts)
    if not body.text:
        return ()
    first = body.headings[0] if body.headings else None
    opens = first is not None and first.start == body.place
    if title and not (opens and first and body.slice(first).casefold() in title.casefold()):
        lines.add(title, 0)
        _walk(main, lines, rows.texts)
        return rows.tables_in(lines.seen)
    lines.take(body)
    if opens and first:
        lines.headings[0] = Heading(first.start, first.end, 0)
    return rows.tables_in(lines.seen)


class _Lines:
    """The extract of a page as it grows, with the places of its headings."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.headings: list[Heading] = []
        self.seen: set[str] = set()  # marks of the tables' rows that are part of the text
        self._parts: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """What has been written."""
        return "".join(self._parts)

    def slice(self, heading: Heading) -> str:
        """A heading's text."""
        return self.text[heading.start - self.place : heading.end - self.place]

    def add(self, text: str, level: int | None = None, gap: str = _GAP) -> None:
        """One paragraph, list item, or with a `level` one heading."""
        text = " ".join(text.split())
        if not text:
            return
        if self._parts:
            self._parts.append(gap)
            self._length += len(gap)
        if level is not None:
            start = self.place + self._length
            self.headings.append(Heading(start, start + len(text), level))
        self._parts.append(text)
        self._length += len(text)

    def take(self, other: _Lines) -> None:
        """Become the other."""
        self.headings, self.seen = other.headings, other.seen
        self._parts, self._length = other._parts, other._length


def _parsed(content: str) -> HtmlElement:
    """The page's tree; where it opens no body, libxml2 leaves <main> and <article> in the head."""
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    tree = document_fromstring(content.encode("utf-8", errors="replace"), parser=parser)
    head = tree.find("head")
    strays = [] if head is None else [child for child in head if child.tag not in _HEAD]
    if strays:
        body = tree.find("body")
        if body is None:
            body = SubElement(tree, "body")
        for place, stray in enumerate(strays):
            body.insert(place, stray)
    return tree


def _title(tree: HtmlElement) -> str:
    for path in (".//head/title", ".//title", ".//h1"):
        found = tree.find(path)
        if found is not None and (text := " ".join(found.text_content().split())):
            return text
    return ""


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= _MAX_TITLE_CHARS else title[:_MAX_TITLE_CHARS].rsplit(" ", 1)[0]


def _walk(element: HtmlElement, lines: _Lines, rows: Mapping[str, str], depth: int = 0) -> None:
    """Write an element's blocks; text that stands beside blocks is a paragraph of its own."""
    level = _level(element)
    if level is not None or depth > _MAX_DEPTH or not any(child.tag in _BLOCKS for child in element):
        _add(element, "".join(element.itertext()), lines, rows, level)
        return
    loose, gap = element.text or "", _GAP
    for child in element:
        if child.tag in _BLOCKS:
            _add(element, loose, lines, rows, gap=gap)
            _walk(child, lines, rows, depth + 1)
            loose, gap = child.tail or "", "\n" if child.tag in _BREAKS and loose.strip() else _GAP
        else:
            loose += "".join(child.itertext()) + (child.tail or "")
    _add(element, loose, lines, rows, gap=gap)


def _add(
    element: HtmlElement,
    text: str,
    lines: _Lines,
    rows: Mapping[str, str],
    level: int | None = None,
    gap: str = _GAP,
) -> None:
    text = text.strip()
    if text in rows:
        lines.seen.add(text)
        lines.add(rows[text])
    elif text and element.tag in _ITEMS:
        lines.add(f"- {text}", gap="\n")
    else:
        lines.add(text, level, gap)


def _level(element: HtmlElement) -> int | None:
    if element.tag == "head":
        rank = str(element.get("rend", "h2"))[1:]
        return int(rank) if rank.isdigit() else 2
    return int(element.tag[1]) if element.tag in HEADINGS else None
