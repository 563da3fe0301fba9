"""Which language a message is written in, from its letters and its frequent words.

Small on purpose: a language-identification model costs 60-80 MB of memory and most of a second to load, while
a question to a help desk is in one of few languages and full of function words. Scripts decide first; Latin
text is scored by known words and by the letter triples those words are made of.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache

from knowledge.language_words import WORDS

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\w-]*\d[\w-]*")
_SCRIPTS: tuple[tuple[str, str], ...] = (
    # The first script with a share of the letters decides; kana before Han, as Japanese uses both.
    ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh"), ("THAI", "th"), ("ARABIC", "ar"),
    ("HEBREW", "he"), ("GREEK", "el"), ("DEVANAGARI", "hi"), ("BENGALI", "bn"), ("TAMIL", "ta"),
    ("GEORGIAN", "ka"), ("ARMENIAN", "hy"), ("CYRILLIC", "ru"),
)  # fmt: skip
_SCRIPT_SHARE = 0.15
_SERVED = frozenset({"nl", "en", "de", "es", "fr"})  # the languages of our own texts, the likelier ones
_SERVED_LEAD = 1.5
_UKRAINIAN = frozenset("іїєґІЇЄҐ")
_PERSIAN = frozenset("پچژگ")
_FUNCTION_WEIGHT, _COMMON_WEIGHT = 4.0, 2.5
_MIN_MARGIN = 0.8  # closer than this, the fallback is as good a guess
_SHORT_MARGIN = 2.0
_TRIPLE_WEIGHT = 0.4
_SAMPLES, _SAMPLES_OF_ONE, _SAMPLE_CHARS = 48, 12, 240
_SHARE_OF_ONE = 6  # one sample in so many makes a language one of the source's
_MOST_LANGUAGES = 3


def _triples(word: str) -> list[str]:
    padded = f" {word} "
    return [padded[index : index + 3] for index in range(len(padded) - 2)]


def _learn() -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Per word and per letter triple: the score each language gets for it."""
    words: dict[str, dict[str, float]] = {}
    counts: dict[str, Counter[str]] = {}
    for language, (function, common) in WORDS.items():
        counts[language] = Counter()
        for text, weight in ((common, _COMMON_WEIGHT), (function, _FUNCTION_WEIGHT)):
            for word in text.split():
                words.setdefault(word, {})[language] = weight
                counts[language].update(_triples(word))
    for word, scores in words.items():
        share = 1 + math.log(len(scores))
        words[word] = {language: weight / share for language, weight in scores.items()}
    return words, _triple_scores(counts)


def _triple_scores(counts: dict[str, Counter[str]]) -> dict[str, dict[str, float]]:
    """Log probability above that of a triple never seen in the language."""
    scores: dict[str, dict[str, float]] = {}
    for language, counter in counts.items():
        scale = 1000 / counter.total()
        for triple, count in counter.items():
            scores.setdefault(triple, {})[language] = math.log1p(count * scale)
    return scores


_WORD_SCORES, _TRIPLE_SCORES = _learn()


@lru_cache(maxsize=256)  # a turn asks of the same question and passages again and again
def detect(text: str, fallback: str = "en") -> str:
    """The ISO 639-1 code of the language of `text`; `fallback` where the text does not tell."""
    clean = _NOISE.sub(" ", text)
    if script := _by_script(clean):
        return script
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(clean)]
    if not words:
        return fallback
    ranked = _rank(words, fallback)
    margin = _MIN_MARGIN if len(words) > 2 else _SHORT_MARGIN
    near = {language for language, score in ranked if ranked[0][1] - score < margin}
    if len(near) > 1 and fallback in near:
        return fallback
    return ranked[0][0] if ranked[0][1] > _SERVED_LEAD else fallback


def languages_of(texts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The languages of pairs (source, text), those of most sources first; samples of each source are read."""
    by_source: defaultdict[str, list[str]] = defaultdict(list)
    for source, text in texts:
        by_source[source].append(text)
    each = min(max(_SAMPLES // max(len(by_source), 1), 1), _SAMPLES_OF_ONE)
    sources = list(by_source.values())
    counts = Counter[str]()
    for passages in sources[:: -(-len(sources) // _SAMPLES) or 1]:
        samples = passages[:: -(-len(passages) // each)]
        found = Counter(detect(text[:_SAMPLE_CHARS], "") for text in samples)
        counts.update(code for code, count in found.items() if code and count * _SHARE_OF_ONE >= len(samples))
    return tuple(code for code, _ in counts.most_common(_MOST_LANGUAGES))


def _by_script(text: str) -> str | None:
    letters = [char for char in text if char.isalpha()]
    foreign = [char for char in letters if ord(char) > 0x36F and "LATIN" not in unicodedata.name(char, "")]
    if not foreign or len(foreign) < _SCRIPT_SHARE * len(letters):
        return None
    names = Counter(unicodedata.name(char, "").split()[0] for char in foreign)
    for script, language in _SCRIPTS:
        if names[script] >= _SCRIPT_SHARE * len(foreign) or (language == "ja" and names[script]):
            return _variant(language, foreign)
    return None


def _variant(language: str, letters: Iterable[str]) -> str:
    """Languages that share a script, told apart by letters only one of them has."""
    if language == "ru" and _UKRAINIAN & set(letters):
        return "uk"
    if language == "ar" and _PERSIAN & set(letters):
        return "fa"
    return language


def _rank(words: list[str], fallback: str) -> list[tuple[str, float]]:
    totals = {language: _SERVED_LEAD if language in _SERVED else 0.0 for language in WORDS}
    for word in words:
        for language, score in _WORD_SCORES.get(word, {}).items():
            totals[language] += score
        for triple in _triples(word):
            for language, score in _TRIPLE_SCORES.get(triple, {}).items():
                totals[language] += score * _TRIPLE_WEIGHT
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0] != fallback))
