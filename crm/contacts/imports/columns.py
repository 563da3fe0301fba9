"""What stands in the columns of a file, and where each might go: by its header, else by its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from crm.contacts.cells import unguarded
from crm.contacts.imports.errors import NoHeader
from crm.contacts.imports.schemas import (
    PROPERTY,
    ColumnSeen,
    DateOrder,
    DatesSeen,
    Suggestion,
    Target,
)
from crm.contacts.imports.values import date_order, decimal_mark, is_date
from crm.contacts.imports.words import NO, TARGETS, YES, plain
from knowledge.reading import GridSheet

Looks = Literal["email", "phone", "date", "number", "boolean", "text", "empty"]
_SAMPLES, _SAMPLE_CHARS = 5, 80
_LOOKED_AT = 200  # filled cells that say what a column looks like
_SHARE = 0.6  # of them must agree
_HEADER_CHARS = 120
MANY = frozenset({Target.EMAIL, Target.PHONE, Target.LABELS, Target.NEW})  # may have several columns
# The headers of an export, which mean this whatever custom properties are called.
EXPORTED = {
    "Contact ID": Target.CONTACT_ID,
    "First name": Target.FIRST_NAME,
    "Last name": Target.LAST_NAME,
    "Email": Target.EMAIL,
    "Phone": Target.PHONE,
    "Company": Target.COMPANY,
    "Job title": Target.JOB_TITLE,
    "Location": Target.LOCATION,
    "Country": Target.COUNTRY,
    "Language": Target.LANGUAGE,
    "Owner": Target.OWNER,
    "Labels": Target.LABELS,
}
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+$")
_PHONE = re.compile(r"\+?[\d\s().\-/]{7,24}$")
_DIGITS = re.compile(r"\d")


def seen(sheet: GridSheet, *, order: DateOrder, decimal: Literal[".", ","]) -> list[ColumnSeen]:
    """Every column that has a header or a cell; `order` and `decimal` hold where no row decides."""
    cells: dict[int, list[str]] = {column: [] for column in sheet.header}
    for _, row in sheet.rows:
        for column, text in row.items():
            cells.setdefault(column, []).append(unguarded(text).strip())
    return [
        _column(column, sheet.header.get(column, ""), texts, order, decimal)
        for column, texts in sorted(cells.items())
    ]


def check_header(sheet: GridSheet) -> None:
    """Refuse a first row that is somebody's. Raises NoHeader."""
    for text in sheet.header.values():
        if _EMAIL.match(text) or (_PHONE.match(text) and len(_DIGITS.findall(text)) > 6) or is_date(text):
            raise NoHeader(
                f"The first row holds data (“{text[:60]}”): put the columns' names above it.",
                field="file",
            )
    if not sheet.header:
        raise NoHeader("No row of the table names its columns: put their names above them.", field="file")


def _column(
    column: int, header: str, texts: Sequence[str], order: DateOrder, decimal: Literal[".", ","]
) -> ColumnSeen:
    looks = _looks(texts)
    samples = list(dict.fromkeys(text[:_SAMPLE_CHARS] for text in texts))[:_SAMPLES]
    return ColumnSeen(
        column=column,
        header=header[:_HEADER_CHARS],
        filled=len(texts),
        samples=samples,
        looks_like=looks,
        dates=_dates(texts, order) if looks == "date" else None,
        decimal=_decimal(texts, decimal) if looks == "number" else None,
    )


def _looks(texts: Sequence[str]) -> Looks:
    sample = texts[:_LOOKED_AT]
    if not sample:
        return "empty"
    kinds = Counter(_kind(text) for text in sample)
    if kinds["boolean"] + kinds["bit"] == len(sample) and kinds["boolean"]:
        return "boolean"
    kinds["number"] += kinds.pop("bit", 0)
    found, count = kinds.most_common(1)[0]
    names: tuple[Looks, ...] = ("email", "phone", "date", "number", "boolean")
    return next((name for name in names if name == found and count >= _SHARE * len(sample)), "text")


def _kind(text: str) -> str:
    if _EMAIL.match(text):
        return "email"
    if is_date(text):
        return "date"
    if text in ("0", "1"):
        return "bit"
    if plain(text) in YES or plain(text) in NO:
        return "boolean"
    digits = len(_DIGITS.findall(text))
    if _PHONE.match(text) and 8 <= digits <= 15 and (text[0] in "+0(" or digits > 8):
        return "phone"
    return "text" if decimal_mark(text) is False else "number"


def _dates(texts: Iterable[str], default: DateOrder) -> DatesSeen:
    counts = Counter(str(found) for text in texts if (found := date_order(text)) is not False)
    day, month = counts[DateOrder.DAY_FIRST], counts[DateOrder.MONTH_FIRST]
    order: DateOrder | None = default
    decided: Literal["rows", "workspace", "conflict"] = "workspace"
    if day and month:
        order, decided = None, "conflict"
    elif day or month:
        order, decided = DateOrder.DAY_FIRST if day else DateOrder.MONTH_FIRST, "rows"
    return DatesSeen(
        order=order, decided_by=decided, day_first=day, month_first=month, ambiguous=counts["None"]
    )


def _decimal(texts: Iterable[str], default: Literal[".", ","]) -> Literal[".", ","]:
    counts = Counter(mark for text in texts if isinstance(mark := decimal_mark(text), str))
    if counts["."] == counts[","]:
        return default
    return "." if counts["."] > counts[","] else ","


def suggest(columns: Sequence[ColumnSeen], properties: Mapping[str, str]) -> list[Suggestion]:
    """Where each column might go; `properties` are the names of the custom ones by key."""
    named = {plain(name): key for key, name in properties.items()} | {plain(key): key for key in properties}
    taken: set[str] = set()
    found: list[Suggestion] = []

    def take(column: ColumnSeen, target: str, reason: Literal["header", "content"]) -> None:
        if target in taken and target not in MANY:
            return
        taken.add(target)
        found.append(Suggestion(column=column.column, target=target, reason=reason))

    for column in columns:
        target = _by_header(column, named)
        if target is not None and _fits(target, column):
            take(column, target, "header")
    if taken & {Target.FIRST_NAME, Target.LAST_NAME}:  # these say it better
        found = [suggestion for suggestion in found if suggestion.target != Target.NAME]
    mapped = {suggestion.column for suggestion in found}
    for column in columns:
        if column.column not in mapped and column.looks_like in ("email", "phone"):
            take(column, Target(column.looks_like), "content")
    return sorted(found, key=lambda suggestion: suggestion.column)


def _by_header(column: ColumnSeen, named: Mapping[str, str]) -> str | None:
    """The field of this name, else of the last part of a header over several rows."""
    if column.header in EXPORTED:
        return EXPORTED[column.header]
    if column.header.startswith(PROPERTY) and column.header.removeprefix(PROPERTY) in named.values():
        return column.header
    for text in (column.header, column.header.rpartition(" / ")[2]):
        words = plain(text)
        if words in named:
            return f"{PROPERTY}{named[words]}"
        if words in TARGETS:
            return TARGETS[words]
        if words.rstrip("0123456789 ") in TARGETS and TARGETS[words.rstrip("0123456789 ")] in MANY:
            return TARGETS[words.rstrip("0123456789 ")]
    return None


def _fits(target: str, column: ColumnSeen) -> bool:
    """Whether the cells do not say something else than the header: a column Name full of e-mail addresses."""
    if target == Target.EMAIL:
        return column.looks_like in ("email", "text", "empty")
    if target in (Target.NAME, Target.FIRST_NAME, Target.LAST_NAME, Target.COMPANY):
        return column.looks_like not in ("email", "phone", "date")
    return True
