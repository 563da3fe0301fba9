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
    "range": {"en": "difference", "nl": "verschil", "de": "Unterschied"},
}


def lines(answer: TableAnswer, language: str) -> list[str]:
    """The answer, a line a row: "Desk lamp: 49.95 (Price)". Labels are English where there are no others."""
    match answer.query.aggregate:
        case None | "min" | "max":
            return _rows(answer)
        case "count" | "count_distinct":
            return [_counted(answer)]
        case "most_common" | "least_common":
            return [f"{row.cells[0]} ({answer.value}\N{MULTIPLICATION SIGN})" for row in answer.rows]
        case aggregate:
            labels = _LABELS[aggregate]
            names = " / ".join(column.name for column in answer.columns)
            return [f"{names}, {labels.get(language, labels['en'])}: {answer.value}"]


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


def _rows(answer: TableAnswer) -> list[str]:
    key = answer.table.key
    ordered = answer.query.aggregate in ("min", "max")
    said: list[str] = []
    for row in answer.rows:
        named = list(zip(answer.columns, row.cells, strict=True))
        if ordered and len(named) > 1:
            named = [*named[1:], named[0]]  # what was asked for, then what it was ordered by
        values = [(column, text) for column, text in named if column is not key]
        if ordered and len(named) > 1 and named[0][0] is not key:
            said.append(f"{named[0][1]}: {'; '.join(_value(*each) for each in named[1:])}")
        elif not values:
            said.append(row.name)
        else:
            said.append(f"{row.name}: {'; '.join(_value(*each) for each in values)}")
    return list(dict.fromkeys(said))


def _value(column: Column, text: str) -> str:
    """A cell; a bare number says which column it is of."""
    return f"{text} ({column.name})" if text and text[-1].isdigit() and text[0].isdigit() else text


def _counted(answer: TableAnswer) -> str:
    if answer.total > _NAMED:
        return f"{answer.value}"
    return f"{answer.value}: {'; '.join(_name(row, answer) for row in answer.rows)}" if answer.rows else "0"


def _name(row: ResultRow, answer: TableAnswer) -> str:
    return row.cells[0] if answer.query.aggregate == "count_distinct" else row.name
