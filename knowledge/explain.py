"""Why a passage was found: its sentence nearest to the question, and the letters both share."""

from __future__ import annotations

import unicodedata

import numpy as np

from knowledge.embedding import FloatVector
from knowledge.lexical import Script, script_of
from knowledge.passages import Passage, PassageSentence

_SHORTEST = {Script.WORDS: 4, Script.SYLLABLES: 3, Script.CHARACTERS: 2}  # as the lexical index cuts them


def best_sentence(passage: Passage, query: FloatVector) -> PassageSentence | None:
    """The sentence that speaks most for the passage, by vectors and letters alike; None where it has none."""
    if not passage.sentences:
        return None
    near = np.array([float(sentence.vector @ query) for sentence in passage.sentences])
    close = np.array([sentence.lexical for sentence in passage.sentences])
    highest = float(close.max())
    return passage.sentences[int(np.argmax(near + (close / highest if highest > 0 else 0.0)))]


def matched_letters(question: str, text: str) -> list[str]:
    """The longest stretches of the question's words that stand in the text; short words only as a whole."""
    held = f" {' '.join(_words(text))} "
    found: list[str] = []
    for word in _words(question):
        shortest = _SHORTEST[script_of(word)]
        if len(word) < shortest:
            found += [word] if f" {word} " in held else []
            continue
        start = 0
        while start <= len(word) - shortest:
            end = start + shortest
            if word[start:end] not in held:
                start += 1
                continue
            while end < len(word) and word[start : end + 1] in held:
                end += 1
            found.append(word[start:end])
            start = end
    return list(dict.fromkeys(found))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    marks = (letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in folded)
    return "".join(marks).split()
