"""Text files, and Markdown as far as its headings: the extract is the decoded file to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import Corrupt
from knowledge.limits import Caps, check_text
from knowledge.pages import Heading, Page
from knowledge.readers.decoding import KIND_NAMES, decode, sniff

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_HASHES = re.compile(r"\s{0,3}(#{1,6})\s+\S")
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,})\s*$")
_BOLD = re.compile(r"\s*\*\*[^*]+\*\*:?\s*$")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•‣–—·]|\(?(?:\d{1,3}|[a-zA-Z])[.)])(?:\s|$)")
_MAX_HEADING_WORDS, _MAX_HEADING_CHARS, _MIN_BODY_CHARS = 14, 100, 40
_BOLD_LEVEL, _QUESTION_LEVEL, _PLAIN_LEVEL = 6, 4, 3


@dataclass(frozen=True)
class _Line:
    text: str
    start: int

    @property
    def heading_text(self) -> str:
        return self.text.strip()


def read(path: Path, filename: str, caps: Caps) -> Iterator[Page]:
    """One page with the whole file, none for a picture: it holds no text, as a scanned page holds none.

    Raises Corrupt for any other file that is not text, TooMuchText.
    """
    data = path.read_bytes()
    text = "" if sniff(data) == "picture" else decode_text(data)
    check_text(len(text), caps.max_text_chars)
    if text:
        yield Page(text=text, start=0, headings=tuple(headings(text)))


def decode_text(data: bytes) -> str:
    """The text in a file's bytes. Raises Corrupt for a binary file."""
    kind = sniff(data)
    if kind:
        raise Corrupt(f"The file is not text but {KIND_NAMES[kind]}.", found=kind)
    return decode(data)


def headings(text: str) -> Iterator[Heading]:
    """Markdown headings, and short lines that stand alone above a paragraph."""
    lines = [_Line(match.group().rstrip("\r\n"), match.start()) for match in _LINE.finditer(text)]
    skip = -1
    for number, line in enumerate(lines):
        if number == skip or not line.heading_text:
            continue
        following = lines[number + 1].text if number + 1 < len(lines) else ""
        underline = _UNDERLINE.match(following)
        if underline and _is_short(line):
            skip = number + 1
            level = 1 if "=" in underline.group(1) else 2
            yield Heading(line.start, lines[skip].start + len(following.rstrip()), level)
            continue
        found = _level(lines, number)
        if found:
            left = len(line.text) - len(line.text.lstrip())
            yield Heading(line.start + left, line.start + len(line.text.rstrip()), found)


def _level(lines: list[_Line], number: int) -> int:
    """The heading level of a line, 0 for none."""
    line = lines[number]
    hashes = _HASHES.match(line.text)
    if hashes and len(line.text) <= 2 * _MAX_HEADING_CHARS:
        return len(hashes.group(1))
    if not _is_short(line) or (number and lines[number - 1].heading_text):
        return 0
    if _BOLD.match(line.text):
        return _BOLD_LEVEL
    return _plain_level(lines, number)


def _plain_level(lines: list[_Line], number: int) -> int:
    """A lone line is a heading when a real paragraph follows: the first of the file its title."""
    text = lines[number].heading_text
    if text[-1] in ".,;:!…)" or _LIST_ITEM.match(text) or not any(letter.isalpha() for letter in text):
        return 0
    body = next((line.heading_text for line in lines[number + 1 : number + 4] if line.heading_text), "")
    directly = number + 1 < len(lines) and bool(lines[number + 1].heading_text)
    if directly and text[-1] != "?":
        return 0
    if len(body) < max(_MIN_BODY_CHARS, len(text)):
        return 0
    if text[-1] == "?":
        return _QUESTION_LEVEL
    return 1 if not any(line.heading_text for line in lines[:number]) else _PLAIN_LEVEL


def _is_short(line: _Line) -> bool:
    return len(line.text) <= _MAX_HEADING_CHARS and len(line.text.split()) <= _MAX_HEADING_WORDS
