"""Text → words → keyed hashes.

Case and compatibility forms fold together. Scripts without spaces are cut into pairs of letters.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterator
from itertools import groupby, pairwise

MAX_WORDS = 1000  # of one text
_LONGEST = 64  # letters of a word that count
_BITS = 8  # bytes of a hash that are kept
# Chinese, Japanese, Korean; then Thai, Lao, Burmese and Khmer.
_WITHOUT_SPACES = (
    (0x1100, 0x11FF),
    (0x2E80, 0x9FFF),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
)


def words_of(text: str) -> list[str]:
    """The different words of a text, in their order."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: dict[str, None] = {}
    for kind, letters in groupby(folded, _kind):
        if kind:
            found.update(dict.fromkeys(_cut("".join(letters), kind)))
        if len(found) >= MAX_WORDS:
            break
    return list(found)[:MAX_WORDS]


def _kind(letter: str) -> int:
    """0 between words, 1 in a word, 2 in a script without spaces."""
    if unicodedata.category(letter)[0] not in "LMN":
        return 0
    code = ord(letter)
    return 2 if any(low <= code <= high for low, high in _WITHOUT_SPACES) else 1


def _cut(run: str, kind: int) -> Iterator[str]:
    if kind == 1 or len(run) == 1:
        yield run[:_LONGEST]
    else:
        yield from (one + other for one, other in pairwise(run))


def hash_of(key: bytes, workspace_id: str, word: str) -> int:
    """A word's hash: the same word has another one in another workspace and under another key."""
    digest = hmac.new(key, f"{workspace_id}\n{word}".encode("utf-8", "replace"), hashlib.sha256).digest()
    return int.from_bytes(digest[:_BITS], "big", signed=True)


def name_of(key: bytes) -> str:
    """Says which key hashes were made with, without saying anything about it."""
    return hmac.new(key, b"name", hashlib.sha256).hexdigest()[:16]
