"""A mapping checked against the file and the workspace, and ready to read rows by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from agentflow.kit.errors import InvalidInput
from crm.contacts.addresses import is_region
from crm.contacts.errors import UnknownProperty
from crm.contacts.imports.columns import MANY
from crm.contacts.imports.errors import DuplicateMapping, NothingMapped, UnknownColumn, UnknownTarget
from crm.contacts.imports.schemas import PROPERTY, ColumnSeen, ColumnTarget, Target
from crm.contacts.imports.schemas import Mapping as ImportMapping
from crm.contacts.imports.words import plain
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.properties.values import Definition
from crm.contacts.schemas import PropertyType

_KEY_CHARS = 36
_NAMES = (Target.FIRST_NAME, Target.LAST_NAME)


def check(mapping: ImportMapping, columns: Sequence[ColumnSeen], known: Collection[str]) -> None:
    """Refuse what cannot be carried out, naming the place. `known` are the keys of custom properties.

    Raises UnknownColumn, UnknownTarget, UnknownProperty, DuplicateMapping, NothingMapped, InvalidInput.
    """
    seen = {column.column for column in columns}
    used: set[int] = set()
    targets: set[str] = set()
    for place, one in enumerate(mapping.columns):
        field = f"columns.{place}"
        if one.column not in seen:
            raise UnknownColumn(
                f"The file has no column {one.column}.", field=f"{field}.column", allowed=sorted(seen)
            )
        if one.column in used:
            raise DuplicateMapping(f"Column {one.column} is mapped twice.", field=f"{field}.column")
        _check_target(one, known, field)
        if one.target in targets and one.target not in MANY:
            raise DuplicateMapping(f"Two columns go to {one.target}.", field=f"{field}.target")
        used.add(one.column)
        targets.add(one.target)
    if mapping.region is not None and not is_region(mapping.region):
        raise InvalidInput(
            f"There is no country {mapping.region}.",
            code="unknown_region",
            field="region",
            allowed="ISO 3166-1 alpha-2, such as NL or BR",
        )
    if Target.NAME in targets and targets & set(_NAMES):
        raise DuplicateMapping("`name` fills first and last name; another column does too.", field="columns")
    if not targets & {Target.EMAIL, Target.PHONE, Target.CONTACT_ID}:
        raise NothingMapped("Map a column to email or phone: they tell contacts apart.", field="columns")


def _check_target(one: ColumnTarget, known: Collection[str], field: str) -> None:
    if one.target.startswith(PROPERTY):
        key = one.target.removeprefix(PROPERTY)
        if key not in known:
            raise UnknownProperty(
                f"There is no property {key}; create it, or map the column to `new`.",
                field=f"{field}.target",
                allowed=sorted(known),
            )
    elif one.target not in list(Target):
        allowed = [*map(str, Target), f"{PROPERTY}<key>"]
        raise UnknownTarget(
            f"There is no field {one.target}.",
            field=f"{field}.target",
            allowed=allowed,
        )
    if one.target != Target.NEW and (one.name or one.type):
        raise InvalidInput("Only a `new` property takes a name and a type.", field=f"{field}.name")
    if one.type is PropertyType.CHOICE:
        raise InvalidInput(
            "Create a property of choices first, with its choices, and map the column to it.",
            field=f"{field}.type",
        )


def new_properties(
    mapping: ImportMapping, columns: Mapping[int, ColumnSeen], known: Collection[str]
) -> dict[int, PropertyCreate]:
    """The properties that the mapping asks for, by their columns; keys are made of the names."""
    taken = set(known)
    found: dict[int, PropertyCreate] = {}
    for one in mapping.columns:
        if one.target != Target.NEW:
            continue
        name = one.name or columns[one.column].header or f"Column {one.column + 1}"
        words = "_".join(word for word in plain(name).split() if word.isascii()) or f"column_{one.column + 1}"
        base = (words if words[0].isalpha() else f"p_{words}")[:_KEY_CHARS]
        key = next(name for name in _numbered(base) if name not in taken)
        taken.add(key)
        found[one.column] = PropertyCreate(key=key, name=name, type=one.type or PropertyType.TEXT)
    return found


def _numbered(base: str) -> list[str]:
    return [base, *(f"{base}_{number}" for number in range(2, 999))]


def resolved(
    mapping: ImportMapping, new: Mapping[int, PropertyCreate]
) -> tuple[list[ColumnTarget], dict[str, Definition]]:
    """The targets with new properties by their keys, and what those will take."""
    targets = [
        ColumnTarget(column=one.column, target=f"{PROPERTY}{new[one.column].key}", date_order=one.date_order)
        if one.column in new
        else one
        for one in mapping.columns
    ]
    return targets, {one.key: Definition("", one.key, one.type) for one in new.values()}
