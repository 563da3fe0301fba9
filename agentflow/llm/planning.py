"""What the offline model does with a message: greet, call a tool, or look the question up.

A tool is planned by its example utterances, never by its description (descriptions misroute): the message has
to be close to an example, closer than to any ordinary question, else the knowledge is searched.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from agentflow.llm import phrases
from agentflow.llm.needs import refines
from knowledge.embedding import Embedder, FloatMatrix

SEARCH, TABLES, HAND_OFF = "search_knowledge", "query_table", "hand_off"
LIKENESS = 0.47  # of the message to a tool's nearest example, at least
MARGIN = 0.02  # and this much more than to the nearest ordinary question
TOUCH = 0.1  # share of letter groups that the message has with any example of a tool, at least
SAME = 0.8  # an ordinary question this near to a tool's example belongs to the tool
COSINE_SHARE = 0.5  # of likeness; the rest is shared letter groups
SmallTalk = Literal["greeting", "thanks", "goodbye", "okay", "about_me"]  # each has its text: `…_reply`

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MAX_PIECES = 3
_MAX_KEPT = 256  # sets of examples
_HUMAN_WORDS, _POINTER_WORDS, _ELLIPSIS_WORDS = 16, 7, 3


class Planner:
    """Chooses a tool for a message. Vectors of examples are kept, as tools are bound on every model call."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[tuple[str, ...], FloatMatrix] = {}

    def tool_for(self, message: str, tools: Mapping[str, Sequence[str]]) -> str | None:
        """The tool whose examples the message is like; None when it is an ordinary question.

        `tools` maps names to example utterances.
        """
        offered = {name: tuple(examples) for name, examples in tools.items() if name != SEARCH and examples}
        if HAND_OFF in offered and wants_human(message):
            return HAND_OFF
        grams = _grams(message)
        shared = [_dice(grams, _grams(example)) for examples in offered.values() for example in examples]
        if max(shared, default=0.0) < TOUCH:
            return None  # the usual case, decided without a vector
        ordinary = self._ordinary((*phrases.ORDINARY, *tools.get(SEARCH, ())), tuple(offered.values()))
        pieces = [message, *_pieces(message)]
        for piece, vector in zip(pieces, self._embedder.embed_documents(pieces), strict=True):
            scores = {name: self._likeness(piece, vector, examples) for name, examples in offered.items()}
            best = max(scores, key=scores.__getitem__)
            rivals = [score for name, score in scores.items() if name != best]
            floor = max([self._likeness(piece, vector, ordinary), *rivals])
            if scores[best] >= max(LIKENESS, floor + MARGIN):
                return best
        return None

    def _ordinary(self, texts: tuple[str, ...], offered: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        """The ordinary questions without those that are a tool's business here ("Where is my order?")."""
        owned = np.vstack([self._vectors_of(examples) for examples in offered])
        nearest = (self._vectors_of(texts) @ owned.T).max(axis=1)
        return tuple(text for text, near in zip(texts, nearest, strict=True) if near < SAME)

    def _vectors_of(self, texts: tuple[str, ...]) -> FloatMatrix:
        if texts not in self._vectors:
            if len(self._vectors) >= _MAX_KEPT:
                self._vectors.clear()
            self._vectors[texts] = self._embedder.embed_documents(texts)
        return self._vectors[texts]

    def _likeness(self, message: str, vector: np.ndarray, examples: tuple[str, ...]) -> float:
        if not examples:
            return 0.0
        grams = _grams(message)
        shared = np.array([_dice(grams, _grams(example)) for example in examples])
        return float(
            (COSINE_SHARE * (self._vectors_of(examples) @ vector) + (1 - COSINE_SHARE) * shared).max()
        )


def wants_human(message: str) -> bool:
    """The message asks for a person: it names one and what to do with them, and asks nothing about them."""
    folded = _fold(message)
    if len(_words(message)) > _HUMAN_WORDS or phrases.NO_REQUEST.search(folded):
        return False
    words = set(_words(message))
    alone = words & phrases.HUMAN_ALONE and words <= phrases.HUMAN_ALONE | phrases.POLITE
    if alone and len(words) <= 4 and "?" not in message:
        return True
    return any(verb.search(folded) and who.search(folded) for verb, who in phrases.HUMAN)


def small_talk(message: str) -> SmallTalk | None:
    """A message that only greets, thanks, agrees or takes leave, or asks who answers here."""
    if phrases.ABOUT_ME.fullmatch(_fold(message).strip("¿¡ ")):
        return "about_me"
    words = _words(message)
    if not words or len(words) > 7 or message.rstrip().endswith("?"):
        return None
    if not set(words) <= phrases.HELLO | phrases.THANKS | phrases.GOODBYES | phrases.OKAYS | phrases.FILLER:
        return None
    if words[0] in phrases.HELLO - {"dag", "guten"}:
        return "greeting"
    kinds: Mapping[SmallTalk, frozenset[str]] = {
        "goodbye": phrases.GOODBYES,
        "thanks": phrases.THANKS,
        "greeting": phrases.HELLO,
        "okay": phrases.OKAYS,
    }
    return next((kind for kind, own in kinds.items() if own & set(words)), None)


def with_context(message: str, earlier: Sequence[str]) -> str:
    """The message as a question of its own: a follow-up gets the customer's last question in front.

    `earlier` are the customer's earlier messages, oldest first.
    """
    before = [text for text in earlier if text.strip() and small_talk(text) is None]
    if not before or not (is_follow_up(message) or refines(message, before)):
        return message
    return f"{with_context(before[-1], before[-2:-1])} {message}"


def is_follow_up(message: str) -> bool:
    """Whether a short message only makes sense behind the one before it."""
    words = _words(message)
    if not words or len(words) > _POINTER_WORDS:
        return False
    if phrases.FOLLOW_UP.match(_fold(message).lstrip("¿¡ ")) or _is_ellipsis(message, words):
        return True
    return points_back(message)


def points_back(message: str) -> bool:
    """Whether a short message says "it", "that" or the like of something named before."""
    words = _words(message)
    if not words or len(words) > _POINTER_WORDS or phrases.EMPTY_IT.search(_fold(message)):
        return False
    return bool(phrases.POINTERS & set(words[1:])) or (len(words) > 1 and words[-1] in phrases.LAST_POINTERS)


def _is_ellipsis(message: str, words: Sequence[str]) -> bool:
    """A few words that only make sense behind another question: "Why?", "for children?", "how long?"."""
    short = len(words) <= _ELLIPSIS_WORDS and message.rstrip().endswith("?") and words[0] in phrases.OPENINGS
    light = all(len(word) <= 4 or word in phrases.OPENINGS for word in words[:2])
    return short and (light or len(words) < _ELLIPSIS_WORDS)


def _pieces(message: str) -> list[str]:
    """The first sentences of a message that has several."""
    pieces = [piece.strip() for piece in _SENTENCE.split(message) if piece.strip()]
    return pieces[:_MAX_PIECES] if len(pieces) > 1 else []


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    return "".join(char for char in plain if not unicodedata.combining(char))


def _words(text: str) -> list[str]:
    return _WORD.findall(_fold(text))


@lru_cache(maxsize=2048)
def _grams(text: str) -> frozenset[str]:
    return frozenset(
        f" {word} "[start : start + 4] for word in _words(text) for start in range(max(len(word) - 1, 1))
    )


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / max(len(one) + len(other), 1)
