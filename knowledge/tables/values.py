"""What a cell says: a number, a date or a time as nl, en and de write them, exact and with its unit.

Whether "1.234" is a thousand or a fraction is decided for a whole column, never for a cell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

Mark = Literal[".", ","]

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan", "feb", "mar maa mrt", "apr", "may mei mai", "jun", "jul", "aug", "sep", "oct okt", "nov",
            "dec dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
EMPTY = frozenset({"", "-", "--", "–", "—", "n/a", "na", "none", "null", "?", "nvt", "k.a.", "."})

_AMOUNT = re.compile(
    r"^(?P<neg>\(|[-−–])?\s*(?P<before>[A-Z]{1,2}\$|[A-Z]{3}(?=\d)|[^\W\d]{1,4}(?:\.|(?=\s))|[$€£¥#~≈<>])?\s*(?P<sign>[-−–+(])?\s*"
    r"(?P<digits>\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[.,]\d+)"
    r"(?:[.,](?:-|--|–|—)|[.,](?=\s|$))?\s*(?P<after>%|[^\d()\[\];|]*?)?\s*"
    r"(?P<close>\))?\s*(?:[(\[][^)\]]*[)\]]?\s*)*$"
)
_TIME = re.compile(r"^\+?(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:[.,]\d+)?)\s*(?:h|uur|uhr)?$", re.IGNORECASE)
_DATES = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?$"),
    re.compile(r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})$"),
    re.compile(
        r"(?:[^\W\d_]+,?\s+)?(?P<d>\d{1,2})(?:st|nd|rd|th|e|\.)?(?:\s*[-–]\s*\d{1,2}\.?)?\s+(?:of\s+|de\s+)?"
        r"(?P<month>[^\W\d_]{3,10})\.?(?:,?\s+(?P<y>\d{4}))?$"
    ),
    re.compile(
        r"(?:[^\W\d_]+,\s+)?(?P<month>[^\W\d_]{3,10})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?"
        r"(?:\s*[-–]\s*(?:[^\W\d_]+\s)?\d{1,2})?(?:,?\s+(?P<y>\d{4}))?$"
    ),
    re.compile(r"(?P<month>[^\W\d_]{3,10})\.?,?\s+(?P<y>\d{4})$"),
)
_NOTE = re.compile(r"\s*(?:\[[^\]]*\]|\([^)]*\))\s*$|[*†‡]+$")
_WORD = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+")
_LONG_UNIT = 24


@dataclass(frozen=True)
class Number:
    """An exact number. `decimals` is how many are shown; `before` and `after` what stands around it."""

    value: Decimal
    decimals: int
    before: str
    after: str
    grouping: str

    @property
    def unit(self) -> str:
        """What may be added up with each other has the same unit."""
        return (self.before or self.after).casefold().rstrip("s.")


Date = tuple[int, int, int]  # year, month and day; 0 where the cell does not say


def fold(text: str) -> str:
    """Case and accents folded, white space single."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())


def words(folded: str) -> tuple[str, ...]:
    """The words and numbers of a folded text."""
    return tuple(_WORD.findall(folded))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its ending of the plural or the case, so that its forms agree."""
    for ending, rest in (("ies", "y"), ("es", "e"), ("s", ""), ("en", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return (
                stem(word[: len(word) - len(ending)] + rest) if rest == "e" else word[: -len(ending)] + rest
            )
    return word


def holds(text: Sequence[str], run: Sequence[str]) -> bool:
    """Whether a run of words stands in a text of words."""
    return any(tuple(text[at : at + len(run)]) == tuple(run) for at in range(len(text) - len(run) + 1))


def is_empty(text: str) -> bool:
    """Whether a cell says nothing."""
    return fold(text) in EMPTY


def number_of(text: str, mark: Mark) -> Number | None:
    """The number a cell holds, alone or with a unit; None for anything else."""
    match = _AMOUNT.match(text.strip())
    if match is None:
        return None
    before, after, digits = match["before"] or "", (match["after"] or "").strip(), match["digits"]
    if len(after) > _LONG_UNIT or (bool(match["close"]) != ("(" in (match["neg"], match["sign"]))):
        return None
    whole, fraction, grouping = _parts(digits, mark)
    if whole is None:
        return None
    value = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole)
    negative = bool(match["neg"]) or (match["sign"] or "+") in "-−–("
    return Number(-value if negative else value, len(fraction), before, after, grouping)


def _parts(digits: str, mark: Mark) -> tuple[str | None, str, str]:
    """(whole digits, decimals, what groups the thousands); None when this mark does not fit the digits."""
    whole, found, fraction = digits.rpartition(mark)
    if not found:
        whole, fraction = digits, ""
    if found and (mark in whole or not fraction.isdigit()):  # the mark groups
        return None, "", ""
    groups = re.split(r"[^\d]", whole)
    if len(groups) > 1 and not all(len(group) == 3 for group in groups[1:]):
        return None, "", ""
    grouping = next((char for char in whole if not char.isdigit()), "")
    return "".join(groups), fraction, grouping


def decimal_mark(texts: Iterable[str]) -> Mark | None:
    """Which mark stands before the decimals in these cells; None when they do not tell."""
    votes = {".": 0, ",": 0}
    for text in texts:
        match = _AMOUNT.match(text.strip())
        if match is None:
            continue
        digits = match["digits"]
        marks = [char for char in digits if char in ".,"]
        if len(set(marks)) == 2:
            votes[marks[-1]] += 3
        elif len(marks) > 1:
            votes["," if marks[0] == "." else "."] += 3
        elif marks:
            whole, _, fraction = digits.partition(marks[0])
            if len(fraction) != 3 or whole in ("", "0"):
                votes[marks[0]] += 2
        elif re.search(r"\d,(?:-|–|—)", text):
            votes[","] += 2
    if votes["."] == votes[","]:
        return None
    return "." if votes["."] > votes[","] else ","


def default_mark(texts: Iterable[str]) -> Mark:
    """For cells such as "1.234" that can be read in two ways: they group where others have no such mark."""
    dotted = short = 0
    for text in texts:
        if match := _AMOUNT.match(text.strip()):
            dotted += "." in match["digits"]
            short += match["digits"].isdigit() and len(match["digits"]) <= 3
    return "," if dotted and short else "."


def time_of(text: str) -> Decimal | None:
    """The seconds of "2:09:37" or "14:00.8"; None for anything else."""
    match = _TIME.match(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return Decimal(hours or 0) * 3600 + Decimal(minutes) * 60 + Decimal(seconds.replace(",", "."))


def date_of(text: str, *, month_first: bool = False) -> Date | None:
    """The date a cell holds; None for anything else, a year alone too."""
    plain = _NOTE.sub("", text.strip())
    for pattern in _DATES:
        if match := pattern.match(plain):
            return _date(match.groupdict(), month_first)
    return None


def _date(group: dict[str, str | None], month_first: bool) -> Date | None:
    year = int(group.get("y") or 0)
    if 0 < year < 100:
        year += 1900 if year > 50 else 2000
    if "a" in group:
        first, second = int(group["a"] or 0), int(group["b"] or 0)
        if first > 12 or second > 12:
            month_first = second > 12
        day, month = (second, first) if month_first else (first, second)
    elif group.get("month"):
        month, day = MONTHS.get(fold(group["month"] or "")[:3], 0), int(group.get("d") or 0)
    else:
        month, day = int(group["m"] or 0), int(group["d"] or 0)
    return (year, month, day) if 1 <= month <= 12 and day <= 31 else None


def is_month_first(texts: Iterable[str]) -> bool:
    """Whether "03/12/2024" is the 12th of March here, as another cell shows."""
    for text in texts:
        match = _DATES[1].match(text.strip())
        if match and match["sep"] == "/" and int(match["b"]) > 12:
            return True
    return False


def shown(value: Decimal, like: Iterable[Number], mark: Mark) -> str:
    """A result written as the cells are: as many decimals, their grouping and what stands around them."""
    cells = list(like)
    decimals = max((cell.decimals for cell in cells), default=0)
    exponent = value.normalize().as_tuple().exponent
    exact = -exponent if isinstance(exponent, int) else 0
    digits = f"{abs(value):,.{max(decimals, min(exact, decimals + 2))}f}"
    grouping = next((cell.grouping for cell in cells if cell.grouping), "")
    whole, _, fraction = digits.partition(".")
    text = whole.replace(",", grouping) + (mark + fraction if fraction else "")
    before = _common([cell.before for cell in cells])
    after = _common([cell.after for cell in cells])
    gap = " " if before and before[-1].isalnum() else ""
    sign = "-" if value < 0 else ""
    return f"{sign}{before}{gap}{text}{'' if after == '%' or not after else ' '}{after}"


def _common(units: list[str]) -> str:
    kinds = set(units) - {""}
    return kinds.pop() if len(kinds) == 1 else ""
