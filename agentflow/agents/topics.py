"""What a refusal offers instead: headings and titles of what the knowledge holds near to the question.

They are words of documents, said in our own name. So only short titles go out: none that reads like a
sentence or an order, and none that holds an address or a number long enough to be somebody's.
"""

from __future__ import annotations

import re

from knowledge.passages import SearchResult
from knowledge.ranking import Evidence, dense_share

MOST = 3
_CHARS = 60
_WORDS = 10
_TRUSTED_SHARE = 0.35  # the embedder knows a question whose vectors count at least this much
# Questions about something else altogether stay below these.
_NEAR_COSINE = 0.28
_NEAR_LETTERS, _NEAR_LETTERS_FOREIGN = 0.15, 0.06  # of the question's rare letters in the best passage
_PRIVATE = re.compile(r"@|https?:|www\.|\d{5,}|(?:\d[ ./-]?){7,}", re.IGNORECASE)
_ORDER = re.compile(
    r"\b(ignore[rz]?|disregard|forget|instructions?|prompt|system|assistants?|guardrails?|pretend|"
    r"you (?:are|must)|negeer|vergeet|instructies?|ignorier\w*|vergiss|anweisung\w*|"
    r"ignora|olvida|instrucciones|oublie[rz]?)\b",
    re.IGNORECASE,
)


def closest_topics(found: SearchResult) -> tuple[str, ...]:
    """At most three titles, nearest first; none when the knowledge holds nothing near."""
    if found.evidence is None or not _is_near(found.evidence):
        return ()
    titles = (_shortened(title) for title in found.topics if _may_be_said(title))
    return tuple(dict.fromkeys(titles))[:MOST]


def _is_near(evidence: Evidence) -> bool:
    """Whether the best passage has to do with the question.

    The vectors of a language that the embedder does not know are all alike, so they say nothing.
    """
    if dense_share(evidence.foreignness) < _TRUSTED_SHARE:
        return evidence.coverage >= _NEAR_LETTERS_FOREIGN
    return evidence.coverage >= _NEAR_LETTERS or evidence.dense >= _NEAR_COSINE


def _may_be_said(title: str) -> bool:
    """Whether it is a title and nothing else."""
    ends = any(mark in title for mark in ".!;{}<>|\\`")
    return not (ends or len(title.split()) > _WORDS or _PRIVATE.search(title) or _ORDER.search(title))


def _shortened(title: str) -> str:
    """At most 60 characters, cut between words where there are any."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in title).split())
    if len(line) <= _CHARS:
        return line
    cut = line[: _CHARS - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"
