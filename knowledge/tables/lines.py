"""The answer of a query in a few words, made of nothing but cells, column names and the computed result."""

from __future__ import annotations

from collections.abc import Mapping

from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.query import ResultRow, TableAnswer

LANGUAGES = ("en", "nl", "de")
_NAMED = 5  # rows that a count names
_LABELS: Mapping[str, Mapping[str, str]] = {
    "sum": {"en": "total", "nl": "totaal", "de": "Summe"},
    "average": {"en": "average", "nl": "gemiddelde", "de": "Durchschnitt"},
    "difference": {"en": "difference", "nl": "verschil", "de": "Unterschied"},
}


Statement = tuple[str, tuple[ResultRow, ...]]  # what is said, and the rows it stands on


def lines(answer: TableAnswer, language: str) -> list[str]:
    """The answer, a line a row: "Desk lamp: 49.95 (Price)". Labels are English where there are no others."""
    return list(dict.fromkeys(text for text, _ in statements(answer, language)))


def statements(answer: TableAnswer, language: str) -> list[Statement]:
    """The lines, each with the rows that it stands on."""
    match answer.query.aggregate:
        case None | "min" | "max":
            return [(_row(row, answer), (row,)) for row in answer.rows]
        case "count" | "count_distinct":
            return [(_counted(answer), answer.rows)]
        case "most_common" | "least_common":
            sign = "\N{MULTIPLICATION SIGN}"
            return [(f"{row.cells[0]} ({answer.value}{sign})", (row,)) for row in answer.rows]
        case aggregate:
            labels = _LABELS[aggregate]
            names = " / ".join(column.name for column in answer.columns)
            named = f"{answer.rows[0].name} ({names})" if answer.total == 1 else names
            return [(f"{named}, {labels.get(language, labels['en'])}: {answer.value}", answer.rows)]


def row_text(table: TypedTable, position: int) -> str:
    """A whole row as a citation shows it."""
    header = table.table.draft.header
    filled = [column for column in table.columns if column.texts[position]]
    return "; ".join(
        f"{header[column.index]}: {column.texts[position]}"
        if header[column.index]
        else column.texts[position]
        for column in filled
    )


def _row(row: ResultRow, answer: TableAnswer) -> str:
    named = list(zip(answer.columns, row.cells, strict=True))
    if answer.query.aggregate in ("min", "max") and len(named) > 1:
        named = [*named[1:], named[0]]  # what was asked for, then what it was ordered by
        if named[0][0] is not answer.table.key:
            return f"{named[0][1]}: {'; '.join(_value(*each) for each in named[1:])}"
    values = [_value(column, text) for column, text in named if column is not answer.table.key]
    return f"{row.name}: {'; '.join(values)}" if values else row.name


def _value(column: Column, text: str) -> str:
    """A cell; a bare number says which column it is of."""
    bare = column.kind in ("number", "time") and text[:1].isdigit() and text[-1:].isdigit()
    return f"{text} ({column.name})" if bare else text


def _counted(answer: TableAnswer) -> str:
    if answer.total > _NAMED:
        return f"{answer.value}"
    return f"{answer.value}: {'; '.join(_name(row, answer) for row in answer.rows)}" if answer.rows else "0"


def _name(row: ResultRow, answer: TableAnswer) -> str:
    return row.cells[0] if answer.query.aggregate == "count_distinct" else row.name
