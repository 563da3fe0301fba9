"""The tables of a web page, row by row: each row becomes a paragraph of "header: value"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lxml.html import Element, HtmlElement

from knowledge.pages import Row, TableDraft, cell_text
from knowledge.readers.csv import VALUE
from knowledge.readers.tables import Budget, Cell, RawRow, read_table

_MARK = "\u27e6{}\u27e7"
_MAX_SPAN = 1000
_BROKEN = ("br", "p", "div", "li")  # lines within a cell
# A table that holds any of these lays out the page; it is no table of facts.
_LAYOUT = ("table", "h1", "h2", "h3", "nav", "form", "article", "section", "main")


@dataclass
class Rows:
    """What stands for the tables in the page: a mark for each row, to be put back as its text."""

    texts: dict[str, str] = field(default_factory=dict)
    _tables: list[tuple[set[str], TableDraft]] = field(default_factory=list)

    def add(self, texts: Sequence[str], tables: Sequence[TableDraft]) -> list[str]:
        """The marks for the rows of one table."""
        first = len(self.texts)
        marks = [_MARK.format(first + place) for place in range(len(texts))]
        self.texts.update(zip(marks, texts, strict=True))
        self._tables += [(set(marks), table) for table in tables]
        return marks

    def tables_in(self, seen: set[str]) -> tuple[TableDraft, ...]:
        """The tables of which any row is part of the text; menus and footers have tables too."""
        return tuple(table for marks, table in self._tables if marks & seen)


def tables_as_lines(tree: HtmlElement, page: int | None, budget: Budget) -> Rows:
    """Put a paragraph in the place of each row. Raises TooManyRows, TooManyCells."""
    rows = Rows()
    for table in list(tree.iter("table")):
        if table.getparent() is None or not _holds_facts(table):
            continue
        for block in table.iter(*_BROKEN):
            block.text, block.tail = f" {block.text or ''}", f" {block.tail or ''}"
        drafts: list[TableDraft] = []
        source = budget.counted(_rows(table))
        lines = [_line(row) for _, row in read_table(source, None, drafts, _header_rows(table))]
        caption = _caption(table)
        drafts = [replace(draft, title=caption or draft.title, page=page) for draft in drafts]
        _replace(table, [caption, *rows.add(lines, drafts)])
    return rows


def _holds_facts(table: HtmlElement) -> bool:
    if any(inner is not table for inner in table.iter(*_LAYOUT)):
        return False
    sizes = [sum(cell.tag in ("td", "th") for cell in row) for row in table.iter("tr")]
    return sum(size > 1 for size in sizes) > 1 or (
        max(sizes, default=0) > 1 and any(True for _ in table.iter("th"))
    )


def _line(row: Row) -> str:
    """A row as a paragraph; without headers, the first of two cells says what the second is."""
    if len(row.cells) == 2 and not any(header for header, _ in row.cells):
        return cell_text(row.cells[0][1].rstrip(":"), row.cells[1][1])
    return row.text


def _header_rows(table: HtmlElement) -> int | None:
    """How many rows at the top are marked as the header; None where only their look can tell."""
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    rows = [cells for cells in rows if cells]
    count = 0
    for cells in rows[:-1]:
        parent = cells[0].getparent()
        in_head = parent is not None and (above := parent.getparent()) is not None and above.tag == "thead"
        marked = [cell.tag == "th" for cell in cells if _cell_text(cell)]
        if not in_head and not (marked and all(marked) and any(cell.tag == "td" for cell in rows[-1])):
            break
        count += 1
    if count or next(table.iter("th"), None) is not None:
        return count
    return None if rows and _looks_like_header(rows) else 0


def _looks_like_header(rows: list[list[HtmlElement]]) -> bool:
    """Whether the first row is bold, or stands as words over values."""
    first = [cell for cell in rows[0] if _cell_text(cell)]
    if all(next(cell.iter("b", "strong"), None) is not None for cell in first):
        return True
    return any(
        not VALUE.match(_cell_text(cell)) and _values_below(rows, place) for place, cell in enumerate(rows[0])
    )


def _values_below(rows: list[list[HtmlElement]], place: int) -> bool:
    below = [text for cells in rows[1:] if place < len(cells) and (text := _cell_text(cells[place]))]
    return sum(bool(VALUE.match(text)) for text in below) * 2 > len(below) > 1


def _caption(table: HtmlElement) -> str:
    caption = table.find("caption")
    return "" if caption is None else " ".join(caption.text_content().split())


def _replace(table: HtmlElement, lines: list[str]) -> None:
    """The table becomes a block of paragraphs; what follows it stays where it is."""
    block = Element("div")
    block.tail = table.tail
    for line in filter(None, lines):
        paragraph = Element("p")
        paragraph.text = line
        block.append(paragraph)
    parent = table.getparent()
    if parent is not None:
        parent.replace(table, block)


def _rows(table: HtmlElement) -> Iterator[RawRow]:
    """Rows as a sheet has them; a cell over several rows comes again in each, over several columns once."""
    over: dict[int, tuple[int, Cell]] = {}  # column → (rows left, the cell above)
    for number, row in enumerate(table.iter("tr"), start=1):
        cells: list[Cell] = []
        column = 0
        for element in row:
            if element.tag not in ("td", "th"):
                continue
            column = _fill(over, cells, column)
            width, height = _span(element, "colspan"), _span(element, "rowspan")
            text = _cell_text(element)
            if text:
                cell = Cell(column, text, element.tag == "th" or not VALUE.match(text), width)
                cells.append(cell)
                if height > 1:
                    over[column] = (height - 1, replace(cell, repeats=True))
            column += width
        _fill(over, cells, column, rest=True)
        yield number, sorted(cells, key=lambda cell: cell.column)


def _fill(over: dict[int, tuple[int, Cell]], cells: list[Cell], column: int, *, rest: bool = False) -> int:
    """Take the cells that reach down from above, up to the next free column, which it returns."""
    for start in sorted(over):
        left, cell = over[start]
        if start < column or (start > column and not rest):
            continue
        cells.append(cell)
        column = start + cell.width
        if left == 1:
            del over[start]
        else:
            over[start] = (left - 1, cell)
    return column


def _span(element: HtmlElement, name: str) -> int:
    value = element.get(name, "1").strip()
    return min(_MAX_SPAN, int(value)) if value.isascii() and value.isdigit() and int(value) else 1


def _cell_text(element: HtmlElement) -> str:
    text = " ".join(element.text_content().split())
    return text or " ".join(image.get("alt", "") for image in element.iter("img")).strip()
