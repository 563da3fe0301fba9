"""How many questions about other agents' documents are refused, and how many answerable ones wrongly.

Once with the line as each knowledge base drew it for itself, without labels; and once with all lines shifted
together so that 5 % of the answerable questions are refused, which compares rules at one price. Aims there:
at least 92 % refused, no agent above 10 % wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evals.performance.measuring import table
from evals.performance.retrieval_bases import Base, Row
from knowledge.embedding import FloatVector

FALSE_REFUSALS = 0.05


def main(bases: Mapping[str, Base], rows: Mapping[str, Sequence[Row]]) -> None:
    """Print the table."""
    own = {name: margins(base, _questions(rows[name])) for name, base in bases.items()}
    near = {name: margins(base, _near(rows[name])) for name, base in bases.items()}
    strangers = {name: margins(base, _strangers(name, rows)) for name, base in bases.items()}
    english = {name: margins(base, _strangers(name, rows, "en")) for name, base in bases.items()}
    shift = float(np.quantile(np.concatenate(list(own.values())), FALSE_REFUSALS))
    for title, line in (("as calibrated", 0.0), ("at 5 % wrongly refused", shift)):
        lines: list[tuple[str, ...]] = [
            ("", "chunks", "answerable", "other documents", "near the topic", "other documents, in English")
        ]
        for name, base in bases.items():
            kinds = (own[name], strangers[name], near[name], english[name])
            lines.append((name, str(len(base.drafts)), *(_share(kind, line) for kind in kinds)))
        pooled = (np.concatenate(list(kind.values())) for kind in (own, strangers, near, english))
        lines.append(("all (aims: 5, 92)", "", *(_share(kind, line) for kind in pooled)))
        table(f"refused {title}, %", lines)


def margins(base: Base, questions: Sequence[str]) -> FloatVector:
    """How far above the line each question is."""
    found = [base.calibration.margin(base.rank(question).evidence) for question in questions]
    return np.array(found, dtype=np.float32)


def _share(margins: FloatVector, line: float) -> str:
    return f"{100 * np.mean(margins < line - 1e-9):.1f}" if len(margins) else "-"


def _questions(rows: Sequence[Row]) -> list[str]:
    return [row["question"] for row in rows if row["answerable"]]


def _near(rows: Sequence[Row]) -> list[str]:
    """Questions with a false premise about what the documents do tell."""
    return [row["question"] for row in rows if not row["answerable"]]


def _strangers(name: str, rows: Mapping[str, Sequence[Row]], language: str | None = None) -> list[str]:
    """Questions about documents this agent does not have, in its language or in another."""
    own = {_article(row) for row in rows[name]}
    spoken = rows[name][0]["lang"]
    if language == spoken:
        return []
    others = [row for group in rows.values() for row in group if _article(row) not in own]
    return _questions([row for row in others if row["lang"] == (language or spoken)])


def _article(row: Row) -> str:
    return str(row["doc"].split("/")[-1])
