"""Which questions ask for the same: by vectors where the embedder knows the language, by letters elsewhere.

Greedy: each question joins the group whose first question it is closest to, or begins one of its own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.embedding import Embedder, FloatVector
from knowledge.lexical import Script, script_of
from knowledge.ranking import dense_share

_COSINE = 0.65  # of two questions in a language that the embedder knows
_LETTERS = 0.45  # shared share of letter groups, in any other language or script
_KNOWN_LANGUAGE_SHARE = 0.35  # as the refusal has it
_GRAM = {Script.WORDS: 3, Script.SYLLABLES: 3, Script.CHARACTERS: 2}


@dataclass(frozen=True, eq=False)
class Asked:
    """A question as it is compared."""

    vector: FloatVector
    grams: frozenset[str]
    trusted: bool  # the embedder knows its language


def asked(embedder: Embedder, question: str, vector: FloatVector) -> Asked:
    """A question ready to be compared. A vector of another embedder is not trusted."""
    known = (
        len(vector) == embedder.dim and dense_share(embedder.foreignness(question)) >= _KNOWN_LANGUAGE_SHARE
    )
    return Asked(vector, _grams(question), known)


def closeness(one: Asked, other: Asked) -> float:
    """1 and more when two questions ask for the same."""
    if one.trusted and other.trusted:
        return float(np.dot(one.vector, other.vector)) / _COSINE
    return 2 * len(one.grams & other.grams) / max(len(one.grams) + len(other.grams), 1) / _LETTERS


def assign(leaders: Sequence[Asked], questions: Sequence[Asked]) -> list[int]:
    """For each question the number of its group; numbers from len(leaders) on are new groups."""
    firsts = list(leaders)
    groups = []
    for question in questions:
        scores = [closeness(question, first) for first in firsts]
        best = max(range(len(scores)), key=scores.__getitem__, default=-1)
        if best < 0 or scores[best] < 1:
            best = len(firsts)
            firsts.append(question)
        groups.append(best)
    return groups


def _grams(text: str) -> frozenset[str]:
    """Letter groups of a text, words with their edges."""
    length = _GRAM[script_of(text)]
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(
        letter if letter.isalnum() or unicodedata.combining(letter) else " " for letter in folded
    ).split()
    line = f" {' '.join(words)} "
    return frozenset(line[start : start + length] for start in range(max(len(line) - length + 1, 1)))
