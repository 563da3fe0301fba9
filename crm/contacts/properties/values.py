"""One value of a custom property: checked against its type, in the form that conditions compare."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from crm.contacts.errors import TypeMismatch
from crm.contacts.folding import fold
from crm.contacts.schemas import PropertyType, PropertyValue

MAX_TEXT = 500
MAX_NUMBER = 10**15


@dataclass(frozen=True)
class Definition:
    """A custom property, as far as its values need it."""

    id: str
    key: str
    type: PropertyType
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredValue:
    """What a row holds: JSON as it was given, and what conditions compare."""

    value: str
    key: str | None = None
    number: float | None = None


def stored(definition: Definition, value: PropertyValue, field: str) -> StoredValue | None:
    """A value as it is kept; None for one that is empty. Raises TypeMismatch."""
    if value is None or value == "":
        return None
    if definition.type is PropertyType.BOOLEAN:
        if not isinstance(value, bool):
            raise _mismatch(field, "true or false")
        return StoredValue(json.dumps(value), number=float(value))
    if definition.type is PropertyType.NUMBER:
        return StoredValue(json.dumps(value), number=number(value, field))
    return _stored_text(definition, value, field)


def _stored_text(definition: Definition, value: PropertyValue, field: str) -> StoredValue | None:
    if not isinstance(value, str):
        raise _mismatch(field, "a text" if definition.type is PropertyType.TEXT else f"a {definition.type}")
    text = value.strip()
    if not text:
        return None
    if definition.type is PropertyType.DATE:
        return StoredValue(json.dumps(text), key=day(text, field))
    if definition.type is PropertyType.CHOICE:
        text = choice(definition.choices, text, field)
    elif len(text) > MAX_TEXT:
        raise _mismatch(field, f"a text of at most {MAX_TEXT} characters", found=len(text))
    return StoredValue(json.dumps(text, ensure_ascii=False), key=fold(text))


def number(value: object, field: str) -> float:
    """A number that both stores hold. Raises TypeMismatch."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(field, "a number")
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise _mismatch(field, f"a number between -{MAX_NUMBER} and {MAX_NUMBER}")
    return float(value)


def day(value: object, field: str) -> str:
    """A date as YYYY-MM-DD. Raises TypeMismatch."""
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError
        return date.fromisoformat(value).isoformat()
    except ValueError as wrong:
        raise _mismatch(field, "a date as YYYY-MM-DD") from wrong


def choice(choices: Sequence[str], value: str, field: str) -> str:
    """One of the choices in its own spelling. Raises TypeMismatch."""
    key = fold(value)
    for one in choices:
        if fold(one) == key:
            return one
    raise _mismatch(field, f"one of {', '.join(choices[:20])}", choices=list(choices))


def _mismatch(field: str, wanted: str, **members: object) -> TypeMismatch:
    return TypeMismatch(f"{field} must be {wanted}.", code=None, field=field, **members)
