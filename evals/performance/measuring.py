"""What every benchmark needs: quantiles, a table, the memory of a process, an application of one's own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from agentflow import bootstrap
from agentflow.kit.settings import Settings


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    sys.stdout.flush()


@asynccontextmanager
async def temporary_application(*, jobs: bool) -> AsyncIterator[bootstrap.Application]:
    """The product with its default settings on an empty folder."""
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        settings = Settings.model_validate({"home": Path(home)})
        async with bootstrap.start(settings, jobs=jobs) as application:
            yield application
