"""Results of rows into counts with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crm.contacts.imports.planning import RowResult
from crm.contacts.imports.schemas import ReasonCount, RowOutcome


def reasons(results: Iterable[RowResult]) -> list[ReasonCount]:
    """How many rows were not taken over, by reason."""
    found: dict[tuple[RowOutcome, str], ReasonCount] = {}
    for one in results:
        if one.code is None:
            continue
        key = (one.outcome, one.code)
        if key in found:
            found[key].count += 1
        else:
            found[key] = ReasonCount(
                outcome=one.outcome, code=one.code, detail=one.detail or "", count=1, first_row=one.number
            )
    return list(found.values())


def added(parts: Iterable[Sequence[ReasonCount]]) -> list[ReasonCount]:
    """The reasons of several batches, the most frequent first."""
    found: dict[tuple[RowOutcome, str], ReasonCount] = {}
    for part in parts:
        for one in part:
            key = (one.outcome, one.code)
            if key in found:
                found[key].count += one.count
            else:
                found[key] = one.model_copy()
    return sorted(found.values(), key=lambda one: (-one.count, one.code))


def counts(results: Sequence[RowResult]) -> dict[str, int]:
    """How many rows came to each end, and how many were about somebody met before."""
    return {outcome.value: sum(one.outcome is outcome for one in results) for outcome in RowOutcome} | {
        "duplicates": sum(one.is_duplicate for one in results)
    }
