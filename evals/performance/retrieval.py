"""How often the passage that holds the answer is found, against words alone, vectors alone and their ranks.

A hit is a passage of the same document whose span covers the answer; an FAQ's answer of several paragraphs is
found by a passage that shares half of it, or lies half in it. Also: whether an offline reply holds the
answer, how many questions about other documents are refused, and the time of a search.
`python -m evals.performance.retrieval DATA [PART …]` runs recall, refusal, reply or speed alone.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from agentflow.kit.settings import Settings
from evals.performance import retrieval_refusal, retrieval_reply, retrieval_speed
from evals.performance.measuring import table
from evals.performance.retrieval_bases import (
    METHODS,
    Base,
    Gold,
    Remembering,
    Row,
    first_hits,
    open_base,
    read,
)
from knowledge import embedding_export
from knowledge.embedding_onnx import OnnxEmbedder

AIMS = {
    "retrieval_en @5": 97, "retrieval_en @1": 88,
    "24 articles en @5": 99, "24 articles de @5": 98, "24 articles es @5": 99, "24 articles zh @5": 98,
    "24 articles th @5": 97, "24 articles vi @5": 98, "24 articles ar @5": 98,
    "groups en @1": 94, "groups de @1": 91, "groups es @1": 91, "groups zh @1": 92, "groups th @1": 83,
    "groups vi @1": 89, "groups ar @1": 89,
    "FAQ nl→nl @5": 76, "FAQ en→en @5": 80, "FAQ across, mean @5": 40,
}  # fmt: skip
RESAMPLES = 2000

Found = Mapping[str, Sequence[tuple[bool, bool]]]  # by method: at 1 and at 5, for each question


def main(data: Path, parts: Sequence[str]) -> int:
    """Print the tables; 1 when retrieval_en is below its aim at 5."""
    settings = Settings()
    embedding_export.build(settings.model_cache)
    embedder = Remembering(OnnxEmbedder(settings.model_cache, precision=settings.embedding.precision))
    missed = 0
    if not parts or "recall" in parts or "refusal" in parts:
        groups = _groups(data)
        bases = {name: _open(embedder, *group) for name, group in groups.items()}
        if not parts or "recall" in parts:
            missed = _recall(data, embedder, bases, {name: rows for name, (_, rows) in groups.items()})
        if not parts or "refusal" in parts:
            retrieval_refusal.main(bases, {name: rows for name, (_, rows) in groups.items()})
    others: dict[str, Callable[[Path], None]] = {"reply": retrieval_reply.main, "speed": retrieval_speed.main}
    for name, measure in others.items():
        if not parts or name in parts:
            measure(data)
    embedder.close()
    return missed


def _groups(data: Path) -> dict[str, tuple[Path, list[Row]]]:
    """The questions of each agent, and the folder that its files are in."""
    groups: dict[str, tuple[Path, list[Row]]] = {}
    for part in ("retrieval_en", "retrieval_multi"):
        for line in (data / part / "qa.jsonl").read_text().splitlines():
            row = json.loads(line)
            groups.setdefault(row["agent"], (data / part / "docs", []))[1].append(row)
    return groups


def _open(embedder: Remembering, folder: Path, rows: Sequence[Row]) -> Base:
    return open_base(embedder, read(folder, sorted({row["doc"] for row in rows})))


def _recall(
    data: Path, embedder: Remembering, bases: Mapping[str, Base], rows: Mapping[str, list[Row]]
) -> int:
    """Print recall by set; returns 1 when the first is below its aim."""
    english, *groups = bases
    sets: dict[str, Found] = {"retrieval_en": _ask(bases[english], _gold(rows[english]))}
    for language in dict.fromkeys(rows[name][0]["lang"] for name in groups):
        own = [name for name in groups if rows[name][0]["lang"] == language]
        parts = [_ask(bases[name], _gold(rows[name])) for name in own]
        sets[f"groups {language}"] = {
            method: [hit for part in parts for hit in part[method]] for method in METHODS
        }
        everything = [row for name in own for row in rows[name]]
        folder = data / "retrieval_multi" / "docs"
        sets[f"24 articles {language}"] = _ask(_open(embedder, folder, everything), _gold(everything))
    sets |= _faq(data / "faq_gov" / "coronamelder", embedder)
    lines: list[tuple[str, ...]] = [("recall@1 / @5, %", "questions", *METHODS, "aim")]
    for name, found in sets.items():
        first, five = AIMS.get(f"{name} @1", "-"), AIMS.get(f"{name} @5", "-")
        cells = (" / ".join(f"{100 * share:.1f}" for share in _shares(found[method])) for method in METHODS)
        lines.append((name, str(len(found["ours"])), *cells, f"{first} / {five}"))
    table("retrieval", lines)
    _intervals({name: found["ours"] for name, found in sets.items() if name.startswith("FAQ")})
    return int(100 * _shares(sets["retrieval_en"]["ours"])[1] < AIMS["retrieval_en @5"])


def _gold(rows: Sequence[Row]) -> list[Gold]:
    """The answerable questions."""
    return [
        Gold(row["question"], row["doc"], row["answer_start"], row["answer_start"] + len(row["answers"][0]))
        for row in rows
        if row["answerable"]
    ]


def _ask(base: Base, asked: Sequence[Gold]) -> Found:
    return {method: [first_hits(base, gold, method) for gold in asked] for method in METHODS}


def _shares(found: Sequence[tuple[bool, bool]]) -> tuple[float, float]:
    first, five = np.mean(found, axis=0)
    return float(first), float(five)


def _faq(folder: Path, embedder: Remembering) -> dict[str, Found]:
    """Answers without their questions; the questions of the same and of the other language are asked."""
    entries = [json.loads(line) for line in (folder / "faq.jsonl").read_text().splitlines()]
    by_language: dict[str, dict[str, Row]] = defaultdict(dict)
    for entry in entries:
        by_language[entry["lang"]][entry["id"]] = entry
    bases: dict[str, Base] = {}
    for language in ("nl", "en"):
        names = sorted(
            f"{language}/questions_{part}.txt" for part in {e["set"] for e in by_language[language].values()}
        )
        bases[language] = open_base(embedder, read(folder / "docs_answers_only", names))
    sets: dict[str, Found] = {}
    for asked, told in (("nl", "nl"), ("en", "en"), ("nl", "en"), ("en", "nl")):
        shared = [name for name in by_language[asked] if name in by_language[told]]
        gold = [
            _answer(folder, told, by_language[asked][name]["title"], by_language[told][name])
            for name in shared
        ]
        sets[f"FAQ {asked}→{told}"] = _ask(bases[told], gold)
    across = (sets["FAQ nl→en"], sets["FAQ en→nl"])
    sets["FAQ across, mean"] = {method: [hit for one in across for hit in one[method]] for method in METHODS}
    return sets


def _answer(folder: Path, language: str, question: str, entry: Row) -> Gold:
    document = f"{language}/questions_{entry['set']}.txt"
    start = (folder / "docs_answers_only" / document).read_text().index(entry["body"])
    return Gold(question, document, start, start + len(entry["body"]), whole=False)


def _intervals(sets: Mapping[str, Sequence[tuple[bool, bool]]]) -> None:
    """Print where recall@5 may lie: 95 % of as many questions drawn again from the same."""
    dice = np.random.default_rng(0)
    lines: list[tuple[str, ...]] = [("recall@5, %", "95 % interval")]
    for name, found in sets.items():
        hits = np.array([five for _, five in found])
        drawn = hits[dice.integers(len(hits), size=(RESAMPLES, len(hits)))].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        lines.append((name, f"{100 * low:.0f} to {100 * high:.0f}"))
    table("few questions", lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
