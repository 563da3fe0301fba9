"""What a refusal offers instead: headings and titles of what the knowledge holds near to the question.

They are words of documents, said in our own name. So only short titles go out: none that reads like a
sentence or an order, and none that holds an address or a number long enough to be somebody's.
"""

from __future__ import annotations

import re

from knowledge.passages import SearchResult

MOST = 3
_CHARS = 60
_WORDS = 10
_NEAR = -0.45  # below the line of the refusal, the question is about something else altogether
_PRIVATE = re.compile(r"@|https?:|www\.|\d{5,}|(?:\d[ ./-]?){7,}", re.IGNORECASE)
_ORDER = re.compile(
    r"\b(ignore[rz]?|disregard|forget|instructions?|prompt|system|assistants?|guardrails?|pretend|"
    r"you (?:are|must)|negeer|vergeet|instructies?|ignorier\w*|vergiss|anweisung\w*|"
    r"ignora|olvida|instrucciones|oublie[rz]?)\b",
    re.IGNORECASE,
)


def closest_topics(found: SearchResult) -> tuple[str, ...]:
    """At most three titles, nearest first; none when the knowledge holds nothing near."""
    if found.margin < _NEAR:
        return ()
    titles = (_shortened(title) for title in found.topics if _may_be_said(title))
    return tuple(dict.fromkeys(titles))[:MOST]


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
