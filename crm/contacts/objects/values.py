"""Whether a field holds a value, and how the value is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from crm.contacts.folding import fold
from crm.contacts.objects.errors import BadValue, UnknownField
from crm.contacts.objects.schemas import MAX_TEXT, MAX_TITLE, FieldValue, ObjectField, Values
from crm.contacts.schemas import PropertyType

_BIGGEST = 1e15  # beyond it a double no longer tells two whole numbers apart


@dataclass(frozen=True)
class Lookup:
    """A value as queries see it; one of the two is set."""

    key: str | None = None
    number: float | None = None


def check_values(fields: Sequence[ObjectField], given: Values, before: Values) -> Values:
    """What a record holds once `given` is written over `before`. Raises UnknownField, BadValue."""
    known = {one.key: one for one in fields}
    for key in given:
        if key not in known:
            raise UnknownField(
                f"There is no field “{key[:60]}”; there are {', '.join(known)}.",
                field=f"values.{key}"[:100],
                allowed=list(known),
            )
    after = before | {key: check_value(known[key], value) for key, value in given.items()}
    for one in fields:
        if one.required and after.get(one.key) is None:
            raise BadValue(f"The field “{one.name}” must hold something.", field=f"values.{one.key}")
    return {key: value for key, value in after.items() if value is not None}


def check_value(field: ObjectField, value: FieldValue) -> FieldValue:
    """The value as it is stored. Raises BadValue."""
    if value is None or value == "":
        return None
    match field.type:
        case PropertyType.TEXT:
            return _text(field, value)
        case PropertyType.NUMBER:
            return _number(field, value)
        case PropertyType.BOOLEAN:
            if isinstance(value, bool):
                return value
            raise _wrong(field, "true or false")
        case PropertyType.DATE:
            return _date(field, value)
        case PropertyType.CHOICE:
            if value in field.choices:
                return value
            raise _wrong(field, f"one of: {', '.join(field.choices)[:500]}")


def _text(field: ObjectField, value: FieldValue) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _wrong(field, f"text of at most {MAX_TEXT} characters")
    return value.strip() or None


def _number(field: ObjectField, value: FieldValue) -> float | int:
    if isinstance(value, bool | str) or value is None or not abs(value) <= _BIGGEST:
        raise _wrong(field, "a number of at most 15 digits")
    return value


def _date(field: ObjectField, value: FieldValue) -> str:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise _wrong(field, "a date as YYYY-MM-DD")


def _wrong(field: ObjectField, allowed: str) -> BadValue:
    return BadValue(
        f"The field “{field.name}” holds {allowed}.", field=f"values.{field.key}", allowed=allowed
    )


def title_of(field: ObjectField, values: Values) -> str:
    """The text by which a record is known. Raises BadValue."""
    value = values.get(field.key)
    title = "" if value is None else str(value)
    if not 1 <= len(title) <= MAX_TITLE or not title.isprintable():
        raise BadValue(
            f"The field “{field.name}” is the record's title: one line of 1 to {MAX_TITLE} characters.",
            field=f"values.{field.key}",
        )
    return title


def lookup_of(field: ObjectField, value: FieldValue) -> Lookup:
    """A checked value as queries see it."""
    if isinstance(value, bool | int | float):
        return Lookup(number=float(value))
    return Lookup(key=fold(str(value)))


def parse(field: ObjectField, text: str) -> FieldValue:
    """A value from the text of a query. Raises BadValue."""
    if field.type is PropertyType.BOOLEAN:
        return check_value(field, {"true": True, "false": False}.get(text.casefold(), text))
    if field.type is PropertyType.NUMBER:
        try:
            return check_value(field, float(text))
        except ValueError as wrong:
            raise _wrong(field, "a number of at most 15 digits") from wrong
    return check_value(field, text)
