"""What stands in a cell: dates in any usual spelling, numbers, yes and no, countries, languages, names."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from babel import Locale

from crm.contacts.imports.schemas import DateOrder
from crm.contacts.imports.words import MONTHS, NO, YES, plain
from crm.teams.texts import is_language

LANGUAGES = ("en", "nl", "de", "es", "fr")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?$")
_NUMERIC = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:,? +\d{1,2}:\d{2}.*)?$")
_DAY_MONTH = re.compile(r"(\d{1,2})(?:\.|st|nd|rd|th|er)?[ -]+(?:de )?([^\W\d_]+)\.?,?[ -]+(?:de )?(\d{4})$")
_MONTH_DAY = re.compile(r"([^\W\d_]+)\.? +(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})$")
_NUMBER = re.compile(r"[-+]?(?:\d[\d.,'’\s]*)?\d(?:[eE][-+]?\d+)?$")
_MONEY = re.compile(r"[€$£¥%\s]|\b(?:EUR|USD|GBP|CHF)\b")
_GROUPS = {".": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+$"), ",": re.compile(r"[-+]?\d{1,3}(?:,\d{3})+$")}
_CENTURY = 69  # 68 is 2068, 69 is 1969, as POSIX has it


class BadCell(Exception):
    """A cell that cannot be taken over; says why, as a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def date_order(text: str) -> DateOrder | None | bool:
    """The only order that a numeric date allows, None when it allows both, False for anything else."""
    match = _NUMERIC.match(text)
    if match is None:
        return False
    first, second = int(match.group(1)), int(match.group(2))
    if first > 12 >= second >= 1:
        return DateOrder.DAY_FIRST
    if second > 12 >= first >= 1:
        return DateOrder.MONTH_FIRST
    return None if 1 <= first <= 12 and 1 <= second <= 12 and first != second else False


def is_date(text: str) -> bool:
    """Whether a cell holds a date in some spelling."""
    try:
        parse_date(text, DateOrder.DAY_FIRST)
    except BadCell:
        return False
    return True


def parse_date(text: str, order: DateOrder | None) -> date:
    """A date; `order` decides what 01/03/2026 is, None refuses it. Raises BadCell."""
    text = text.strip()
    if match := _ISO.match(text):
        year, month, day = (int(part) for part in match.groups())
        return _date(text, year, month, day)
    if match := _NUMERIC.match(text):
        first, second, year = (int(part) for part in match.groups())
        year += 0 if year > 99 else 2000 if year < _CENTURY else 1900
        own = date_order(text)
        if own is None and order is None:
            raise BadCell(
                "ambiguous_date", f"“{text}” is a day and a month in either order; write 2026-03-01."
            )
        chosen = own if isinstance(own, DateOrder) else order
        day, month = (second, first) if chosen is DateOrder.MONTH_FIRST else (first, second)
        return _date(text, year, month, day)
    for pattern, places in ((_DAY_MONTH, (3, 2, 1)), (_MONTH_DAY, (3, 1, 2))):
        if match := pattern.match(text):
            written, name, day_number = (match.group(place) for place in places)
            if month_number := MONTHS.get(plain(name)):
                return _date(text, int(written), month_number, int(day_number))
    raise _no_date(text)


def _date(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _no_date(text) from None


def _no_date(text: str) -> BadCell:
    return BadCell("bad_date", f"“{text[:60]}” is no date such as 2026-03-01, 01/03/2026 or 1 March 2026.")


def decimal_mark(text: str) -> str | None | bool:
    """The decimal mark of a number, None when it has none or both are possible, False for no number."""
    bare = _MONEY.sub("", text)
    if not _NUMBER.match(bare):
        return False
    last = max(bare.rfind("."), bare.rfind(","))
    if last < 0:
        return None
    mark, other = bare[last], ("," if bare[last] == "." else ".")
    if other in bare:
        return mark
    if bare.count(mark) > 1:
        return other if _GROUPS[mark].match(bare) else False
    return None if _GROUPS[mark].match(bare) and not bare.lstrip("-+").startswith("0") else mark


def parse_number(text: str, decimal: str) -> float | int:
    """A number; `decimal` decides what 1.234 is. Raises BadCell."""
    bare = _MONEY.sub("", text)
    own = decimal_mark(text)
    if own is False:
        raise BadCell("bad_number", f"“{text[:60]}” is no number.")
    mark = own if isinstance(own, str) else decimal
    bare = re.sub(r"['’]", "", bare).replace("," if mark == "." else ".", "").replace(mark, ".")
    try:
        return int(bare) if re.fullmatch(r"[-+]?\d{1,15}", bare) else float(bare)
    except ValueError:
        raise BadCell("bad_number", f"“{text[:60]}” is no number.") from None


def parse_boolean(text: str) -> bool:
    """Yes or no, in five languages. Raises BadCell."""
    word = plain(text) or text.strip()
    if word in YES:
        return True
    if word in NO:
        return False
    raise BadCell("bad_boolean", f"“{text[:60]}” is neither yes nor no.")


def parse_country(text: str) -> str:
    """The ISO code of a country, by its code or its name in five languages. Raises BadCell."""
    code = text.strip().upper()
    if code in _codes():
        return code
    found = _countries().get(plain(text))
    if found is None:
        raise BadCell("bad_country", f"“{text[:60]}” is no country; write its name or a code such as NL.")
    return found


def parse_language(text: str) -> str:
    """The code of a language, by its code or its name in five languages. Raises BadCell."""
    code = text.strip()
    if len(code) <= 16 and is_language(code):
        return code
    found = _languages().get(plain(text))
    if found is None:
        raise BadCell("bad_language", f"“{text[:60]}” is no language; write its name or a code such as nl.")
    return found


def split_name(text: str) -> tuple[str, str]:
    """First and last name: “Vries, Anna de” and “Anna de Vries” give Anna and the rest."""
    words = " ".join(text.split())
    if "," in words:
        last, _, first = words.partition(",")
        return first.strip(), last.strip()
    first, _, last = words.partition(" ")
    return first, last


@cache
def _countries() -> dict[str, str]:
    names = {
        plain(name): code
        for language in LANGUAGES
        for code, name in Locale(language).territories.items()
        if code in _codes()
    }
    return names | {"uk": "GB", "england": "GB", "holland": "NL", "usa": "US", "america": "US", "vs": "US"}


@cache
def _codes() -> frozenset[str]:
    return frozenset(
        code
        for code in map(str, Locale("en").territories)
        if len(code) == 2 and code.isalpha() and code not in {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
    )


@cache
def _languages() -> dict[str, str]:
    return {
        plain(name): code
        for language in LANGUAGES
        for code, name in Locale(language).languages.items()
        if len(code) <= 3
    }
