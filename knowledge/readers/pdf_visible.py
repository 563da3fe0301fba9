"""Which text of a PDF page nobody can see: white on bare paper, or too small for any eye.

Text may be white on a coloured ground, and text without ink is how scans carry their letters: both stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

_READABLE = 2.0  # points; on a small page a three-hundredth of its height
_PAPER = 0.97
_FILLS = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_PICTURES = frozenset({b"Do", b"sh", b"BI", b"EI", b"INLINE IMAGE"})
_SHOWS = frozenset({b"Tj", b"TJ", b"'", b'"'})


class Sight:
    """Follows the operators of one page; `visit` takes them as pypdf gives them."""

    def __init__(self, page_height: float) -> None:
        self._least = min(_READABLE, page_height / 300)
        self._white, self._inked, self._painted = False, True, False
        self._stack: list[tuple[bool, bool]] = []
        self._shown: list[bool] = []
        self._last = False

    def visit(self, operator: bytes, operands: Sequence[object], *_matrices: object) -> None:
        """Take one operator."""
        if operator in _SHOWS:
            self._last = self._white and self._inked and not self._painted
            self._shown.append(self._last)
        elif operator == b"q":
            self._stack.append((self._white, self._inked))
        elif operator == b"Q" and self._stack:
            self._white, self._inked = self._stack.pop()
        elif operator == b"Tr":
            self._inked = list(operands) == [0]
        elif operator in _PICTURES or (operator in _FILLS and not self._white):
            self._painted = True
        elif operator in (b"g", b"rg", b"k", b"sc", b"scn", b"cs"):
            self._white = _is_white(operator, operands)

    def hides(self, size: float, font: dict[str, object] | None) -> bool:
        """Whether the text shown since the last question is hidden; pieces of both kinds count as seen."""
        hidden = all(self._shown) if self._shown else self._last
        self._shown.clear()
        tiny = 0 < size < self._least and (font or {}).get("/Subtype") != "/Type3"
        return hidden or tiny


def _is_white(operator: bytes, operands: Sequence[object]) -> bool:
    values: list[float] = []
    with suppress(TypeError, ValueError):
        values = [float(str(value)) for value in operands]
    if operator in (b"k", b"sc", b"scn") and len(values) == 4:
        return max(values) <= 1 - _PAPER
    wanted = 1 if operator == b"g" else 3
    return len(values) == wanted and min(values) >= _PAPER
