"""The figures of a text in one shape, so that a sentence can be compared with its source in nl, en and de.

"€ 5", "5 euro" and "EUR 5" are one fact, and so are "12 March 2024", "12-03-2024" and "12. März 2024".
A figure that can be read in two ways (1.234) carries both readings and agrees with either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from agentflow.agents.vocabulary import (
    CURRENCIES,
    DOUBTFUL_MONTHS,
    MONTHS,
    NUMBER_WORDS,
    ONE_WORDS,
    ORDINAL_LEADS,
    ORDINALS,
    SCALES,
    UNITS,
    WEEKDAYS,
    WEEKEND,
    WORKING_WEEK,
    fold,
    words,
)

FactKind = Literal["number", "date", "time", "weekday", "link", "code"]


@dataclass(frozen=True)
class Fact:
    """One figure. `values` are its possible readings; `unit` a canonical unit or currency or None."""

    kind: FactKind
    text: str
    start: int
    end: int
    values: frozenset[str]
    unit: str | None = None


_CENT = "CENT"  # 25 cent = 0.25 of whatever currency stands beside it
_MONEY_CODES = frozenset(CURRENCIES.values())
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|nl|de|be|eu|io|uk|fr|es|example|test|info|app|dev|shop)\b(?:/[^\s<>\"')\]]*)?",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}[ .-]?|\(?0)\d{0,4}\)?(?:[ ./-]?\(?\d{2,5}\)?){2,6}(?![\w,/-])"
)
_CODE = re.compile(
    r"(?<![\w-])(?=[A-Za-z0-9/-]*\d)(?=[A-Za-z0-9/-]*[A-Za-z])[A-Za-z0-9]+(?:[-/][A-Za-z0-9]+)*(?![\w])"
)
_MONTH = r"(?P<month>[^\W\d_]{3,10})\.?"
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})(?![\d])"),
    re.compile(
        r"(?<![\d.,])(?P<d>\d{1,2})(?:st|nd|rd|th|e|de|ste|\.)?(?: of| de)?\s+"
        + _MONTH
        + r"(?:,?\s+(?:de\s+)?(?P<y>\d{4}))?(?!\w)"
    ),
    re.compile(
        r"(?<!\w)" + _MONTH + r"\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?(?![\d:.%]*\d)(?:,?\s+(?P<y>\d{4}))?(?!\w)"
    ),
    re.compile(r"(?<!\w)" + _MONTH + r",?\s+(?P<y>(?:1[0-9]|20)\d{2})(?!\w)"),
    re.compile(r"(?<!\w)" + _MONTH + r"(?!\w)"),
)
_TIMES = (
    re.compile(
        r"(?<![\d.,])(?P<h>\d{1,2})(?:[:.](?P<min>\d{2}))?\s?(?P<half>[ap])\.?\s?m\b\.?", re.IGNORECASE
    ),
    re.compile(
        r"(?<![\d.,])(?P<h>\d{1,2}):(?P<min>\d{2})(?::\d{2})?(?:\s?(?:uur|uhr|h)\b)?(?!\d)", re.IGNORECASE
    ),
    re.compile(
        r"(?<![\d.,])(?P<h>\d{1,2})[.](?P<min>\d{2})"
        r"(?:(?=\s?(?:-|–|tot|bis|en|und|to)\s?\d{1,2}[.:]\d{2}\s?(?:uur|uhr|h)\b)|\s?(?:uur|uhr|h)\b)",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![\d.,])(?P<h>\d{1,2})\s?(?:uhr|o'clock)\b", re.IGNORECASE),
)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d{1,3}(?:[.,'\u00a0\u202f ]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_BEFORE = re.compile(r"(€|\$|£|¥|\bEUR|\bUSD|\bGBP|\bCHF|\bUS\$|\beuro)\s?$", re.IGNORECASE)
_AFTER = re.compile(r"\s?(?:,-|,--|\.-)?\s?(%|°C|°|€|\$|£|[^\W\d_]+)", re.IGNORECASE)
_ORDINAL_MARK = re.compile(r"(?:st|nd|rd|th|ste|de|e)\b", re.IGNORECASE)
_MONTH_LEADS = words(
    "in of until since by from to during early late every this next last mid and im seit bis ab und ende "
    "anfang"
)
_HOUR_END = re.compile(
    r"\s*(?:$|[^\w\s]|(?:to|and|or|until|till|tot|t/m|en|of|bis|und|oder|uur|uhr|h)\b)", re.I
)
_ENGLISH_ONES = re.compile(r"[- ]([a-z]{3,5})\b")
_RANGE = re.compile(r"\s?(?:-|–|—|to|and|or|tot|en|of|bis|und|oder|t/m|/)\s?[€$£]?\s?$", re.IGNORECASE)
_QUALIFIERS = words("business working calendar full more whole consecutive kalender volle extra hele metric")


@lru_cache(
    maxsize=2048
)  # the sentences of a turn's passages are compared again for each sentence of the answer
def facts(text: str) -> tuple[Fact, ...]:
    """Every figure of `text`, in order: links, codes, dates, times, weekdays and numbers with their unit."""
    found: list[Fact] = []
    rest = text
    for finder in (_links, _dates, _times, _codes, _weekdays, _numbers, _words):
        new = list(finder(rest))
        found += new
        rest = _blank(rest, new)
    found.sort(key=lambda fact: fact.start)
    return _share_units(text, found)


def unsupported(fact: Fact, quoted: Sequence[Fact], quote: str) -> bool:
    """True when `fact` does not stand among `quoted`, the figures of `quote`."""
    if fact.kind == "number":
        return not any(_same_number(fact, other) for other in quoted) and not _single(fact, quote)
    if fact.kind == "date":
        return not any(_same_date(fact, other) for other in quoted)
    if fact.kind == "time":
        return not any(_same_time(fact, other, quote) for other in quoted)
    if fact.kind == "weekday":
        return not fact.values <= _weekdays_of(quoted, quote)
    return not any(fact.values & other.values for other in quoted if other.kind in ("link", "code", "number"))


def spelled_currency(facts_: Sequence[Fact]) -> frozenset[str]:
    """The currencies and the percent sign that a text names."""
    return frozenset(fact.unit for fact in facts_ if fact.unit in _MONEY_CODES or fact.unit == "percent")


def _blank(text: str, found: Sequence[Fact]) -> str:
    for fact in found:
        text = text[: fact.start] + "\x00" * (fact.end - fact.start) + text[fact.end :]
    return text


def _links(text: str) -> Iterator[Fact]:
    spans: list[tuple[int, int]] = []
    for pattern in (_EMAIL, _URL):
        for match in pattern.finditer(text):
            if any(start <= match.start() < end for start, end in spans):
                continue
            value = match.group().rstrip(".,;:!?")
            spans.append((match.start(), match.start() + len(value)))
            short = re.sub(r"^(?:https?://)?(?:www\.)?", "", value.casefold()).rstrip("/")
            yield Fact("link", value, match.start(), match.start() + len(value), frozenset({short}))
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        inside = any(start <= match.start() < end for start, end in spans)
        if 8 <= len(digits) <= 15 and not inside and not any(p.fullmatch(match.group()) for p in _DATES[:2]):
            yield Fact("link", match.group(), match.start(), match.end(), frozenset({"tel:" + digits[-8:]}))


def _codes(text: str) -> Iterator[Fact]:
    for match in _CODE.finditer(text):
        word = match.group()
        split = re.fullmatch(r"(\d+)([A-Za-z]+)", word)
        if split and (
            fold(split[2]) in UNITS or fold(split[2]) in SCALES or _ORDINAL_MARK.fullmatch(split[2])
        ):
            continue
        if not re.search(r"\d{1,}[A-Za-z]|[A-Za-z]{1,}-?/?\d", word) or re.fullmatch(r"\d+-[a-z]+", word):
            continue
        value = re.sub(r"[-/]", "", word).casefold()
        yield Fact("code", word, match.start(), match.end(), frozenset({value}))


def _dates(text: str) -> Iterator[Fact]:
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            values = _date_values(text, match)
            if values:
                taken.append(match.span())
                yield Fact("date", match.group(), match.start(), match.end(), values)


def _date_values(text: str, match: re.Match[str]) -> frozenset[str]:
    group = match.groupdict()
    year, day = group.get("y") or "", group.get("d") or ""
    if len(year) == 2:
        year = "20" + year
    if "month" not in group:
        first, second = int(group["d"]), int(group["m"])
        pairs = {(first, second), (second, first)} if group.get("sep") == "/" else {(first, second)}
        return frozenset(f"{year}|{m}|{d}" for d, m in pairs if 1 <= m <= 12 and 1 <= d <= 31)
    word = group["month"]
    month = MONTHS.get(fold(word))
    if month is None or (day and not 1 <= int(day) <= 31):
        return frozenset()
    if fold(word) in DOUBTFUL_MONTHS and not (
        word[0].isupper() and (day or year or _month_lead(text, match.start()))
    ):
        return frozenset()
    return frozenset({f"{year}|{month}|{int(day) if day else ''}"})


def _month_lead(text: str, start: int) -> bool:
    before = re.search(r"(\w+)\s+$", text[:start])
    return before is not None and fold(before[1]) in _MONTH_LEADS


def _times(text: str) -> Iterator[Fact]:
    taken: list[tuple[int, int]] = []
    for pattern in _TIMES:
        for match in pattern.finditer(text):
            group = match.groupdict()
            hour, minute = int(group["h"]), int(group.get("min") or 0)
            if hour > 24 or minute > 59 or any(s <= match.start() < e for s, e in taken):
                continue
            if group.get("half"):
                hour = hour % 12 + (12 if group["half"].casefold() == "p" else 0)
            taken.append(match.span())
            yield Fact("time", match.group(), match.start(), match.end(), frozenset({f"{hour}:{minute:02}"}))


def _weekdays(text: str) -> Iterator[Fact]:
    for match in _WORD.finditer(text):
        word = fold(match.group())
        if word in {"sun", "sat", "wed", "mon"} and not match.group()[0].isupper():
            continue
        if word in WEEKDAYS:
            yield Fact("weekday", match.group(), match.start(), match.end(), frozenset({WEEKDAYS[word]}))
        elif word in WORKING_WEEK:
            lead = re.search(r"(\w+)[\s-]*$", text[: match.start()])
            if lead and (lead[1].isdigit() or fold(lead[1]) in NUMBER_WORDS):
                continue  # "5 werkdagen" counts days
            yield Fact("weekday", match.group(), match.start(), match.end(), frozenset("01234"))
        elif word in WEEKEND:
            yield Fact("weekday", match.group(), match.start(), match.end(), frozenset("56"))


def _weekdays_of(quoted: Sequence[Fact], quote: str) -> frozenset[str]:
    """The weekdays a quote covers: "Monday to Friday" covers the days between."""
    days: set[str] = set()
    previous: Fact | None = None
    for fact in (fact for fact in quoted if fact.kind == "weekday"):
        days |= fact.values
        between = fold(quote[previous.end : fact.start]).strip() if previous else ""
        if previous and between in {
            "to",
            "-",
            "–",
            "—",
            "t/m",
            "tot",
            "tot en met",
            "bis",
            "through",
            "until",
            "tot en",
        }:
            first, last = int(min(previous.values)), int(max(fact.values))
            days |= {str(day % 7) for day in range(first, last + (7 if last < first else 0) + 1)}
        previous = fact
    if re.search(
        r"\b(?:every day|daily|dagelijks|elke dag|taglich|jeden tag|all week|7 days|24/7)\b", fold(quote)
    ):
        days |= set("0123456")
    return frozenset(days)


def _numbers(text: str) -> Iterator[Fact]:
    for match in _NUMBER.finditer(text):
        end = match.end()
        if mark := _ORDINAL_MARK.match(text, end):
            end = mark.end()
        unit, scale, end = _unit_after(text, end)
        if before := _BEFORE.search(text[: match.start()]):
            unit = CURRENCIES[fold(before[1])]
        if unit == _CENT:
            unit, scale = None, scale / 100
        values = frozenset(_readings(match.group(), scale))
        yield Fact("number", text[match.start() : end], match.start(), end, values, unit)


def _unit_after(text: str, end: int) -> tuple[str | None, float, int]:
    """The unit behind a number, a scale such as "million", and where they end."""
    scale, position = 1.0, end
    for _ in range(3):
        after = _AFTER.match(text, position)
        if after is None:
            break
        word = fold(after[1])
        if word in SCALES:
            scale *= SCALES[word]
            position = end = after.end()
        elif word in CURRENCIES or word in UNITS:
            return CURRENCIES.get(word) or UNITS[word], scale, after.end()
        elif word in _QUALIFIERS:
            position = after.end()
        else:
            break
    return None, scale, end


def _readings(digits: str, scale: float) -> Iterator[str]:
    """1.234 may be a thousand or a fraction; 1.234,56 and 1,234.56 can be read in one way only."""
    plain = re.sub(r"[\u00a0\u202f' ]", "", digits.replace("−", "-").lstrip("-"))
    marks = re.findall(r"[.,]", plain)
    options: set[str] = set()
    if not marks:
        options.add(plain)
    elif len(set(marks)) == 2:
        last = max(plain.rfind("."), plain.rfind(","))
        options.add(re.sub(r"[.,]", "", plain[:last]) + "." + plain[last + 1 :])
    elif len(marks) > 1:
        options.add(re.sub(r"[.,]", "", plain))
    else:
        whole, fraction = re.split(r"[.,]", plain)
        options.add(f"{whole}.{fraction}")
        if len(fraction) == 3 and 1 <= len(whole) <= 3:
            options.add(whole + fraction)
    for option in options:
        yield f"{float(option) * scale:.12g}"


def _words(text: str) -> Iterator[Fact]:
    previous = ""
    done = 0
    for match in _WORD.finditer(text):
        word, lead = fold(match.group()), previous
        previous = word
        value = _word_value(text, match, word, lead)
        if value is None or match.start() < done:
            continue
        done, ones = match.end(), _ENGLISH_ONES.match(text, match.end())
        if 20 <= value <= 90 and ones and NUMBER_WORDS.get(fold(ones[1]), 10) < 10:
            value, done = value + NUMBER_WORDS[fold(ones[1])], ones.end()
        unit, scale, end = _unit_after(text, done)
        if unit == _CENT:
            unit, scale = None, scale / 100
        yield Fact(
            "number",
            text[match.start() : end],
            match.start(),
            end,
            frozenset({f"{value * scale:.12g}"}),
            unit,
        )


def _word_value(text: str, match: re.Match[str], word: str, lead: str) -> int | None:
    if word == "ten" and re.match(
        r"\s+(?:minste|hoogste|slotte|opzichte|laatste|eerste|tweede|aanzien|behoeve|gevolge|koste|gunste|tijde)",
        text[match.end() :],
    ):
        return None
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    if word in ORDINALS and lead in ORDINAL_LEADS:
        return ORDINALS[word]
    if match.group() in ("één", "Één", "eén"):
        return 1
    if word == "one" and _unit_after(text, match.end())[0]:
        return 1
    joined = re.fullmatch(
        r"(\w+?)(?:en|und)(twintig|dertig|veertig|vijftig|zestig|zwanzig|dreissig|vierzig|funfzig|sechzig)",
        word,
    )
    if joined:
        ones = {"een": 1, "ein": 1}.get(joined[1].rstrip(), NUMBER_WORDS.get(joined[1]))
        return NUMBER_WORDS[joined[2]] + ones if ones else None
    return None


def _share_units(text: str, found: list[Fact]) -> tuple[Fact, ...]:
    """In "2 to 3 days" and "€ 5-10" both numbers have the unit."""
    for index in range(len(found) - 2, -1, -1):
        left, right = found[index], found[index + 1]
        if left.kind != "number" or right.kind not in ("number", "time"):
            continue
        if not _RANGE.fullmatch(text[left.end : right.start]):
            continue
        if right.kind == "number" and right.unit and not left.unit:
            found[index] = replace(left, unit=right.unit)
        elif left.unit in _MONEY_CODES and right.kind == "number" and not right.unit:
            found[index + 1] = replace(right, unit=left.unit)
    return tuple(found)


def _same_number(fact: Fact, other: Fact) -> bool:
    if other.kind == "number":
        clash = fact.unit is not None and other.unit is not None and fact.unit != other.unit
        return bool(fact.values & other.values) and not clash
    if other.kind == "date":
        years, _, days = zip(*(value.split("|") for value in other.values), strict=True)
        return bool(fact.values & {*years, *(days if fact.unit is None else ())})
    if other.kind == "time":
        hours = {int(value.split(":")[0]) for value in other.values}
        return fact.unit in (None, "hour") and bool(
            fact.values & {str(h) for hour in hours for h in (hour, (hour - 1) % 12 + 1)}
        )
    return (
        other.kind == "code"
        and fact.unit is None
        and any(value in re.findall(r"\d+", code) for value in fact.values for code in other.values)
    )


def _single(fact: Fact, quote: str) -> bool:
    """ "1 year" and "one year" stand in "a year": one is often written as an article."""
    if fact.values != {"1"}:
        return False
    for match in _WORD.finditer(quote):
        if fold(match.group()) in ONE_WORDS and fact.unit:
            after = _WORD.match(quote, match.end() + 1)
            if after and UNITS.get(fold(after.group())) == fact.unit:
                return True
    return fact.unit is None and bool({fold(word) for word in _WORD.findall(quote)} & {"one", "single"})


def _same_date(fact: Fact, other: Fact) -> bool:
    """Each part of the date that the sentence gives must stand in the quote's date."""
    if other.kind != "date":
        return False
    for value in fact.values:
        for theirs in other.values:
            pairs = zip(value.split("|"), theirs.split("|"), strict=True)
            if all(not mine or mine == its for mine, its in pairs):
                return True
    return False


def _same_time(fact: Fact, other: Fact, quote: str) -> bool:
    """A bare number is an hour only where no noun follows it: \"9 to 17\", not \"14 countries\"."""
    if other.kind == "time":
        return bool(fact.values & other.values)
    if other.kind != "number" or other.unit not in (None, "hour"):
        return False
    if other.unit is None and not _HOUR_END.match(quote, other.end):
        return False
    clocks = [value.split(":") for value in fact.values]
    return any(
        minute == "00" and other.values & {hour, str((int(hour) - 1) % 12 + 1)} for hour, minute in clocks
    )
