"""Text as it is compared: without case and in one spelling of each letter."""

from __future__ import annotations

import unicodedata

MAX_KEY = 500  # characters; folding may lengthen a text, and an index of PostgreSQL holds 2,700 bytes
LAST = "\U0010ffff"  # after every letter; in no folded text
_TABLE = {ord(LAST): None, 0: None}


def fold(text: str) -> str:
    """The key of a text: two texts that people read as the same have the same."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_TABLE)
    return unicodedata.normalize("NFKC", " ".join(folded.split()))[:MAX_KEY]


def fold_or_none(text: str | None) -> str | None:
    """The key of a text that may be missing."""
    return None if text is None else fold(text)


def sort_key(name: str | None) -> str:
    """What contacts are sorted by; those without a name come last."""
    return fold(name) if name else LAST
