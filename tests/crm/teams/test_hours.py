from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from crm.teams import opening
from crm.teams import service as teams
from crm.teams.hours import Day, Holiday, Hours, Span, is_open, next_opening
from crm.teams.schemas import TeamCreate
from tests.crm.teams.people import open_office

# Zone and the date of a change: by an hour, by half an hour, at midnight, and a whole day left out.
CHANGES = [
    ("Europe/Amsterdam", date(2026, 3, 29)),
    ("Europe/Amsterdam", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Asuncion", date(2022, 10, 2)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kolkata", date(2026, 3, 29)),
]
MINUTE = timedelta(minutes=1)


def every_day(zone: str, *spans: tuple[str, str]) -> Hours:
    made = [Span(start=start, end=end) for start, end in spans]
    return Hours(time_zone=zone, week=dict.fromkeys(Day, made))


@st.composite
def some_hours(draw: st.DrawFn) -> tuple[Hours, datetime]:
    """Hours with edges near the change, and a time within a day of it."""
    zone, day = draw(st.sampled_from(CHANGES))
    marks = sorted(draw(st.sets(st.integers(0, 23 * 4 + 3), min_size=2, max_size=6)))
    clock = [f"{mark // 4:02}:{mark % 4 * 15:02}" for mark in marks]
    hours = every_day(zone, *zip(clock[::2], clock[1::2], strict=False))
    holidays = [Holiday(on=day)] if draw(st.booleans()) and draw(st.booleans()) else []
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return hours.model_copy(update={"holidays": holidays}), noon + draw(st.integers(-1500, 900)) * MINUTE


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(some_hours())
def test_that_the_next_opening_is_the_first_minute_at_which_it_is_open(drawn: tuple[Hours, datetime]) -> None:
    hours, at = drawn
    found = next_opening(hours, at)
    assert found is not None
    assert is_open(hours, found)
    assert found >= at
    minutes = int((found - at) / MINUTE)
    assert not any(is_open(hours, at + minute * MINUTE) for minute in range(minutes))


def test_that_a_span_the_clock_jumps_into_opens_at_the_jump() -> None:
    hours = every_day("Europe/Amsterdam", ("02:30", "03:30"))
    assert next_opening(hours, datetime(2026, 3, 29, 0, 0, tzinfo=UTC)) == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )


def test_that_a_span_the_clock_shows_twice_is_open_twice() -> None:
    hours = every_day("Europe/Amsterdam", ("02:15", "02:45"))
    first = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    assert next_opening(hours, first - timedelta(hours=2)) == first
    assert next_opening(hours, first + timedelta(minutes=30)) == first + timedelta(hours=1)


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/Sao_Paulo", "Asia/Kathmandu"])
def test_that_the_end_does_not_count_and_midnight_does(zone: str) -> None:
    hours = every_day(zone, ("00:00", "09:00"), ("22:00", "24:00"))
    local = datetime(2026, 6, 1, tzinfo=ZoneInfo(zone))
    assert [is_open(hours, local.replace(hour=hour)) for hour in (0, 8, 9, 21, 22, 23)] == [
        True, True, False, False, True, True,
    ]  # fmt: skip


def test_that_a_holiday_takes_the_place_of_its_weekday() -> None:
    week = {Day.THURSDAY: [Span(start="09:00", end="17:00")]}
    days = [
        Holiday(on=date(2026, 12, 24), spans=[Span(start="09:00", end="12:00")]),
        Holiday(on=date(2026, 12, 31)),
    ]
    hours = Hours(time_zone="UTC", week=week, holidays=days)
    assert is_open(hours, datetime(2026, 12, 24, 11, tzinfo=UTC))
    afternoon = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert next_opening(hours, afternoon) == datetime(2027, 1, 7, 9, tzinfo=UTC)
    assert next_opening(Hours(time_zone="UTC", week={}), afternoon) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"week": {"monday": [{"start": "17:00", "end": "09:00"}]}},
        {"week": {"monday": [{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "13:00"}]}},
        {"week": {"monday": [{"start": "24:00", "end": "24:00"}]}},
        {"week": {"someday": []}},
        {"holidays": [{"on": "2026-12-25"}, {"on": "2026-12-25"}]},
        {"holidays": [{"on": "2026-02-30"}]},
    ],
)
def test_that_hours_which_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate({"time_zone": "UTC", "week": {}} | wrong)


async def test_that_a_team_keeps_the_hours_of_its_workspace_until_it_has_its_own(
    db: Database, clock: ManualClock
) -> None:
    office = await open_office(db)
    at = clock.now()  # a Monday, half past nine
    async with db.transaction() as session:
        team = await teams.create_team(session, office.workspace_id, TeamCreate(name="Sales"))
        assert await opening.is_team_open(session, office.workspace_id, team.id, at=at)
        await opening.set_hours(session, office.workspace_id, None, every_day("UTC", ("10:00", "11:00")))
        shown = await opening.read_hours(session, office.workspace_id, team.id)
        assert (shown.inherited, shown.is_open) == (True, False)
        assert shown.next_opening == at + timedelta(minutes=30)
        own = every_day("Asia/Tokyo", ("18:00", "19:00"))
        shown = await opening.set_hours(session, office.workspace_id, team.id, own)
        assert (shown.inherited, shown.is_open, shown.hours) == (False, True, own)
        assert not await opening.is_team_open(session, office.workspace_id, None, at=at)
        await opening.set_hours(session, office.workspace_id, team.id, None)
        assert not await opening.is_team_open(session, office.workspace_id, team.id, at=at)
