"""Working hours: a week of spans in a time zone, and days that differ. Pure functions of a point in time.

Spans are read off the clock on the wall: one that the clock jumps over is shorter that day, one that it shows
twice is open twice. A night shift is two spans: until 24:00, and from 00:00.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_CLOCK = r"^(?:[01]\d|2[0-3]):[0-5]\d$"
_CLOCK_OR_MIDNIGHT = r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$"
_LOOK_AHEAD_DAYS = 800  # more than there can be holidays


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_DAYS = tuple(Day)


class Span(BaseModel):
    """Open from one time on the wall clock until another, which does not count any more."""

    model_config = ConfigDict(extra="forbid")

    start: str = Field(pattern=_CLOCK, examples=["09:00"])
    end: str = Field(pattern=_CLOCK_OR_MIDNIGHT, examples=["17:30"])

    @model_validator(mode="after")
    def _forward(self) -> Span:
        if self.end <= self.start:
            raise ValueError("A span ends after it starts; a night shift is two: until 24:00, and from 00:00")
        return self


def _apart(spans: list[Span]) -> list[Span]:
    spans = sorted(spans, key=lambda span: span.start)
    if any(later.start < earlier.end for earlier, later in pairwise(spans)):
        raise ValueError("Two spans of a day overlap")
    return spans


def known_zone(value: str) -> str:
    """Only zones of the IANA database. Raises ValueError."""
    if value not in available_timezones():
        raise ValueError("This is not a time zone of the IANA database, such as Europe/Amsterdam")
    return value


Spans = Annotated[list[Span], Field(max_length=10), AfterValidator(_apart)]


class Holiday(BaseModel):
    """A date that differs from the week: closed, or with hours of its own."""

    model_config = ConfigDict(extra="forbid")

    on: date
    name: str = Field(default="", max_length=120)
    spans: Spans = Field(default_factory=list)


def _once(holidays: list[Holiday]) -> list[Holiday]:
    if len({holiday.on for holiday in holidays}) != len(holidays):
        raise ValueError("A date is named twice")
    return sorted(holidays, key=lambda holiday: holiday.on)


class Hours(BaseModel):
    """A week, in a time zone; a day that is not named is closed."""

    model_config = ConfigDict(extra="forbid")

    time_zone: Annotated[str, AfterValidator(known_zone)] = Field(examples=["Europe/Amsterdam"])
    week: dict[Day, Spans]
    holidays: Annotated[list[Holiday], Field(max_length=366), AfterValidator(_once)] = Field(
        default_factory=list
    )


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether somebody is there at this time."""
    local = at.astimezone(ZoneInfo(hours.time_zone))
    wall = f"{local:%H:%M}"
    return any(span.start <= wall < span.end for span in spans_on(hours, local.date()))


def spans_on(hours: Hours, day: date) -> list[Span]:
    """The spans of one date."""
    for holiday in hours.holidays:
        if holiday.on == day:
            return holiday.spans
    return hours.week.get(_DAYS[day.weekday()], [])


def next_opening(hours: Hours, at: datetime) -> datetime | None:
    """The first time from `at` on at which it is open; None when it never is."""
    if is_open(hours, at):
        return at
    first = at.astimezone(ZoneInfo(hours.time_zone)).date()
    for ahead in range(_LOOK_AHEAD_DAYS):
        day = first + timedelta(days=ahead)
        spans = spans_on(hours, day)
        if spans:
            moments = (moment for moment in _moments(hours, day, spans) if moment > at)
            opening = next((moment for moment in moments if is_open(hours, moment)), None)
            if opening is not None:
                return opening
    return None


def _moments(hours: Hours, day: date, spans: list[Span]) -> list[datetime]:
    """When it may open on a date: where a span starts (perhaps twice), and where the clock jumps."""
    zone = ZoneInfo(hours.time_zone)
    starts = [
        datetime.combine(day, time.fromisoformat(span.start), zone).replace(fold=fold).astimezone(UTC)
        for span in spans
        for fold in (0, 1)
    ]
    return sorted({*starts, *_jumps(zone, day)})


def _jumps(zone: ZoneInfo, day: date) -> list[datetime]:
    """The moments of a date at which the clock is put forward or back."""
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    marks = [midnight + timedelta(hours=hour) for hour in range(-2, 28)]
    return [
        _jump_between(zone, before, after)
        for before, after in pairwise(marks)
        if _offset(zone, before) != _offset(zone, after)
    ]


def _jump_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = _offset(zone, before)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + timedelta(seconds=middle)) == offset:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()
