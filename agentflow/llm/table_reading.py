"""What has been understood of a question about a table: the column asked for and the rows it speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Literal

from agentflow.llm import table_words as say
from agentflow.llm.table_links import CellLink, Links, alike, columns_of_role
from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.query import Condition, Operator, QueryRefused, matching
from knowledge.tables.values import fold, stem, words

_ASKED_NOUN = re.compile(
    r"(?<!\w)(?:which|what|whose|how many|number of|amount of|name (?:of )?(?:the|a|an|all)|list (?:the|all)|"
    r"tell me (?:a|the)|welke?|wat voor|hoeveel|aantal|noem (?:de|een|alle)|welche[rsnm]?|wie ?viele?|"
    r"anzahl(?: der| von)?|nenne (?:die|alle))(?!\w)"
)
_NUMBER = re.compile(r"^\d+(?:[.,:]\d+)*$")
_YEAR = re.compile(r"^(?:1[5-9]|20)\d\d$")
_DECADE = re.compile(r"^((?:1[5-9]|20)\d)0s$")
_UNKNOWN_WORD = 0.5  # weight of a word that the table does not hold
_NEAR = 4  # words between an asking word and the noun it asks for
_JOINING = frozenset({"and", "or", "en", "of", "und", "oder"})
_UNNAMED = 0.5  # a partly named column whose score is below this is none


@dataclass(eq=False)
class Reading:
    """`used` are the places of understood words, `rows` the rows that all conditions in `where` leave."""

    links: Links
    table: TypedTable
    used: set[int] = field(default_factory=set)
    where: list[Condition] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = list(range(len(self.table.row_numbers)))

    def found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match of a phrase that nothing else has used."""
        for match in pattern.finditer(self.links.text):
            if not self.words_of(match) & self.used and not self._is_name(match):
                return match
        return None

    def words_of(self, match: re.Match[str]) -> set[int]:
        """The places of the words of a match."""
        starts = self.links.starts
        return {place for place, start in enumerate(starts) if match.start() <= start < match.end()}

    def use(self, match: re.Match[str] | None) -> None:
        """The words of this match are understood."""
        if match is not None:
            self.used |= self.words_of(match)

    def use_column(self, column: Column) -> None:
        """The words that name this column are understood."""
        for one in self.links.columns:
            if one.column is column:
                self.used |= one.words

    def coverage(self) -> float:
        """The share of the words that are no small words and are understood, 0 to 1.

        A word that stands in the table and was not understood weighs more than a verb that does not. One that
        names the table itself ("bike", of a sheet "Bikes") is understood.
        """
        weights = {
            place: 1.0 if place in self.used or self._matters(word) else _UNKNOWN_WORD
            for place, word in enumerate(self.links.words)
            if word not in say.STOP
        }
        known = sum(
            weight
            for place, weight in weights.items()
            if place in self.used or self.names_table(self.links.words[place])
        )
        return known / max(sum(weights.values()), 1.0)

    def names_table(self, word: str) -> bool:
        """Whether a word that stands in no cell is of the sheet's, the table's or the file's name."""
        return not self._matters(word) and any(alike(word, part) for part in self._title)

    @cached_property
    def _title(self) -> tuple[str, ...]:
        draft, source = self.table.table.draft, PurePath(self.table.table.source).stem
        return words(fold(f"{draft.sheet or ''} {draft.title} {source}"))

    def _matters(self, word: str) -> bool:
        held = any(stem(word) in column.rows_by_stem for column in self.table.columns)
        return held or any(char.isdigit() for char in word)

    def add(self, column: Column, op: Operator, value: str | list[str]) -> bool:
        """Add a condition, unless no row would be left."""
        condition = Condition(column=column.name, op=op, value=value)
        try:
            left = matching(self.rows, condition, column)
        except QueryRefused:
            return False
        if not left:
            return False
        self.rows = left
        self.where.append(condition)
        self.use_column(column)
        return True

    def _is_name(self, match: re.Match[str]) -> bool:
        """Whether the phrase is part of a longer name: of a cell, or of a column with several words."""
        own = self.words_of(match)
        if any(own < cell.words for cell in self.links.cells if cell.whole):
            return True
        named = [one for one in self.links.columns if one.score >= 1 and own < one.words]
        return any(len(words(fold(one.column.name))) > 1 for one in named)


# --- the column that is asked for


def target_of(reading: Reading) -> Column | None:
    """The column that holds what is asked, as far as the question says."""
    links = reading.links
    for match in _ASKED_NOUN.finditer(links.text):
        first = links.place_of(match.end())
        for place in range(first, min(first + _NEAR, len(links.words))):
            named = [one for one in links.columns if place in one.words]
            if named:
                reading.use(match)
                reading.use_column(named[0].column)
                return named[0].column
            if say.WHICH.match(match[0]) and reading.names_table(links.words[place]):
                reading.use(match)
                return reading.table.key
            if links.words[place] in say.STOP and place > first:
                break
    for role, asking, _ in say.ROLES:
        asked = asking.search(links.text)
        columns = columns_of_role(reading.table, role)
        if asked and columns:
            reading.use(asked)
            chosen = _of_role(reading, columns, role)
            reading.use_column(chosen)
            return chosen
    return None


def _of_role(reading: Reading, columns: list[Column], role: say.Role) -> Column:
    """The likeliest of the columns that may hold what is asked: a named one, else one that no cell names."""
    named = [one for one in reading.links.columns if one.score >= _UNNAMED and one.column in columns]
    if role == "person" and not named:
        named = [one for one in reading.links.columns if one.score >= 1 and one.column.kind == "text"]
    if named:
        return named[0].column
    held = {cell.column for cell in reading.links.cells if cell.whole}
    return next((column for column in columns if column not in held), columns[0])


def columns_asked(reading: Reading) -> list[Column]:
    """Columns of what the question speaks of in words of its own ("expensive", "on stock"), in order."""
    links, found = reading.links, list[Column]()
    for role, asking, _ in say.ROLES:
        if role in ("price", "stock", "length") and asking.search(links.text):
            found += columns_of_role(reading.table, role)
    return found


def is_year_word(word: str) -> bool:
    """Whether a word is a year."""
    return bool(_YEAR.match(word))


def is_year(column: Column) -> bool:
    """Whether a column holds years."""
    filled = [column.texts[row] for row in column.filled]
    return bool(filled) and sum(bool(_YEAR.match(text)) for text in filled) > 0.5 * len(filled)


# --- the rows it speaks of


def read_conditions(reading: Reading, *, asked: Column | None = None) -> None:
    """Comparisons and cells the question names become conditions; the column asked for is the last resort."""
    _none_left(reading)
    _ranges(reading)
    _comparisons(reading)
    _numbers_of_columns(reading)
    links = reading.links
    for cell in sorted(links.cells, key=lambda one: _weight(one, reading, asked)):
        own = {place for place in cell.words if links.words[place] not in say.STOP}
        if not own or own & reading.used or not _means_cell(cell, reading):
            continue
        if cell.column is asked and not cell.whole:
            continue
        if add_cell(reading, cell):
            reading.used |= cell.words


def add_cell(reading: Reading, cell: CellLink) -> bool:
    """A cell as a condition: "other than X" leaves it out, a second one of a column is one more choice."""
    op: Operator = "=" if cell.whole else "contains"
    start = reading.links.starts[cell.start]
    before = reading.links.text[max(0, start - 20) : start]
    excepted = list(say.EXCEPT.finditer(before))
    if excepted and cell.whole and len(words(before[excepted[-1].end() :])) <= 1:
        return reading.add(cell.column, "!=", cell.value)
    if reading.add(cell.column, op, cell.value):
        return True
    before_it = reading.links.words[cell.start - 1] if cell.start else ""
    for place, condition in enumerate(reading.where):
        joined = cell.whole or before_it in _JOINING
        if joined and condition.column == cell.column.name and condition.op == op:
            return _widen(reading, place, cell.value)
    return False


def _widen(reading: Reading, place: int, value: str) -> bool:
    """One more value for a condition."""
    old = reading.where[place]
    values = old.value if isinstance(old.value, list) else [old.value]
    kept = list(reading.where)
    kept[place] = Condition(column=old.column, op=old.op, value=[*values, value])
    rows = list(range(len(reading.table.row_numbers)))
    for condition in kept:
        column = reading.table.column(condition.column)
        if column is not None:
            rows = matching(rows, condition, column)
    if len(rows) <= len(reading.rows):
        return False
    reading.where, reading.rows = kept, rows
    return True


def _weight(cell: CellLink, reading: Reading, asked: Column | None) -> tuple[object, ...]:
    """What makes one reading of the same words likelier than another: lower is likelier."""
    named = any(one.column is cell.column and one.score >= _UNNAMED for one in reading.links.columns)
    year = len(cell.words) == 1 and bool(_YEAR.match(reading.links.words[cell.start]))
    dates = columns_of_role(reading.table, "date") if year else []
    dated = year and (cell.column.kind == "date" or cell.column in dates)
    return (-len(cell.words), not dated, not cell.whole, not named, cell.column is asked, len(cell.rows))


def _means_cell(cell: CellLink, reading: Reading) -> bool:
    """Whether words that stand in a cell mean it: bare small numbers and the words of headers seldom do."""
    places = range(cell.start, cell.end)
    texts = reading.links.words[cell.start : cell.end]
    header = {place for one in reading.links.columns for place in one.words}
    if len(texts) > 1:
        return cell.whole or sum(text not in say.STOP for text in texts) > 1
    if _NUMBER.match(texts[0]) and not _YEAR.match(texts[0]):
        return False  # such numbers need their column beside them
    if not cell.whole and (set(places) & header or len(texts[0]) < 3):
        return False
    if not cell.whole and cell.column is not reading.table.key and cell.start in _heads(reading.links):
        return False
    return not any(
        alike(texts[0], part) for part in words(fold(cell.column.name)) if not cell.whole
    ) and not (set(places) & header and cell.column.name.casefold() == texts[0])


def _heads(links: Links) -> set[int]:
    """The words that say what kind of thing is asked for: "how many buildings", "which building"."""
    return {links.place_of(match.end()) for match in _ASKED_NOUN.finditer(links.text)}


_COMPARED: tuple[tuple[re.Pattern[str], Literal[">", "<", ">=", "<="]], ...] = (
    (say.AT_LEAST, ">="),
    (say.AT_MOST, "<="),
    (say.MORE_THAN, ">"),
    (say.LESS_THAN, "<"),
)


def _none_left(reading: Reading) -> None:
    """ "Out of stock"."""
    match = say.OUT_OF_STOCK.search(reading.links.text)
    if match is None:
        return
    for column in columns_of_role(reading.table, "stock"):
        if column.kind == "number" and reading.add(column, "<=", "0"):
            reading.use(match)
            return


def _ranges(reading: Reading) -> None:
    """ "between 1963 and 1973", "in the 1980s"."""
    links = reading.links
    for place, word in enumerate(links.words):
        decade = _DECADE.match(word)
        column = _compared_column(reading, f"{decade[1]}0", place) if decade else None
        if decade and column is not None and reading.add(column, ">=", f"{decade[1]}0"):
            reading.add(column, "<=", f"{decade[1]}9")
            reading.used.add(place)
    for match in say.BETWEEN.finditer(links.text):
        first = links.place_of(match.end())
        numbers = [
            at for at in range(first, min(first + 4, len(links.words))) if _NUMBER.match(links.words[at])
        ]
        if len(numbers) < 2 or numbers[0] != first or set(numbers) & reading.used:
            continue
        column = _compared_column(reading, links.words[first], first)
        if column is not None and reading.add(column, ">=", links.words[numbers[0]]):
            reading.add(column, "<=", links.words[numbers[1]])
            reading.used |= {*reading.words_of(match), *numbers}


def _comparisons(reading: Reading) -> None:
    """ "more than 20", "after 1992", "at least four wins"."""
    links = reading.links
    for pattern, op in _COMPARED:
        for match in pattern.finditer(links.text):
            first = links.place_of(match.end())
            for place in range(first, min(first + 2, len(links.words))):
                value = say.NUMBER_WORDS.get(links.words[place], links.words[place])
                if place in reading.used or not _NUMBER.match(value):
                    continue
                column = _compared_column(reading, value, place)
                if column is not None and reading.add(column, op, value):
                    reading.used |= {*reading.words_of(match), place}
                break


def _compared_column(reading: Reading, value: str, place: int) -> Column | None:
    able = [column for column in reading.table.columns if column.kind != "text"]
    counted = [one for one in reading.links.columns if place + 1 in one.words and one.column in able]
    if counted:
        return counted[0].column
    if _YEAR.match(value):
        dates = [column for column in able if column.kind == "date" or is_year(column)]
        dates += [column for column in columns_of_role(reading.table, "date") if column in able]
        if dates:
            named = [one.column for one in reading.links.columns if one.column in dates]
            return (named or dates)[0]
    near = [one for one in reading.links.columns if one.column in able and one.score >= _UNNAMED]
    if not near:
        asked = [column for column in columns_asked(reading) if column in able]
        return asked[0] if asked else None
    near.sort(key=lambda one: (min(abs(at - place) for at in one.words) > 4, -one.score,
                               min(abs(at - place) for at in one.words)))  # fmt: skip
    return near[0].column if near else None


def _numbers_of_columns(reading: Reading) -> None:
    """ "27 points", "week 9", "three silver medals", "second place": a number beside the column it is of."""
    links = reading.links
    for place, word in enumerate(links.words):
        if place in reading.used:
            continue
        number = say.NUMBER_WORDS.get(word, word)
        ordinal = (
            say.ORDINALS.get(word) or (re.match(r"^(\d+)(?:st|nd|rd|th|e|de|ste)$", word) or [None, None])[1]
        )
        value = number if _NUMBER.match(number) and not _YEAR.match(number) else ordinal
        if value is None:
            continue
        for one in links.columns:
            beside = {place - 1, place + 1} & one.words or (not ordinal and place + 2 in one.words)
            if beside and one.column.kind in ("number", "text") and reading.add(one.column, "=", value):
                reading.used |= {place} | one.words
                break
