"""Which words of a question speak of which columns and cells of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentflow.llm.table_words import ROLES, STOP, Role
from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.values import fold, holds, stem
from knowledge.tables.values import words as tokens

_MAX_SPAN = 10  # words of a question taken for a cell's text
_ALIKE = 0.62  # share of two words' letters that has to be their common start
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")


@dataclass(frozen=True)
class ColumnLink:
    """A column that the question names. `words` are the places of its words; `score` 0 to 1."""

    column: Column
    words: frozenset[int]
    score: float


@dataclass(frozen=True)
class CellLink:
    """Words [start, end) of the question that stand in cells of a column; `whole` when they are all of it."""

    column: Column
    start: int
    end: int
    rows: frozenset[int]
    whole: bool
    value: str

    @property
    def words(self) -> frozenset[int]:
        """The places of its words."""
        return frozenset(range(self.start, self.end))


@dataclass(frozen=True, eq=False)
class Links:
    """A question and the table it is asked of."""

    text: str  # folded
    words: tuple[str, ...]
    starts: tuple[int, ...]  # where each word begins in the text
    columns: tuple[ColumnLink, ...]  # best first
    cells: tuple[CellLink, ...]  # longest first

    def place_of(self, position: int) -> int:
        """The first word at or behind a position of the text."""
        return next((index for index, start in enumerate(self.starts) if start >= position), len(self.words))


def link(question: str, table: TypedTable) -> Links:
    """Link a question with a table. Takes time with the cells: call it off the event loop."""
    text = fold(question)
    words = tokens(text)
    columns = sorted(
        _columns(words, table), key=lambda found: (-found.score * len(found.words), found.column.index)
    )
    cells = list(_cells(words, table))
    return Links(
        text,
        words,
        tuple(_starts(text, words)),
        tuple(columns),
        tuple(_without_weaker(cells)),
    )


def _starts(text: str, words: Sequence[str]) -> Iterator[int]:
    place = 0
    for word in words:
        place = text.index(word, place)
        yield place
        place += len(word)


def alike(one: str, other: str) -> bool:
    """Whether two words are forms of one: equal but for an ending."""
    one, other = stem(one), stem(other)
    if one == other:
        return True
    shorter, longer = sorted((len(one), len(other)))
    if shorter < 4:
        return False
    common = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        common += 1
    return common >= 4 and common >= _ALIKE * longer


def columns_of_role(table: TypedTable, role: Role) -> list[Column]:
    """The columns whose names say that they hold this."""
    pattern = next(header for name, _, header in ROLES if name == role)
    return [column for column in table.columns if pattern.search(fold(column.name))]


def _columns(words: Sequence[str], table: TypedTable) -> Iterator[ColumnLink]:
    for column in table.columns:
        name = fold(column.name)
        core = [word for word in tokens(_BRACKETS.sub(" ", name)) if word not in STOP] or list(tokens(name))
        if not core:
            continue
        places: set[int] = set()
        hits = 0
        for part in core:
            found = [
                place for place, word in enumerate(words) if word not in STOP | {part} and alike(word, part)
            ] + [place for place, word in enumerate(words) if word == part]
            places.update(found)
            hits += bool(found)
        if hits:
            yield ColumnLink(column, frozenset(places), hits / len(core))


def _cells(words: Sequence[str], table: TypedTable) -> Iterator[CellLink]:
    """The longest runs of the question's words in the cells of each column."""
    stems = [stem(word) for word in words]
    for column in table.columns:
        start = 0
        while start < len(words):
            end = _end_of_known(column, stems, start)
            rows: list[int] = []
            while end > start and not rows:
                if any(word not in STOP for word in words[start:end]):
                    rows = _rows_with(column, stems[start:end])
                end -= 1
            if rows:
                yield _cell_link(column, start, end + 1, rows, words)
            start = end + 1 if rows else start + 1


def _end_of_known(column: Column, stems: Sequence[str], start: int) -> int:
    """Where the words from `start` on that stand somewhere in the column end."""
    end = start
    while end < min(len(stems), start + _MAX_SPAN) and stems[end] in column.rows_by_stem:
        end += 1
    return end


def _cell_link(column: Column, start: int, end: int, rows: Sequence[int], words: Sequence[str]) -> CellLink:
    run = tuple(stem(word) for word in words[start:end])
    whole = [row for row in rows if column.stems[row] == run]
    chosen = whole or rows
    value = column.texts[chosen[0]] if whole else " ".join(words[start:end])
    return CellLink(column, start, end, frozenset(chosen), bool(whole), value)


def _rows_with(column: Column, run: Sequence[str]) -> list[int]:
    rows = set.intersection(*(column.rows_by_stem[word] for word in run))
    return sorted(row for row in rows if len(run) == 1 or holds(column.stems[row], run))


def _without_weaker(cells: Sequence[CellLink]) -> list[CellLink]:
    """Without those whose words are part of a longer run, the longest and most exact first."""
    ordered = sorted(cells, key=lambda cell: (cell.start - cell.end, not cell.whole, len(cell.rows)))
    kept: list[CellLink] = []
    for cell in ordered:
        if not any(cell.words < other.words for other in kept):
            kept.append(cell)
    return kept
