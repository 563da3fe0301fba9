"""How many lies the citation check lets out, and how many true sentences.

A seeded generator makes lies from documents written for this (`citation_documents/heldout`, which nothing was
tuned on): a wrong number, a swapped name, a negation put in or taken out, half of them in a rewording. It
shares no code with the check. `python -m evals.performance.citations` prints a table; `--text FOLDER` also
changes sentences of a folder's .txt files, which may be anybody's.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentflow.agents.citations import CitationChecker, classify
from agentflow.agents.sentences import split_sentences
from agentflow.bootstrap import open_embedder
from agentflow.kit.settings import Settings
from knowledge.embedding import Embedder
from knowledge.passages import Passage, PassageSentence

Change = Literal["verbatim", "reworded", "number", "name", "negation"]
DOCUMENTS = Path(__file__).parent / "citation_documents"
_PER_PASSAGE = 8  # sentences

_FOREIGN_NAMES = {
    "en": (
        "Dorothy Hale",
        "Ravensmoor",
        "Callum Voss",
        "Brightwater",
        "Tilbury",
        "Nadia Osman",
        "Kingsbarrow",
    ),
    "nl": (
        "Harmen Postma",
        "Wolvega",
        "Marieke Vonk",
        "Zonnedauw",
        "Kerkrade",
        "Samira Bakkali",
        "Blauwgras",
    ),
    "de": (
        "Gudrun Pfeiffer",
        "Oberursel",
        "Konrad Ziegler",
        "Waldheim",
        "Rostock",
        "Emine Yilmaz",
        "Tannberg",
    ),
}
_NUMBER_WORDS = {
    "en": (
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "twelve",
        "fourteen",
        "thirty",
    ),
    "nl": (
        "twee",
        "drie",
        "vier",
        "vijf",
        "zes",
        "zeven",
        "acht",
        "negen",
        "tien",
        "elf",
        "twaalf",
        "dertig",
    ),
    "de": ("zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"),
}
_REMOVALS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"\bcannot\b", "can"), (r"n't\b", ""), (r" not\b", ""), (r"\bnever ", ""), (r"\bNo\b", "A"),
        (r"\bno\b", "a"), (r"\bclosed\b", "open"), (r"\bforbidden\b", "allowed"),
        (r"\bnothing\b", "something"),
    ),
    "nl": (
        (r" niet\b", ""), (r"\bgeen\b", "een"), (r"\bnooit\b", "altijd"), (r"\bgesloten\b", "open"),
        (r"\bverboden\b", "toegestaan"), (r"\bZonder\b", "Met"), (r"\bzonder\b", "met"),
    ),
    "de": (
        (r" nicht\b", ""), (r"\bkein(e|en)?\b", r"ein\1"), (r"\bnichts\b", "etwas"),
        (r"\bgeschlossen\b", "geöffnet"), (r"\bverboten\b", "erlaubt"),
    ),
}  # fmt: skip
_VERBS = {
    "en": r"\b(?:is|are|was|were|can|may|must|has|have|will|does|do)\b",
    "nl": r"\b(?:is|zijn|was|kan|kun je|kunt|mag|mogen|moet|moeten|wordt|worden|heeft|hebben)\b",
    "de": r"\b(?:ist|sind|war|kann|können|darf|dürfen|muss|müssen|wird|werden|hat|haben)\b",
}
_NOT = {"en": "not", "nl": "niet", "de": "nicht"}


@dataclass(frozen=True)
class Document:
    """A written document: sentences with a rewording each, and the names that stand in it."""

    language: str
    title: str
    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Claim:
    """A sentence an answer might hold, and what was done to make it."""

    document: Document
    text: str
    change: Change
    reworded: bool


@dataclass(frozen=True)
class Figures:
    """Shares between 0 and 1."""

    number_lies_out: float
    other_lies_out: float
    true_out: float


def read_documents(folder: Path) -> list[Document]:
    """Every document of a folder such as `citation_documents/heldout`."""
    documents = []
    for path in sorted(folder.glob("*.txt")):
        title, names, *lines = path.read_text(encoding="utf-8").splitlines()
        pairs = tuple(tuple(line.split(" | ", 1)) for line in lines if line.strip())
        documents.append(
            Document(
                path.stem[:2],
                title.removeprefix("# "),
                tuple(name.strip() for name in names.removeprefix("@").split("|")),
                tuple((pair[0], pair[1]) for pair in pairs),
            )
        )
    return documents


def passages_of(sentences: Sequence[str], title: str, embedder: Embedder) -> list[Passage]:
    """The sentences as passages, as a search would give them back."""
    vectors = embedder.embed_documents(sentences)
    passages = []
    for first in range(0, len(sentences), _PER_PASSAGE):
        group = range(first, min(first + _PER_PASSAGE, len(sentences)))
        parts = tuple(PassageSentence(sentences[i], None, None, None, vectors[i], 0.0) for i in group)
        passages.append(
            Passage(
                chunk_id=f"chk_{first}",
                source_id="src_1",
                source="document.txt",
                version=1,
                public=False,
                page=None,
                sheet=None,
                row=None,
                start=None,
                end=None,
                text=" ".join(part.text for part in parts),
                heading=title,
                score=0.0,
                dense=0.0,
                lexical=0.0,
                sentence=0.0,
                sentences=parts,
            )
        )
    return passages


def true_claims(documents: Sequence[Document], rng: random.Random, number: int) -> list[Claim]:
    """Sentences of the documents, every other one reworded."""
    pool = [(document, pair) for document in documents for pair in document.pairs]
    chosen = rng.sample(pool, number)
    return [
        Claim(document, pair[index % 2], "reworded" if index % 2 else "verbatim", bool(index % 2))
        for index, (document, pair) in enumerate(chosen)
    ]


def lies(documents: Sequence[Document], rng: random.Random, change: Change, number: int) -> list[Claim]:
    """Sentences made untrue, every other one from a rewording."""
    makers: dict[str, Callable[[Document, str, random.Random], str | None]] = {
        "number": wrong_number,
        "name": swapped_name,
        "negation": turned,
    }
    made: list[Claim] = []
    pool = [(document, pair) for document in documents for pair in document.pairs]
    while len(made) < number:
        document, pair = rng.choice(pool)
        reworded = bool(len(made) % 2)
        text = makers[change](document, pair[reworded], rng)
        if text and text not in pair and all(text != claim.text for claim in made):
            made.append(Claim(document, text, change, reworded))
    return made


def wrong_number(document: Document, text: str, rng: random.Random) -> str | None:
    """One figure changed: a digit, a neighbour, a double, or another figure of the same document."""
    spots = [
        match
        for match in re.finditer(r"\d+(?:[.,:]\d+)*|[^\W\d_]+", text)
        if match[0][0].isdigit() or match[0].lower() in _NUMBER_WORDS[document.language]
    ]
    if not spots:
        return None
    spot = rng.choice(spots)
    if not spot[0][0].isdigit():
        others = [word for word in _NUMBER_WORDS[document.language] if word != spot[0].lower()]
        return text[: spot.start()] + rng.choice(others) + text[spot.end() :]
    digits = re.match(r"\d+", spot[0])
    assert digits is not None
    value = int(digits[0])
    elsewhere = re.findall(r"(?<![\d.,:])\d+(?![\d.,:])", " ".join(pair[0] for pair in document.pairs))
    options = {value + 1, value * 2 + 1, max(value - 1, 1), int(rng.choice(elsewhere or ["7"]))} - {value}
    changed = str(rng.choice(sorted(options))).zfill(len(digits[0]))
    return text[: spot.start()] + changed + spot[0][digits.end() :] + text[spot.end() :]


def swapped_name(document: Document, text: str, rng: random.Random) -> str | None:
    """One name replaced by another one of the document or by a stranger's."""
    present = [name for name in document.names if name in text]
    if not present:
        return None
    others = [name for name in document.names if name not in text]
    pool = others if others and rng.random() < 0.5 else list(_FOREIGN_NAMES[document.language])
    return text.replace(rng.choice(present), rng.choice(pool))


def turned(document: Document, text: str, rng: random.Random) -> str | None:
    """A negation taken out where there is one, else put in behind the first suitable verb."""
    language = document.language
    for pattern, replacement in _REMOVALS[language]:
        changed = re.sub(pattern, replacement, text, count=1)
        if changed != text:
            return changed[0].upper() + changed[1:]
    verb = re.search(_VERBS[language], text)
    if verb is None:
        return None
    return f"{text[: verb.end()]} {_NOT[language]}{text[verb.end() :]}"


class Judge:
    """Keeps each document's passages, and says whether a claim would reach the customer."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._checker = CitationChecker(embedder)
        self._passages: dict[str, list[Passage]] = {}

    def lets_out(self, claim: Claim) -> bool:
        """True when the sentence gets a citation or passes for small talk."""
        title = claim.document.title
        if title not in self._passages:
            sentences = [pair[0] for pair in claim.document.pairs]
            self._passages[title] = passages_of(sentences, title, self._embedder)
        return (
            self._checker.cite(claim.text, self._passages[title]) is not None
            or classify(claim.text) != "fact"
        )


def measure(documents: Sequence[Document], judge: Judge, seed: int) -> tuple[Figures, list[Claim]]:
    """60 lies and 60 true sentences; beside the figures, the claims that were judged wrongly."""
    rng = random.Random(seed)
    numbers = lies(documents, rng, "number", 30)
    others = lies(documents, rng, "name", 15) + lies(documents, rng, "negation", 15)
    truths = true_claims(documents, rng, 60)
    out = {id(claim): judge.lets_out(claim) for claim in [*numbers, *others, *truths]}
    wrong = [claim for claim in [*numbers, *others] if out[id(claim)]]
    wrong += [claim for claim in truths if not out[id(claim)]]
    figures = Figures(
        *(sum(out[id(claim)] for claim in group) / len(group) for group in (numbers, others, truths))
    )
    return figures, wrong


def documents_of_texts(folder: Path, per_file: int = 40) -> Iterator[Document]:
    """Plain English texts as documents; sentences of 8 to 40 words, names by their capitals."""
    for path in sorted(folder.glob("*.txt")):
        sentences = [
            s for s in split_sentences(path.read_text(encoding="utf-8")) if 8 <= len(s.split()) <= 40
        ]
        names = re.findall(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*", " ".join(sentences))
        distinct = tuple(sorted({name for name in names if names.count(name) <= 6}))
        step = max(1, len(sentences) // per_file)
        yield Document("en", path.name, distinct, tuple((s, s) for s in sentences[::step][:per_file]))


def report(documents: Sequence[Document], judge: Judge, seeds: Sequence[int], *, show: bool) -> None:
    """Print one line per seed and the mean."""
    rows = []
    print("seed  number lies out  other lies out  true out")
    for seed in seeds:
        figures, wrong = measure(documents, judge, seed)
        rows.append(figures)
        print(
            f"{seed:>4}  {figures.number_lies_out:>15.1%}  {figures.other_lies_out:>14.1%}"
            f"  {figures.true_out:>8.1%}"
        )
        for claim in wrong if show else ():
            print(f"      {claim.change}: {claim.text}")
    means = [
        sum(row) / len(rows)
        for row in zip(*((r.number_lies_out, r.other_lies_out, r.true_out) for r in rows), strict=True)
    ]
    print(f"mean  {means[0]:>15.1%}  {means[1]:>14.1%}  {means[2]:>8.1%}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", default="heldout", choices=("heldout", "calibration"))
    parser.add_argument("--text", type=Path)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    asyncio.run(_report_all(options))


async def _report_all(options: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        judge = Judge(await open_embedder(Settings(), stack))
        await asyncio.to_thread(_print_all, options, judge)


def _print_all(options: argparse.Namespace, judge: Judge) -> None:
    started = time.perf_counter()
    report(read_documents(DOCUMENTS / options.set), judge, range(options.seeds), show=options.show)
    print(f"{time.perf_counter() - started:.1f} s")
    if options.text:
        report(list(documents_of_texts(options.text)), judge, range(options.seeds), show=options.show)


if __name__ == "__main__":
    main()
