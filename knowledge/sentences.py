"""Text into sentences with exact places, for any script, by rules that need no model and no language setting.

Used where pages become chunks; the quotes shown to customers are such sentences.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Scripts written without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han.
_WORDLESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SYLLABIC = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")  # those of them that are alphabets
LETTERS_A_SYLLABLE = 2.5
BULLET = re.compile(r"\s*(?:[-*•‣▪–—·o]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s)")
_BLANK_LINE = re.compile(r"\n[^\S\n]*(?:\n|\Z)")
# A mark that may end a sentence, with closing quotes and brackets; full-width marks need no space after them.
_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[”’」』）]*")
_SOFT_MARK = re.compile(r"[;:,،、，；：]\s?|\s[–—-]\s")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf approx dept inc ltd co corp no nos vol pp fig figs eq al
    jan feb mar apr jun jul aug sep sept oct nov dec max min
    dhr mevr mw drs ir ing bijv bv d.w.z dwz o.a m.b.t i.v.m t.a.v incl excl evt ca resp art nr blz tel
    z.b d.h u.a bzw ggf inkl exkl hr fr str usw vgl abs ziff zzgl
    sra srta ud uds pág núm av mme mlle cie p.ex env
    """.split()  # noqa: SIM905 - a table to be read by people
)
_MONTHS = frozenset(
    """
    januar februar märz april mai juni juli august september oktober november dezember
    januari februari maart mei augustus december
    """.split()  # noqa: SIM905
)

MAX_WRAPPED_WIDTH = 120  # lines longer than this were not broken by hand or typesetter
_MAX_WORDS, _MAX_CHARS, _MAX_WORDLESS_CHARS = 60, 600, 150  # of one sentence


@dataclass(frozen=True)
class Size:
    """How long a stretch is: words between spaces, code points, and code points of scripts without spaces."""

    words: int
    chars: int
    wordless: int
    syllabic: int = 0  # of the wordless ones, those of alphabets: a Thai word takes some five letters

    @property
    def signs(self) -> float:
        """The length in signs that say about as much as a Chinese character."""
        return self.chars - self.syllabic * (1 - 1 / LETTERS_A_SYLLABLE)

    @property
    def is_wordless(self) -> bool:
        """Whether the script of this stretch has no spaces, so that words say nothing about its length."""
        return self.wordless * 10 >= self.chars > 0


def measure(text: str) -> Size:
    """The size of a text."""
    wordless = 0 if text.isascii() else len(_WORDLESS.findall(text))
    syllabic = len(_SYLLABIC.findall(text)) if wordless else 0
    return Size(words=len(text.split()), chars=len(text), wordless=wordless, syllabic=syllabic)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The [start, end) of each sentence, in order: only white space between them, none overlong."""
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        for first, last in _sentences(text, start, end):
            spans.extend(_cut(text, first, last))
    return spans


def wraps(lines: list[str]) -> list[bool]:
    """For each line of a paragraph but the last: True where the break after it only wraps running text.

    A wrapped line is full: the next line's first word would not have fitted. Where most breaks are not like
    that (lists, addresses), every line stands for itself.
    """
    width = max(map(len, lines), default=0)
    if len(lines) < 2 or width > MAX_WRAPPED_WIDTH or width < 20:
        return [False] * (len(lines) - 1)
    full = [
        len(line) + len(following.split(maxsplit=1)[0] if following.strip() else "") >= width * 0.9
        for line, following in zip(lines, lines[1:], strict=False)
    ]
    if sum(full) * 2 < len(full):
        return [False] * len(full)
    return [
        is_full and not BULLET.match(following) for is_full, following in zip(full, lines[1:], strict=False)
    ]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Stretches that a sentence never crosses: paragraphs, list items, lines that stand for themselves."""
    start = 0
    for blank in _BLANK_LINE.finditer(text):
        yield from _lines(text, start, blank.start())
        start = blank.end()
    yield from _lines(text, start, len(text))


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """One paragraph, split at the line breaks that are not mere wrapping."""
    paragraph = text[start:end]
    lines = re.split(r"\r\n|\n|\r|\x0b|\x0c|\u2028|\u2029", paragraph)
    if len(lines) == 1:
        yield start, end
        return
    soft = wraps([line.strip() for line in lines])
    place = block = start
    for line, joins in zip(lines, [*soft, False], strict=True):
        place += len(line)
        if not joins:
            yield block, place
            block = place
        place += 2 if text.startswith("\r\n", place) else 1
    if block < end:
        yield block, end


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Sentences of one block, white space cut off at both sides."""
    first = start
    for mark in _END.finditer(text, start, end):
        if _ends_sentence(text, first, mark, end):
            yield from _stripped(text, first, mark.end())
            first = mark.end()
    yield from _stripped(text, first, end)


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space at its sides; nothing when it holds nothing else."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if left < len(piece):
        yield start + left, start + len(piece.rstrip())


def _ends_sentence(text: str, first: int, mark: re.Match[str], end: int) -> bool:
    """Whether a mark really ends a sentence: not after an abbreviation, an initial or an ordinal."""
    following = text[mark.end() : min(end, mark.end() + 40)].lstrip()
    if not following:
        return True
    if mark.group()[0] != ".":
        return not (mark.group()[0] in "!?…" and following[0].islower())
    if following[0].islower():
        return False
    if len(mark.group()) > 1:
        return True
    return not _is_dotted_word(text[max(first, mark.start() - 20) : mark.start()], following)


def _is_dotted_word(before: str, following: str) -> bool:
    """Whether the dot after `before` belongs to its last word: "Dr", "J", "z.B", "3" before a month."""
    words = before.split()
    if not words:
        return True
    word = words[-1].split("-")[-1].lstrip("(\"'“‘«[")
    if word.isdigit():
        starts_line = len(words) == 1 and len(word) <= 2
        return starts_line or (len(word) <= 2 and following.split()[0].strip(",.").lower() in _MONTHS)
    return (len(word) == 1 and word.isalpha() and word.isupper()) or word.lower() in _ABBREVIATIONS


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence in pieces that are not overlong, cut at the best place there is."""
    while True:
        limit = _reach(text, start, end)
        if limit >= end:
            yield from _stripped(text, start, end)
            return
        cut = _best_cut(text, start, limit)
        yield from _stripped(text, start, cut)
        start = cut


def _reach(text: str, start: int, end: int) -> int:
    """How far a sentence from `start` may run."""
    if end - start <= _MAX_WORDLESS_CHARS:
        return end
    window = text[start : min(end, start + _MAX_CHARS)]
    if measure(window[:_MAX_WORDLESS_CHARS]).is_wordless:
        return start + _MAX_WORDLESS_CHARS
    for number, word in enumerate(re.finditer(r"\S+", window), start=1):
        if number > _MAX_WORDS:
            return start + word.start()
    return start + len(window)


def _best_cut(text: str, start: int, limit: int) -> int:
    """The last comma-like mark in the second half, else the last space, else a letter's end."""
    middle = start + (limit - start) // 2
    marks = [mark.end() for mark in _SOFT_MARK.finditer(text, middle, limit)]
    if marks:
        return marks[-1]
    for place in range(limit - 1, middle, -1):
        if text[place].isspace():
            return place + 1
    while limit > middle and unicodedata.combining(text[limit]):
        limit -= 1
    return limit
