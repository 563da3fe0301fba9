"""Does the knowledge hold an answer at all? A rule calibrated for each knowledge base, without labels.

A fixed threshold does not transfer between knowledge bases: what a cosine means depends on the language of
the text, and what shared letters mean depends on how much text there is. So each one is asked questions that
it cannot answer (generic ones, and its own sentences with the letters of their words shuffled, which look
like its language and mean nothing) and questions that it can (halves of its own sentences, its headings).

The rule adds up what the best passage shares with the question and, as far as the embedder knows the
question's language, how far its vectors stand out from those of unanswerable questions. How much has to be
shared follows from the echo: what half of a sentence shares with passages that have nothing to do with it. A
language of few syllables echoes loudly, one of many forms hardly. The rule cannot see a false premise about a
topic that the knowledge does cover.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import log10
from typing import TypeVar

import numpy as np

from knowledge.generic_questions import ENGLISH, FOREIGN
from knowledge.lexical import LexicalIndex, Script, script_of
from knowledge.ranking import Evidence, dense_share, knows_language

_Any = TypeVar("_Any")
Probe = Callable[[str], Evidence]  # runs one question through the knowledge base's own search

# Fitted by logistic regression over 22 knowledge bases in 7 languages, 28 to 289 chunks; with any language
# left out the others give nearly the same. The line itself and those for sheets were set by hand.
_VECTOR_WEIGHT = 0.1  # how much standing out counts against shared letters
_LINE = 0.15
_LINE_BY_SHARE = 1.25  # where vectors are trusted, more is asked
_LINE_BY_ECHO = 4.7  # what is shared by chance
_LINE_BY_SIZE = 0.19  # for ten times as many chunks: more text, more chance overlap
_LINE_SHEET, _LINE_SHEET_BY_SIZE = -0.14, 0.3  # a question about rows names a column and a value, little else
_USUAL_ECHO = {Script.WORDS: 0.12, Script.SYLLABLES: 0.09, Script.CHARACTERS: 0.0}
_ENOUGH_CHUNKS = 20  # fewer do not tell the echo; the usual one stands in for those that are missing
_OUTSTANDING = 16.0  # beyond this many deviations it adds no more
_OUTSTANDING_LINE = 9.5  # deviations; standing out this far is enough, for a question in words of its own
_OTHER_LANGUAGE_LINE = 3.0  # deviations; the letters say nothing when the languages differ
_SURELY_KNOWN_PIECES = 1.25  # pieces per word: most English questions, hardly any German or Spanish one
_SAMPLES = 32  # own sentences tried in each disguise
_ECHO_SAMPLES = 64


@dataclass(frozen=True)
class Null:
    """What unanswerable questions score: the usual best cosine of chunks and of sentences, and its spread."""

    dense: float
    dense_spread: float
    sentence: float
    sentence_spread: float

    def outstanding(self, evidence: Evidence) -> float:
        """By how many spreads both cosines exceed the usual, added up."""
        dense = (evidence.dense - self.dense) / self.dense_spread
        return dense + (evidence.sentence - self.sentence) / self.sentence_spread


@dataclass(frozen=True)
class Calibration:
    """The rule of one generation of one knowledge base."""

    chunks: int
    embedder_knows_text: bool
    known_language: Null  # for questions in a language that the embedder knows
    other_language: Null
    slack: float  # lowers the line where own sentences would not pass
    echo: float = _USUAL_ECHO[Script.WORDS]

    def margin(self, evidence: Evidence) -> float:
        """Above 0 when the knowledge probably holds an answer."""
        if not self.chunks:
            return -1.0
        share = dense_share(evidence.foreignness)
        embedder_knows_question = knows_language(evidence.foreignness)
        knows_text = self.embedder_knows_text if evidence.knows_text is None else evidence.knows_text
        null = self.known_language if embedder_knows_question else self.other_language
        outstanding = null.outstanding(evidence)
        vectors = _VECTOR_WEIGHT * share * max(-3.0, min(outstanding, _OUTSTANDING))
        shared = evidence.lexical + evidence.sentence_lexical + evidence.coverage
        margin = shared + vectors - self._line(share, evidence.from_sheet)
        if knows_text and embedder_knows_question:
            margin = max(margin, _VECTOR_WEIGHT * (outstanding - _OUTSTANDING_LINE))
        if _other_language(evidence, knows_text, embedder_knows_question):
            margin = max(margin, _VECTOR_WEIGHT * (outstanding - _OTHER_LANGUAGE_LINE))
        return margin + self.slack

    def _line(self, share: float, from_sheet: bool) -> float:
        """How much has to be shared."""
        size = log10(self.chunks)
        if from_sheet:
            return _LINE_SHEET + _LINE_BY_SHARE * share + _LINE_SHEET_BY_SIZE * size
        return _LINE + _LINE_BY_SHARE * share + _LINE_BY_ECHO * self.echo + _LINE_BY_SIZE * size

    def known(self, evidence: Evidence) -> bool:
        """True when the knowledge probably holds an answer."""
        return self.margin(evidence) > -1e-9  # slack puts some exactly on the line

    def to_json(self) -> dict[str, object]:
        """A plain object for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Calibration:
        """Read what `to_json` wrote."""
        nulls = {name: Null(**data[name]) for name in ("known_language", "other_language")}  # type: ignore[arg-type]
        return cls(**{**data, **nulls})  # type: ignore[arg-type]


def _other_language(evidence: Evidence, knows_text: bool, knows_question: bool) -> bool:
    """True when the question is surely not in the language of the text."""
    if knows_text:
        return not knows_question
    return knows_question and evidence.foreignness.pieces_per_word < _SURELY_KNOWN_PIECES


def calibrate(
    probe: Probe,
    *,
    chunks: int,
    headings: Sequence[str],
    sentences: Sequence[str],
    embedder_knows_text: bool,
    echo: float = _USUAL_ECHO[Script.WORDS],
) -> Calibration:
    """Draw the line for one knowledge base with some 100 questions; the same text gets the same line."""
    dice = random.Random(0)
    own = _spread_out([text for text in sentences if len(_pieces(text)) >= 3], _SAMPLES)
    if not chunks or not own:
        nothing = Null(0.3, 0.1, 0.4, 0.1)
        return Calibration(
            chunks, embedder_knows_text, known_language=nothing, other_language=nothing, slack=0.0
        )
    positives = [probe(_half(text, dice)) for text in own]
    positives += [probe(text) for text in _spread_out([text for text in headings if text.strip()], _SAMPLES)]
    strangers = FOREIGN if embedder_knows_text else [_jumbled(text, dice) for text in own]
    calibration = Calibration(
        chunks,
        embedder_knows_text,
        known_language=_null([probe(text) for text in ENGLISH]),
        other_language=_null([probe(text) for text in strangers]),
        slack=0.0,
        echo=echo,
    )
    lowest = float(np.quantile([calibration.margin(evidence) for evidence in positives], 0.05))
    return Calibration(**{**calibration.__dict__, "slack": max(0.0, -lowest)})


def echo_of(chunks: LexicalIndex, sentences: Sequence[str], owners: Sequence[int]) -> float:
    """What half of a sentence shares with chunks that have nothing to do with it, of what it could share.

    `owners` are the chunks of the sentences; the neighbours of a chunk repeat a sentence of it and do not
    count. Quarters keep out what does have to do with it, also where all the text is about one thing.
    """
    dice = random.Random(0)
    places = [place for place, text in enumerate(sentences) if len(_pieces(text)) >= 3]
    shared = []
    for place in _spread_out(places, _ECHO_SAMPLES):
        half, owner = _half(sentences[place], dice), owners[place]
        found = chunks.compare(half)
        scores = np.delete(found.scores, range(max(0, owner - 1), min(owner + 2, chunks.size)))
        if len(scores):
            shared.append(float(np.quantile(scores, 0.75)) / max(found.ceiling, 1e-9))
    usual = _USUAL_ECHO[script_of(" ".join(_spread_out(sentences, _ECHO_SAMPLES)))]
    told = min(1.0, chunks.size / _ENOUGH_CHUNKS) if shared else 0.0
    return usual + told * (float(np.quantile(shared or [usual], 0.25)) - usual)


def _null(negatives: Sequence[Evidence]) -> Null:
    dense, dense_spread = _middle([evidence.dense for evidence in negatives])
    sentence, sentence_spread = _middle([evidence.sentence for evidence in negatives])
    return Null(dense, dense_spread, sentence, sentence_spread)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Median and spread; robust, since a few generic questions may be answerable after all."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), max(float(high - low) / 1.35, 0.07)


def _spread_out(texts: Sequence[_Any], number: int) -> Sequence[_Any]:
    """At most `number` of the texts, evenly over the whole."""
    if len(texts) <= number:
        return texts
    return [texts[place * len(texts) // number] for place in range(number)]


def _has_spaces(text: str) -> bool:
    return len(text) <= 15 * max(len(text.split()), 1)


def _pieces(text: str) -> list[str]:
    """Words, or groups of four letters where the script writes none."""
    if _has_spaces(text):
        return text.split()
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def _half(text: str, dice: random.Random) -> str:
    """Every other piece or so of a stretch of the sentence: as much as a good question shares with it."""
    pieces = _pieces(text)
    stretch = min(len(pieces), 20)
    start = dice.randrange(len(pieces) - stretch + 1)
    kept = sorted(dice.sample(range(start, start + stretch), max(2, stretch // 2)))
    return " ".join(pieces[place] for place in kept)


def _jumbled(text: str, dice: random.Random) -> str:
    """Nine words with their letters shuffled; short words stay, as a real question shares those."""
    if not _has_spaces(text):
        start = dice.randrange(max(1, len(text) - 18))
        return _shuffled(text[start : start + 18], dice)
    words = text.split()
    start = dice.randrange(max(1, len(words) - 8))
    return " ".join(
        word if len(word) <= 3 else _shuffled(word.lower(), dice) for word in words[start : start + 9]
    )


def _shuffled(text: str, dice: random.Random) -> str:
    letters = list(text)
    dice.shuffle(letters)
    return "".join(letters)
