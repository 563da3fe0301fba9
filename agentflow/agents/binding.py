"""Whether a figure that stands in the quote stands there for the same thing.

"Returns within 30 days, refunds within 5" does not support "returns within 5 days". Where the quote has
several figures of one kind, the words around each are compared with the words around the sentence's figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentflow.agents.facts import Fact, unsupported
from agentflow.agents.polarity import stem
from agentflow.agents.vocabulary import FUNCTION_WORDS, fold

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_REACH = 7  # words to either side
_LEAD = 1.3  # how much closer another figure's surroundings must be before the sentence counts as wrong

Surroundings = dict[str, float]  # stem: weight, the nearer the heavier


def misplaced(sentence: str, said: Sequence[Fact], quote: str, quoted: Sequence[Fact]) -> Fact | None:
    """The first figure of the sentence that the quote uses for something else."""
    for fact in said:
        rivals = [other for other in quoted if other.kind == fact.kind and _comparable(fact, other)]
        own = [other for other in rivals if not unsupported(fact, [other], "")]
        others = [other for other in rivals if other not in own]
        if not own or not others:
            continue
        around = _surroundings(sentence, fact)
        best = max(_overlap(around, _surroundings(quote, other)) for other in own)
        rival = max(_overlap(around, _surroundings(quote, other)) for other in others)
        if rival > _LEAD * best + 0.05 and not _also_said(others, said):
            return fact
    return None


def _also_said(others: Sequence[Fact], said: Sequence[Fact]) -> bool:
    """The sentence gives every one of the rivals too, so none was exchanged for another."""
    return all(any(not unsupported(other, [fact], "") for fact in said) for other in others)


def _comparable(fact: Fact, other: Fact) -> bool:
    return fact.unit is None or other.unit is None or fact.unit == other.unit


def _surroundings(text: str, fact: Fact) -> Surroundings:
    weights: Surroundings = {}
    before = [match.group() for match in _WORD.finditer(text[: fact.start])][::-1]
    after = [match.group() for match in _WORD.finditer(text[fact.end :])]
    for side in (before, after):
        for distance, word in enumerate(side[:_REACH]):
            folded = fold(word)
            if folded not in FUNCTION_WORDS and not folded.isdigit():
                weights[stem(folded)] = max(weights.get(stem(folded), 0.0), 1 / (1 + distance))
    return weights


def _overlap(one: Surroundings, other: Surroundings) -> float:
    return sum(min(weight, other[word]) for word, weight in one.items() if word in other)
