"""Whether a sentence and its source say yes and no to the same thing.

Not grammar: negations and words that deny by themselves ("closed", "verboden") are counted in the sentence
and in those clauses of the quote that it draws on; the counts must be both even or both odd. Beside that,
swaps of opposites (before and after, at most and at least), an added "only" and a dropped exception.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agentflow.agents.vocabulary import (
    CONDITIONS,
    EXCEPTIONS,
    FUNCTION_WORDS,
    NEGATIONS,
    NEGATIVE_POLES,
    ONLY,
    OPPOSITES,
    PHRASES,
    fold,
)

_PHRASES = tuple((re.compile(pattern), replacement) for pattern, replacement in PHRASES)
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_CLAUSE = re.compile(
    r"[,;:()–—.!?]\s+|\s(?:but|although|though|whereas|while|and|maar|hoewel|terwijl|en|aber|sondern|obwohl|wahrend|und)\s"
)
_INTERJECTION = re.compile(
    r"^\W*(?:no|nee|nein|non|yes|ja|oui|si)\s*[,!.:;–-]\s*"
)  # "No, dogs are not allowed"
_STEM = 5
_WHOLE = 0.8  # a sentence that holds this share of the quote's words is held against the whole quote


def stem(word: str) -> str:
    """A crude stem of a folded word: enough to see that "delivered" and "delivery" belong together."""
    if len(word) >= 8 and word.startswith("ge"):
        word = word[2:]
    if len(word) <= _STEM:
        return word.rstrip("s") if len(word) > 3 else word
    return word[:_STEM]


@lru_cache(maxsize=2048)
def content_stems(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    return frozenset(
        stem(word)
        for word in _WORD.findall(fold(text))
        if word not in FUNCTION_WORDS and word not in NEGATIONS
    )


def disagreement(sentence: str, quote: str) -> str | None:
    """Why the sentence turns the quote round, or None when it does not."""
    said, source = _normal(sentence), _normal(quote)
    said_words, source_words = _WORD.findall(said), _WORD.findall(source)
    relevant = [word for clause in _relevant_clauses(said_words, source) for word in clause]
    if (_denials(said_words) - _denials(relevant)) % 2:
        return "negation"
    if pair := _opposite(set(said_words), set(source_words)):
        return pair
    if _narrowed(said, set(relevant) | (set(source_words) & ONLY)):
        return "only"
    words = set(said_words)
    if set(source_words) & EXCEPTIONS and not words & (EXCEPTIONS | ONLY | CONDITIONS | NEGATIONS):
        return "exception"
    return None


def _normal(text: str) -> str:
    normal = _INTERJECTION.sub("", fold(text))
    normal = re.sub(r"\bcan't\b|\bcannot\b", "can not", normal)
    normal = re.sub(r"\bwon't\b", "will not", normal)
    normal = re.sub(r"n't\b", " not", normal)
    normal = re.sub(r"\bn'(?=\w)|\bne\b", "not ", normal)
    normal = re.sub(r"\bno\.\s*(?=\d)", "number ", normal)
    for pattern, replacement in _PHRASES:
        normal = pattern.sub(replacement, normal)
    return normal


def _denials(words: list[str]) -> int:
    return sum(1 for word in words if word in NEGATIONS or word in NEGATIVE_POLES)


def _relevant_clauses(said: list[str], source: str) -> list[list[str]]:
    """The fewest clauses of the quote that hold every content word it shares with the sentence."""
    clauses = [_WORD.findall(part) for part in _CLAUSE.split(source) if part and part.strip()]
    wanted = {stem(word) for word in said if word not in FUNCTION_WORDS and word not in NEGATIONS}
    wanted &= {stem(word) for clause in clauses for word in clause}
    everything = {
        stem(word)
        for clause in clauses
        for word in clause
        if word not in FUNCTION_WORDS and word not in NEGATIONS
    }
    if not wanted or len(wanted) >= _WHOLE * len(everything):
        return clauses
    chosen: list[list[str]] = []
    while wanted:
        best = max(clauses, key=lambda clause: len(wanted & {stem(word) for word in clause}))
        chosen.append(best)
        wanted -= {stem(word) for word in best}
    return chosen


def _opposite(said: set[str], source: set[str]) -> str | None:
    for left, right in OPPOSITES:
        for one, other in ((left, right), (right, left)):
            if said & one and not said & other and source & other and not source & one:
                return f"opposite: {min(said & one)}"
    return None


def _narrowed(said: str, source: set[str]) -> bool:
    """The sentence says "only" where the source does not limit. "Only 5 euro" limits nothing."""
    found = re.search(rf"\b(?:{'|'.join(sorted(ONLY))})\b(?!\s*[€$£]?\s?\d)", said)
    limits = (
        ONLY | EXCEPTIONS | NEGATIONS | NEGATIVE_POLES | {"upperbound", "lowerbound", "must", "moet", "muss"}
    )
    return found is not None and not source & limits
