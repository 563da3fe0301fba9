"""A filter against the workspace it is used in: what properties there are, and which values fit them.

What comes out has keys in the form that the tables hold, so that a query needs to know nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm.contacts.addresses import email_key, phone_key
from crm.contacts.errors import TypeMismatch, UnknownProperty
from crm.contacts.filters.errors import BadOperator, BadReference, FilterTooLarge
from crm.contacts.filters.schemas import AllOf, AnyOf, Comparison, Condition, FieldRead, Not, Operator
from crm.contacts.folding import fold
from crm.contacts.properties.values import Definition, choice, day, number
from crm.contacts.schemas import ContactSource, PropertyType

_O = Operator
_SET = (_O.IS_SET, _O.IS_EMPTY)
_TEXT = (_O.EQUALS, _O.NOT_EQUALS, _O.ANY_OF, _O.CONTAINS, _O.STARTS_WITH, *_SET)
_CHOICE = (_O.EQUALS, _O.NOT_EQUALS, _O.ANY_OF, *_SET)
_DAYS = (_O.BEFORE, _O.AFTER, _O.BETWEEN, _O.IN_LAST_DAYS, *_SET)
OPERATORS: Mapping[str, tuple[Operator, ...]] = {
    "text": _TEXT,
    "e-mail": _TEXT,
    "phone": _TEXT,
    "choice": _CHOICE,
    "owner": _CHOICE,
    "number": (_O.EQUALS, _O.NOT_EQUALS, _O.ANY_OF, _O.GREATER_THAN, _O.LESS_THAN, _O.BETWEEN, *_SET),
    "date": (_O.EQUALS, _O.NOT_EQUALS, *_DAYS),
    "time": _DAYS,
    "boolean": (_O.EQUALS, *_SET),
    "label": (_O.HAS, _O.HAS_NOT, *_SET),
    "list": (_O.HAS, _O.HAS_NOT),
}
_MAX_DAYS = 36_500
MAX_NESTED = 3  # lists within lists
MAX_SEEN = 500  # nodes of a filter with the lists it names


@dataclass(frozen=True)
class Target:
    """Where a property is kept: a column of contacts, the key or number of a custom one, or another table."""

    kind: str  # column | name | time | key | number | address | label | list
    name: str  # of the column, or the property's id, or the kind of address


@dataclass(frozen=True)
class FilterField:
    """A property that conditions can name."""

    property: str
    name: str
    type: str
    target: Target
    choices: tuple[str, ...] = ()

    def read(self) -> FieldRead:
        """As the API shows it."""
        return FieldRead(
            property=self.property,
            name=self.name,
            type=self.type,
            operators=list(OPERATORS[self.type]),
            choices=list(self.choices),
        )


_STANDARD = (
    FilterField("name", "Name", "text", Target("name", "sort_name")),
    FilterField("first_name", "First name", "text", Target("column", "first_key")),
    FilterField("last_name", "Last name", "text", Target("column", "last_key")),
    FilterField("email", "E-mail", "e-mail", Target("address", "email")),
    FilterField("phone", "Phone", "phone", Target("address", "phone")),
    FilterField("company", "Company", "text", Target("column", "company_key")),
    FilterField("job_title", "Job title", "text", Target("column", "title_key")),
    FilterField("location", "Location", "text", Target("column", "location_key")),
    FilterField("country", "Country", "text", Target("column", "country")),
    FilterField("language", "Language", "text", Target("column", "language_key")),
    FilterField(
        "source", "Source", "choice", Target("column", "source"), tuple(str(one) for one in ContactSource)
    ),
    FilterField("owner", "Owner", "owner", Target("column", "owner_id")),
    FilterField("created_at", "Created", "time", Target("time", "created_at")),
    FilterField("updated_at", "Changed", "time", Target("time", "updated_at")),
    FilterField("last_contact_at", "Last contact", "time", Target("time", "contacted_at")),
    FilterField("label", "Label", "label", Target("label", "")),
    FilterField("list", "List", "list", Target("list", "")),
)


@dataclass(frozen=True)
class Ground:
    """What a filter is checked against."""

    region: str | None
    zone: ZoneInfo
    at: datetime
    definitions: Mapping[str, Definition]
    names: Mapping[str, str]  # of custom properties, by key
    me: str | None  # None for an API key
    team: frozenset[str]  # whoever shares a team with the caller, and the caller
    staff: frozenset[str]
    labels: Mapping[str, str]  # id by id, and by the key of a name
    lists: Mapping[str, Condition | None]  # what a dynamic one is made of; None for a static one


@dataclass(frozen=True)
class Among:
    """The key is one of these."""

    keys: tuple[str | float, ...]


@dataclass(frozen=True)
class Holds:
    """The key has this in it; `start` when it begins with it."""

    part: str
    start: bool = False


@dataclass(frozen=True)
class Span:
    """Low ≤ key < high, or ≤ high when it is `closed`, or low < key when it is `above`."""

    low: Any = None
    high: Any = None
    above: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Present:
    """There is any."""


@dataclass(frozen=True)
class Test:
    """One comparison in the form that the tables hold."""

    target: Target
    test: Among | Holds | Span | Present


@dataclass(frozen=True)
class Every:
    """All parts hold."""

    parts: tuple[Checked, ...]


@dataclass(frozen=True)
class Some:
    """One part holds at least."""

    parts: tuple[Checked, ...]


@dataclass(frozen=True)
class Negated:
    """The part does not hold."""

    part: Checked


Checked = Test | Every | Some | Negated


def fields(ground: Ground) -> list[FilterField]:
    """Every property that conditions can name."""
    custom = [
        FilterField(
            f"properties.{one.key}",
            ground.names.get(one.key, one.key),
            str(one.type),
            _target(one),
            one.choices,
        )
        for one in ground.definitions.values()
    ]
    return [*_STANDARD, *custom]


def _target(one: Definition) -> Target:
    numeric = one.type in (PropertyType.NUMBER, PropertyType.BOOLEAN)
    return Target("number" if numeric else "key", one.id)


def check(condition: Condition, ground: Ground, path: str = "filter") -> Checked:
    """The filter in checked form.

    Raises UnknownProperty, BadOperator, TypeMismatch and BadReference, each with the `field` that is wrong.
    """
    return _Checker(ground).check(condition, path, ())


class _Checker:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.fields = {one.property: one for one in fields(ground)}
        self.seen = 0

    def check(self, condition: Condition, path: str, inside: tuple[str, ...]) -> Checked:
        self.seen += 1
        if self.seen > MAX_SEEN:
            raise FilterTooLarge(
                f"With the lists it names this filter has more than {MAX_SEEN} conditions.",
                limit=MAX_SEEN,
                field="filter",
            )
        if isinstance(condition, AllOf):
            return Every(self._parts(condition.all, f"{path}.all", inside))
        if isinstance(condition, AnyOf):
            return Some(self._parts(condition.any, f"{path}.any", inside))
        if isinstance(condition, Not):
            return Negated(self.check(condition.negated, f"{path}.not", inside))
        return self._comparison(condition, path, inside)

    def _parts(self, given: Sequence[Condition], path: str, inside: tuple[str, ...]) -> tuple[Checked, ...]:
        return tuple(self.check(one, f"{path}.{place}", inside) for place, one in enumerate(given))

    def _comparison(self, given: Comparison, path: str, inside: tuple[str, ...]) -> Checked:
        field = self.fields.get(given.property)
        if field is None:
            raise UnknownProperty(
                f"There is no property “{given.property}” to filter by.",
                field=f"{path}.property",
                allowed=sorted(self.fields),
            )
        allowed = OPERATORS[field.type]
        if given.operator not in allowed:
            raise BadOperator(
                f"{field.name} is of type {field.type} and is compared with {', '.join(allowed)}.",
                field=f"{path}.operator",
                allowed=list(allowed),
            )
        if given.operator in _SET:
            if given.value is not None:
                raise TypeMismatch(f"{given.operator} takes no value.", field=f"{path}.value")
            test: Checked = Test(field.target, Present())
            return Negated(test) if given.operator is _O.IS_EMPTY else test
        if field.type == "list":
            test = self._list(given.value, f"{path}.value", inside)
        else:
            test = Test(field.target, _Values(self.ground, field, f"{path}.value").test(given))
        return Negated(test) if given.operator in (_O.NOT_EQUALS, _O.HAS_NOT) else test

    def _list(self, value: object, path: str, inside: tuple[str, ...]) -> Checked:
        if not isinstance(value, str) or value not in self.ground.lists:
            raise BadReference("There is no such list.", field=path)
        made_of = self.ground.lists[value]
        if made_of is None:
            return Test(Target("list", value), Present())
        if value in inside or len(inside) >= MAX_NESTED:
            raise BadReference(
                f"A list may be made of lists {MAX_NESTED} deep, and not of itself.", field=path
            )
        return self.check(made_of, path, (*inside, value))


class _Values:
    """The value of one comparison."""

    def __init__(self, ground: Ground, field: FilterField, path: str) -> None:
        self.ground, self.field, self.path = ground, field, path

    def test(self, given: Comparison) -> Among | Holds | Span:
        operator, value = given.operator, given.value
        if operator is _O.ANY_OF:
            if not isinstance(value, list):
                raise self._wrong("a list of values")
            return Among(tuple(key for one in value for key in self._keys(one)))
        if isinstance(value, list) and operator is not _O.BETWEEN:
            raise self._wrong("one value")
        if operator in (_O.EQUALS, _O.NOT_EQUALS, _O.HAS, _O.HAS_NOT):
            return Among(self._keys(value))
        if operator in (_O.CONTAINS, _O.STARTS_WITH):
            return Holds(self._part(value, operator), start=operator is _O.STARTS_WITH)
        return self._span(operator, value)

    def _keys(self, value: object) -> tuple[str | float, ...]:
        if self.field.type == "owner":
            return self._owners(value)
        return (self._key(value),)

    def _key(self, value: object) -> str | float:
        kind, path = self.field.type, self.path
        if kind == "number":
            return number(value, path)
        if kind == "boolean":
            if not isinstance(value, bool):
                raise self._wrong("true or false")
            return float(value)
        text = self._text(value)
        if kind == "date":
            return day(text, path)
        if kind == "choice":
            return fold(choice(self.field.choices, text, path))
        if kind == "label":
            return self._label(text)
        if kind == "e-mail":
            return email_key(text)
        if kind == "phone":
            return phone_key(text, self.ground.region)
        return self._folded(text)

    def _folded(self, text: str) -> str:
        key = fold(text)
        if not key:
            raise self._wrong("a text with letters or digits; is_empty finds what has none")
        return key.upper() if self.field.property == "country" else key

    def _label(self, text: str) -> str:
        found = self.ground.labels.get(text) or self.ground.labels.get(fold(text.removeprefix("#")))
        if found is None:
            raise BadReference(f"There is no label “{text[:60]}”.", field=self.path)
        return found

    def _owners(self, value: object) -> tuple[str | float, ...]:
        text = self._text(value)
        if text in ("me", "team") and self.ground.me is None:
            raise BadReference("An API key owns no contacts and is in no team.", field=self.path)
        if text == "me":
            return (self.ground.me or "",)
        if text == "team":
            return tuple(sorted(self.ground.team))
        if text not in self.ground.staff:
            raise BadReference("There is no such staff member; me and team are known too.", field=self.path)
        return (text,)

    def _part(self, value: object, operator: Operator) -> str:
        text = self._text(value)
        if self.field.type == "phone":
            digits = re.sub(r"\D", "", text)
            if not digits.isascii() or not digits:
                raise self._wrong("a part of a phone number with a digit")
            return f"+{digits}" if operator is _O.STARTS_WITH else digits
        return self._folded(text)

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._wrong("a text")
        return value

    def _span(self, operator: Operator, value: object) -> Span:
        if operator is _O.IN_LAST_DAYS:
            return self._last_days(value)
        if self.field.type == "time":
            return self._times(operator, value)
        one: Callable[[object], Any] = self._key
        if operator is _O.BETWEEN:
            low, high = self._pair(value)
            return Span(one(low), one(high), closed=True)
        if operator in (_O.GREATER_THAN, _O.AFTER):
            return Span(low=one(value), above=True)
        return Span(high=one(value))

    def _pair(self, value: object) -> tuple[object, object]:
        if not isinstance(value, list) or len(value) != 2:
            raise self._wrong("two values, the least and the greatest")
        return value[0], value[1]

    def _last_days(self, value: object) -> Span:
        days = number(value, self.path)
        if days != int(days) or not 1 <= days <= _MAX_DAYS:
            raise self._wrong(f"a whole number of days from 1 to {_MAX_DAYS}")
        since = self.ground.at - timedelta(days=days)
        if self.field.type == "time":
            return Span(low=since, high=self.ground.at, closed=True)
        zone = self.ground.zone
        return Span(
            since.astimezone(zone).date().isoformat(),
            self.ground.at.astimezone(zone).date().isoformat(),
            above=True,
            closed=True,
        )

    def _times(self, operator: Operator, value: object) -> Span:
        """A day counts from midnight to midnight where the workspace is."""
        if operator is _O.BETWEEN:
            low, high = self._pair(value)
            (start, _), (begin, end) = self._moments(low), self._moments(high)
            return Span(low=start, high=end, closed=begin == end)
        begin, end = self._moments(value)
        if operator is _O.BEFORE:
            return Span(high=begin)
        return Span(low=end, above=begin == end)

    def _moments(self, value: object) -> tuple[datetime, datetime]:
        """Begin and end of a day, or a moment twice."""
        text = self._text(value)
        try:
            if len(text) == 10:
                begin = date.fromisoformat(text)
                midnight = [
                    datetime.combine(one, time(), self.ground.zone).astimezone(self.ground.at.tzinfo)
                    for one in (begin, begin + timedelta(days=1))
                ]
                return midnight[0], midnight[1]
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise ValueError
            moment = moment.astimezone(self.ground.at.tzinfo)
        except (ValueError, OverflowError) as wrong:
            raise self._wrong("a date as 2026-02-28 or a time as 2026-02-28T12:00:00Z") from wrong
        return moment, moment

    def _wrong(self, wanted: str) -> TypeMismatch:
        return TypeMismatch(f"The value for {self.field.name} must be {wanted}.", field=self.path)
