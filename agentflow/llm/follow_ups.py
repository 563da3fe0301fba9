"""Follow-ups about another row of a table: "What does the bench cost?", then "And the chair?"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentflow.llm.table_links import link
from knowledge.tables.columns import TypedTable


def about_another(asked: Sequence[str], table: TypedTable) -> Iterator[str]:
    """The earlier questions, last one first, asked of the row that the last message names.

    `asked` are the customer's messages, oldest first. Nothing when the last one names no row.
    """
    named, _ = _apart(asked[-1], table)
    if not named:
        return
    for earlier in reversed(asked[:-1]):
        old, question = _apart(earlier, table)
        place = question.index(old) if old else 0
        yield " ".join([*question[:place], named, *question[place + bool(old) :]])


def _apart(message: str, table: TypedTable) -> tuple[str, list[str]]:
    """What names a row in a message, whole where it is one row's, and the words with it as one of them."""
    links = link(message, table)
    cell = next((cell for cell in links.cells if cell.column is table.key), None)
    if cell is None:
        return "", list(links.words)
    rows = sorted(cell.rows)
    name = table.key.texts[rows[0]] if len(rows) == 1 else " ".join(links.words[cell.start : cell.end])
    return name, [*links.words[: cell.start], name, *links.words[cell.end :]]
