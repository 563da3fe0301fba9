"""Writing many contacts at once: checked row by row, written in a handful of statements.

One by hand goes the same way as ten thousand of an import, so both are refused for the same reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.errors import AppError, InvalidInput
from agentflow.kit.ids import new_id
from crm.contacts import repository
from crm.contacts.activity import service as activity
from crm.contacts.activity.schemas import ActivityKind, Detail
from crm.contacts.activity.service import Line
from crm.contacts.addresses import address_key
from crm.contacts.errors import (
    ContactNotFound,
    DuplicateContact,
    EmptyContact,
    UnknownOwner,
    UnknownProperty,
)
from crm.contacts.folding import fold_or_none, sort_key
from crm.contacts.labels import service as labels
from crm.contacts.labels.schemas import label_name
from crm.contacts.models import NEVER, Contact, ContactAddress
from crm.contacts.properties import service as properties
from crm.contacts.properties.values import Definition, StoredValue, stored
from crm.contacts.schemas import AddressKind, ContactCreate, ContactSource, ContactUpdate
from crm.teams import directory

_TEXTS = ("first_name", "last_name", "company", "job_title", "location")
_FIELDS = {AddressKind.EMAIL: "emails", AddressKind.PHONE: "phones"}
Key = tuple[AddressKind, str]


@dataclass(frozen=True)
class Written:
    """What became of a row: the contact that now holds it, or why it was refused."""

    contact_id: str | None
    refusal: AppError | None = None


@dataclass(frozen=True)
class Cause:
    """Who writes, and by which import: what the log of a contact says about it."""

    actor_id: str | None = None
    import_id: str | None = None

    def lines(self, good: Iterable[Prepared]) -> list[Line]:
        """What an import says in the log of each contact it writes."""
        if self.import_id is None:
            return []
        return [Line(one.contact_id, ActivityKind.IMPORTED, self.import_id) for one in good]


NOBODY = Cause()


@dataclass(frozen=True)
class Ground:
    """What rows are checked against."""

    workspace_id: str
    region: str | None
    definitions: dict[str, Definition]
    staff: frozenset[str]
    at: datetime


@dataclass
class Prepared:
    """A row that is right by itself. Of an update only what it names is there."""

    contact_id: str
    columns: dict[str, Any] = field(default_factory=dict)
    addresses: dict[AddressKind, list[tuple[str, str]]] = field(default_factory=dict)  # kind → (value, key)
    values: dict[str, StoredValue | None] = field(default_factory=dict)
    labels: list[str] | None = None

    def is_empty(self) -> bool:
        """Whether it says nothing."""
        said = (*self.columns.values(), *self.addresses.values(), *self.values.values(), self.labels)
        return not any(said)

    def keys(self) -> list[Key]:
        """What must not belong to somebody else."""
        return [(kind, key) for kind, pairs in self.addresses.items() for _, key in pairs]


async def create_many(
    session: AsyncSession,
    workspace_id: str,
    rows: Sequence[ContactCreate],
    *,
    source: ContactSource,
    cause: Cause = NOBODY,
    allow_duplicate: bool = False,
) -> list[Written]:
    """Make contacts, all in this transaction; a row that is refused does not hold up the others.

    An address that an earlier row or another contact has refuses a row, unless `allow_duplicate`.
    """
    ground = await _ground(session, workspace_id, rows)
    results: list[Written | Prepared] = []
    for row in rows:
        results.append(_tried(row, ground, new_id("con")))
    if not allow_duplicate:
        results = await _without_duplicates(session, workspace_id, results)
    good = [one for one in results if isinstance(one, Prepared)]
    made = [_new_columns(one, ground, source) for one in good]
    await repository.add_rows(session, Contact, made)
    await repository.add_rows(session, ContactAddress, _address_rows(good, workspace_id))
    await _write_values(session, good, ground, replace=False)
    await _write_labels(session, workspace_id, good, replace=False)
    lines = cause.lines(good) or [
        Line(one.contact_id, ActivityKind.CREATED, None, {"source": source}) for one in good
    ]
    await activity.note_many(session, workspace_id, lines, actor_id=cause.actor_id)
    return [Written(one.contact_id) if isinstance(one, Prepared) else one for one in results]


async def update_many(
    session: AsyncSession,
    workspace_id: str,
    rows: Sequence[tuple[str, ContactUpdate]],
    *,
    cause: Cause = NOBODY,
    allow_duplicate: bool = False,
) -> list[Written]:
    """Change contacts, each at most once, all in this transaction; what a row leaves out stays."""
    ground = await _ground(session, workspace_id, [row for _, row in rows])
    known = await repository.contacts_among(session, workspace_id, [contact_id for contact_id, _ in rows])
    results: list[Written | Prepared] = []
    for contact_id, row in rows:
        if contact_id not in known:
            results.append(Written(None, ContactNotFound("There is no such contact.")))
        else:
            results.append(_tried(row, ground, contact_id))
    if not allow_duplicate:
        results = await _without_duplicates(session, workspace_id, results)
    good = [one for one in results if isinstance(one, Prepared)]
    lines = cause.lines(good) + _owner_lines(known, good)
    changed = {one.contact_id: _changed_columns(known[one.contact_id], one) for one in good}
    for one in good:
        _apply(known[one.contact_id], one, ground.at)
    await session.flush()
    replaced = [(one.contact_id, str(kind)) for one in good for kind in one.addresses]
    before = await repository.replace_addresses(session, replaced, _address_rows(good, workspace_id))
    lines += _updated_lines(good, changed, before)
    lines += await _write_values(session, good, ground, replace=True)
    lines += await _write_labels(session, workspace_id, good, replace=True)
    await activity.note_many(session, workspace_id, lines, actor_id=cause.actor_id)
    return [Written(one.contact_id) if isinstance(one, Prepared) else one for one in results]


async def _ground(session: AsyncSession, workspace_id: str, rows: Iterable[ContactCreate]) -> Ground:
    await repository.lock_workspace(session, workspace_id)
    owners = {row.owner_id for row in rows if row.owner_id}
    return Ground(
        workspace_id=workspace_id,
        region=await directory.country_of(session, workspace_id),
        definitions=await properties.definitions(session, workspace_id),
        staff=await directory.staff_among(session, workspace_id, owners),
        at=now(session),
    )


def _tried(row: ContactCreate, ground: Ground, contact_id: str) -> Prepared | Written:
    try:
        return _prepared(row, ground, contact_id)
    except AppError as refusal:
        return Written(None, refusal)


def _prepared(row: ContactCreate, ground: Ground, contact_id: str) -> Prepared:
    """The row in the form it is written in. Raises what is wrong with it, with the field's name."""
    given = row.model_fields_set if isinstance(row, ContactUpdate) else set(type(row).model_fields)
    made = Prepared(contact_id)
    made.columns = _columns(row, given, ground)
    for kind, name in _FIELDS.items():
        if name in given:
            made.addresses[kind] = _addresses(kind, getattr(row, name), ground.region)
    for key, value in row.properties.items() if "properties" in given else ():
        definition = ground.definitions.get(key)
        if definition is None:
            raise UnknownProperty(
                f"There is no property {key[:60]}.",
                field=f"properties.{key}",
                allowed=sorted(ground.definitions),
            )
        made.values[definition.id] = stored(definition, value, f"properties.{key}")
    if "labels" in given:
        made.labels = [_label(name) for name in row.labels]
    if made.is_empty() and not isinstance(row, ContactUpdate):
        raise EmptyContact("Say something about the contact, such as a name, an e-mail address or a phone.")
    return made


def _columns(row: ContactCreate, given: Collection[str], ground: Ground) -> dict[str, Any]:
    columns: dict[str, Any] = {name: _line(getattr(row, name)) for name in _TEXTS if name in given}
    if "country" in given:
        columns["country"] = row.country
    if "language" in given:
        columns["locale"] = row.language
    if "owner_id" in given:
        if row.owner_id is not None and row.owner_id not in ground.staff:
            raise UnknownOwner("The owner is no staff member of this workspace.", field="owner_id")
        columns["owner_id"] = row.owner_id
    return columns


def _line(text: str | None) -> str | None:
    """A text of one line; None for an empty one."""
    return " ".join(text.split()).replace("\0", "") or None if text is not None else None


def _label(name: str) -> str:
    try:
        return label_name(name)
    except ValueError as wrong:
        raise InvalidInput(f"“{name[:60]}”: {wrong}.", code="bad_label", field="labels") from wrong


def _addresses(kind: AddressKind, values: Sequence[str], region: str | None) -> list[tuple[str, str]]:
    """Each once, however it is spelt; the first spelling stays."""
    found: dict[str, str] = {}
    for value in values:
        if value.strip():
            found.setdefault(address_key(kind, value, region), value.strip())
    return [(value, key) for key, value in found.items()]


async def _without_duplicates(
    session: AsyncSession, workspace_id: str, results: Sequence[Written | Prepared]
) -> list[Written | Prepared]:
    """Refuse each row with an address that somebody else has: a contact, or an earlier row."""
    wanted = [key for one in results if isinstance(one, Prepared) for key in one.keys()]  # noqa: SIM118
    taken: dict[Key, list[str]] = {}
    for kind in AddressKind:
        keys = {key for of, key in wanted if of is kind}
        holders = await repository.holders_of(session, workspace_id, kind, keys)
        taken |= {(kind, key): ids for key, ids in holders.items()}
    checked: list[Written | Prepared] = []
    for one in results:
        refusal = _duplicate(one, taken) if isinstance(one, Prepared) else None
        checked.append(one if refusal is None else Written(None, refusal))
        if isinstance(one, Prepared) and refusal is None:
            for pair in one.keys():  # noqa: SIM118
                taken.setdefault(pair, []).append(one.contact_id)
    return checked


def _duplicate(one: Prepared, taken: dict[Key, list[str]]) -> DuplicateContact | None:
    for kind, pairs in one.addresses.items():
        for value, key in pairs:
            others = taken.get((kind, key), [])
            if others and one.contact_id not in others:  # what it has already it may keep
                return DuplicateContact(
                    f"{value} belongs to another contact already.",
                    field=_FIELDS[kind],
                    value=value,
                    contact_id=others[0],
                )
    return None


def _new_columns(one: Prepared, ground: Ground, source: ContactSource) -> dict[str, Any]:
    columns = one.columns | {
        "id": one.contact_id,
        "workspace_id": ground.workspace_id,
        "source": source,
        "contacted_at": NEVER,
        "created_at": ground.at,
        "updated_at": ground.at,
        "deleted_at": None,
        "merged_into_id": None,
    }
    columns["name"] = shown_name(columns["first_name"], columns["last_name"])
    return columns | keys_of(columns)


def shown_name(first: str | None, last: str | None) -> str | None:
    """First and last name as they are shown."""
    return " ".join(part for part in (first, last) if part)[:200] or None


def keys_of(columns: dict[str, Any]) -> dict[str, str | None]:
    """The folded twins of what is searched and sorted."""
    return {
        "sort_name": sort_key(columns["name"]),
        "first_key": fold_or_none(columns["first_name"]),
        "last_key": fold_or_none(columns["last_name"]),
        "company_key": fold_or_none(columns["company"]),
        "title_key": fold_or_none(columns["job_title"]),
        "location_key": fold_or_none(columns["location"]),
        "language_key": fold_or_none(columns["locale"]),
    }


def _apply(contact: Contact, one: Prepared, at: datetime) -> None:
    for name, value in one.columns.items():
        setattr(contact, name, value)
    if {"first_name", "last_name"} & set(one.columns):
        contact.name = shown_name(contact.first_name, contact.last_name)
    names = ("name", *_TEXTS, "locale")
    for name, key in keys_of({name: getattr(contact, name) for name in names}).items():
        setattr(contact, name, key)
    contact.updated_at = at


def _address_rows(good: Sequence[Prepared], workspace_id: str) -> list[dict[str, Any]]:
    return [
        row
        for one in good
        for kind, pairs in one.addresses.items()
        for row in address_rows(workspace_id, one.contact_id, kind, pairs)
    ]


def address_rows(
    workspace_id: str, contact_id: str, kind: AddressKind, pairs: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Rows of a contact's addresses, given as (value, key) in their order."""
    return [
        {
            "id": new_id("adr"),
            "workspace_id": workspace_id,
            "contact_id": contact_id,
            "kind": kind,
            "place": place,
            "value": value,
            "key": key,
        }
        for place, (value, key) in enumerate(pairs)
    ]


def _changed_columns(contact: Contact, one: Prepared) -> list[str]:
    """Names of the standard fields that are to be another than now; the owner has a line of its own."""
    names = [name for name, value in one.columns.items() if getattr(contact, name) != value]
    return ["language" if name == "locale" else name for name in names if name != "owner_id"]


def _updated_lines(
    good: Sequence[Prepared],
    changed: Mapping[str, list[str]],
    before: Mapping[tuple[str, str], list[str]],
) -> list[Line]:
    """Which standard fields changed, by name; what they hold is not for the log."""
    lines = []
    for one in good:
        names = list(changed[one.contact_id])
        for kind, pairs in one.addresses.items():
            if before.get((one.contact_id, kind), []) != [value for value, _ in pairs]:
                names.append(_FIELDS[kind])
        if names:
            detail: Detail = {"fields": ", ".join(sorted(names))}
            lines.append(Line(one.contact_id, ActivityKind.UPDATED, None, detail))
    return lines


def _owner_lines(known: Mapping[str, Contact], good: Sequence[Prepared]) -> list[Line]:
    lines = []
    for one in good:
        before = known[one.contact_id].owner_id
        after = one.columns.get("owner_id", before)
        if after != before:
            lines.append(Line(one.contact_id, ActivityKind.OWNER_CHANGED, after, {"before": before}))
    return lines


async def _write_values(
    session: AsyncSession, good: Sequence[Prepared], ground: Ground, *, replace: bool
) -> list[Line]:
    """Returns what the log says of it; of a new contact nothing."""
    rows = [
        {
            "contact_id": one.contact_id,
            "property_id": property_id,
            "value": value.value,
            "key": value.key,
            "number": value.number,
        }
        for one in good
        for property_id, value in one.values.items()
        if value is not None
    ]
    named = [(one.contact_id, property_id) for one in good for property_id in one.values] if replace else []
    before = await repository.replace_values(session, named, rows)
    after = {(row["contact_id"], row["property_id"]): row["value"] for row in rows}
    keys = {definition.id: key for key, definition in ground.definitions.items()}
    return [
        Line(contact_id, ActivityKind.PROPERTY_CHANGED, property_id, {"property": keys[property_id]})
        for contact_id, property_id in named
        if before.get((contact_id, property_id)) != after.get((contact_id, property_id))
    ]


async def _write_labels(
    session: AsyncSession, workspace_id: str, good: Sequence[Prepared], *, replace: bool
) -> list[Line]:
    """Returns what the log says of it; of a new contact nothing."""
    ids = await labels.ensure_labels(
        session, workspace_id, {name for one in good for name in one.labels or ()}
    )
    rows = [
        {"contact_id": one.contact_id, "label_id": label_id}
        for one in good
        for label_id in dict.fromkeys(ids[name] for name in one.labels or ())
    ]
    named = [one.contact_id for one in good if one.labels is not None] if replace else []
    before = await repository.replace_labels(session, named, rows)
    if not replace:
        return []
    after = {(row["contact_id"], row["label_id"]) for row in rows}
    return await labels.changed_lines(session, workspace_id, added=after - before, removed=before - after)
