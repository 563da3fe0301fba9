"""Text as sentences, also while it is still arriving.

A model's answer is checked sentence by sentence, so a sentence may only leave once its end is certain: after
"Dr." or "12." more text is awaited. Scripts without capitals or spaces end at their own marks.
"""

from __future__ import annotations

import re

from agentflow.agents.vocabulary import MONTHS, fold, words

_ABBREVIATIONS = words(
    "e.g i.e etc approx dept dr mr mrs ms prof st no nr vs incl excl min max tel ca bijv bv d.w.z o.a "
    "m.b.t i.v.m "
    "t.a.v blz z.b d.h u.a bzw ggf inkl exkl zzgl evtl str usw abs art fig jan feb mrt apr jun jul aug "
    "sep sept okt "
    "oct nov dec dez p.m a.m ing ir drs mevr dhr hr fr env p.ej sra sr ej resp vol p pp inc ltd co"
)
_FULL_WIDTH_END = "。！？｡؟۔।"
_BREAK = re.compile(
    rf"(?P<mark>[.!?…]+|[{_FULL_WIDTH_END}]+)(?P<close>[\"'”’»)\]】」』]*(?:\s?\[\d+\])*)(?P<space>\s*)|(?P<line>\s*\n\s*)"
)
_MARKER = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)]|[a-z]\))\s+|^\s*#{1,6}\s+", re.MULTILINE)
_MARKUP = re.compile(r"\*\*|__|`|\s?\[\d{1,2}\]|^>\s?")
_THAI_RUN = re.compile(r"(?<=[\u0e00-\u0e7f])\s+(?=[\u0e00-\u0e7f])")
_ORDINAL_LEADS = words("der die das den dem des am im zum vom jeder jede jeden")
_THAI_MIN = 60  # characters; a Thai space ends a sentence or a phrase, so short pieces stay together


class SentenceSplitter:
    """Feed it pieces of text as they arrive; it gives back each sentence once its end is certain."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> list[str]:
        """The sentences that are complete now."""
        self._rest += piece
        sentences, self._rest = _split(self._rest, final=False)
        return sentences

    def flush(self) -> list[str]:
        """What is left, at the end of the text."""
        sentences, rest = _split(self._rest, final=True)
        self._rest = ""
        return [*sentences, rest.strip()] if rest.strip() else sentences


def split_sentences(text: str) -> list[str]:
    """The sentences of a whole text, without the white space between them."""
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.flush()]


def plain(sentence: str) -> str:
    """The sentence without list markers, emphasis and "[1]" marks: what it says."""
    return " ".join(_MARKUP.sub("", _MARKER.sub("", sentence)).split())


def _split(text: str, *, final: bool) -> tuple[list[str], str]:
    sentences: list[str] = []
    start = 0
    for match in _BREAK.finditer(text):
        if not final and _open(text, match):
            break
        if not _ends(text, start, match, final=final):
            continue
        sentences += _pieces(text[start : match.end()])
        start = match.end()
    return sentences, text[start:]


def _open(text: str, match: re.Match[str]) -> bool:
    """Whether text still to come decides about this mark: behind "12." it may be a month's name."""
    if _full_width(match):
        return False
    after = text[match.end() :]
    dated = match["mark"] == "." and text[: match.start()][-1:].isdigit()
    return not after or (dated and re.fullmatch(r"[^\W\d_]+", after) is not None)


def _full_width(match: re.Match[str]) -> bool:
    return match["mark"] is not None and match["mark"][0] in _FULL_WIDTH_END


def _pieces(text: str) -> list[str]:
    """One sentence, or several where a long run of Thai has only spaces between its sentences."""
    stripped = text.strip()
    if len(stripped) <= _THAI_MIN or not _THAI_RUN.search(stripped):
        return [stripped] if stripped else []
    pieces = [""]
    for part in _THAI_RUN.split(stripped):
        if len(pieces[-1]) >= _THAI_MIN:
            pieces.append(part)
        else:
            pieces[-1] = f"{pieces[-1]} {part}".strip()
    return pieces


def _ends(text: str, start: int, match: re.Match[str], *, final: bool) -> bool:
    """Whether a sentence ends at this mark."""
    if match["line"] is not None:
        return True
    if _full_width(match):
        return True
    after = text[match.end() :]
    if not match["space"]:
        return final and not after
    if match["mark"] == "." and not match["close"] and _dot_inside(text[start : match.start()], after):
        return False
    following = after.lstrip("\"'“‘«([-*•¿¡ ")[:1]
    return not following or not following.islower() or "\n" in match["space"]


def _dot_inside(before: str, after: str) -> bool:
    """The dot belongs to an abbreviation, an initial, a list number or a German ordinal."""
    word = re.search(r"[\w.]+$", before)
    if word is None:
        return False
    last = word[0]
    if fold(last).rstrip(".") in _ABBREVIATIONS or re.fullmatch(r"(?:\w\.)*[^\W\d_]", last):
        return last not in ("I", "a") or len(last) > 1
    if last.isdigit() and len(last) <= 2:
        follower = re.match(r"[^\W\d_]+", after)
        lead = re.search(r"([^\W\d_]+)\s+\d+$", before)
        ordinal = lead is not None and fold(lead[1]) in _ORDINAL_LEADS
        return before.strip() == last or ordinal or bool(follower and fold(follower[0]) in MONTHS)
    return False
