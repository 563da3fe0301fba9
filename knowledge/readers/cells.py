"""Spreadsheet values as the sheet shows them: 12.50 stays 12.50, dates are ISO, codes keep leading zeros."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

CellValue = str | bool | int | float | date | datetime | time | timedelta

_NOISE = re.compile(r'\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|_.|\*.|\\(.)|"([^"]*)"')
_NUMBER = re.compile(r"^([^#0?]*?)([#0?,]*[#0?])(?:\.([#0?]+))?(\s*%)?([^#0?,.%EeYyMmDdHhSs/]*)$")


@dataclass(frozen=True)
class _NumberFormat:
    """A simple number format: what stands around the number, and its digits."""

    prefix: str
    suffix: str
    whole_digits: int
    min_decimals: int
    max_decimals: int
    grouped: bool
    percent: bool


def shown(value: CellValue, number_format: str) -> str:
    """The value as text. Formats that are not plain numbers, percentages or amounts show the full value."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _shown_number(value, number_format)
    return _shown_time(value)


def _shown_time(value: date | time | timedelta) -> str:
    if isinstance(value, datetime):
        if value.time() == time():
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="seconds" if value.second else "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def _shown_number(value: int | float, number_format: str) -> str:
    exact = Decimal(value) if isinstance(value, int) else Decimal(f"{value:.15g}")
    if not exact.is_finite():
        return str(value)
    style = _parse(number_format)
    return _general(exact) if style is None else _styled(exact, style)


def _general(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _styled(number: Decimal, style: _NumberFormat) -> str:
    if style.percent:
        number *= 100
    rounded = number.quantize(Decimal(1).scaleb(-style.max_decimals), rounding=ROUND_HALF_UP)
    digits = format(abs(rounded), f",.{style.max_decimals}f" if style.grouped else f".{style.max_decimals}f")
    whole, _, decimals = digits.partition(".")
    while len(decimals) > style.min_decimals and decimals.endswith("0"):
        decimals = decimals[:-1]
    whole = whole.rjust(style.whole_digits, "0")
    sign = "-" if rounded < 0 else ""
    return f"{sign}{style.prefix}{whole}{'.' + decimals if decimals else ''}{style.suffix}".strip()


@lru_cache(maxsize=512)
def _parse(number_format: str) -> _NumberFormat | None:
    """The first section of a format code, when it is a simple one; None shows the value in full."""
    literal: list[str] = []

    def keep(match: re.Match[str]) -> str:
        literal.append(match.group(1) or match.group(2) or match.group(3) or "")
        return chr(0xE000 + len(literal) - 1)  # literals must not be read as digits of the format

    plain = _NOISE.sub(keep, number_format.split(";")[0])
    if len(literal) > 100:
        return None
    match = _NUMBER.match(plain)
    if match is None or "," in match.group(2)[-1:] or re.search("[A-Za-z]", match.group(1)):
        return None
    prefix, whole, decimals, percent, suffix = (part or "" for part in match.groups())

    def restored(text: str) -> str:
        return "".join(
            literal[ord(letter) - 0xE000] if 0 <= ord(letter) - 0xE000 < len(literal) else letter
            for letter in text
        )

    return _NumberFormat(
        prefix=restored(prefix),
        suffix=percent + restored(suffix),
        whole_digits=whole.count("0"),
        min_decimals=decimals.count("0"),
        max_decimals=len(decimals),
        grouped="," in whole,
        percent=bool(percent),
    )
