"""Whatever a screen might turn into a link: a customer may only be led where a cited source leads."""

from __future__ import annotations

import re

_TARGET = re.compile(r"\]\s*\(\s*<?([^)>\s]*)")  # of a Markdown link or image
_SCHEME = re.compile(
    r"\b(?:(?:https?|mailto|tel|ftp|javascript|data)\s*:|www\.)[^\s<>\"')\]]+", re.IGNORECASE
)
_MAIL = re.compile(r"[\w.+-]+@[\w.-]*\w")
# "evil.example/x", also where no scheme stands before it; not "e.g." nor "end.Begin".
_HOST = re.compile(r"(?<![\w.@-])(?:[a-z0-9-]{3,}\.)+[a-z]{2,}(?![\w-])(?:/[^\s<>\"')\]]*)?")
_END = ".,;:!?/"


def links(text: str) -> frozenset[str]:
    """The addresses in a text, without their scheme."""
    found = [
        match.group(match.lastindex or 0)
        for one in (_TARGET, _SCHEME, _MAIL, _HOST)
        for match in one.finditer(text)
    ]
    return frozenset(bare for address in found if (bare := _bare(address)))


def _bare(address: str) -> str:
    rest = re.sub(r"^\w+\s*:[/\\]*", "", address.casefold())
    return rest.removeprefix("//").removeprefix("www.").rstrip(_END)
