"""One row of the file into what it says about one person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentflow.kit.errors import InvalidInput
from crm.contacts.addresses import email_key, phone_key
from crm.contacts.cells import parted, unguarded
from crm.contacts.imports.schemas import PROPERTY, ColumnSeen, ColumnTarget, DateOrder, Target
from crm.contacts.imports.values import (
    BadCell,
    parse_boolean,
    parse_country,
    parse_date,
    parse_language,
    parse_number,
    split_name,
)
from crm.contacts.labels.schemas import label_name
from crm.contacts.properties.values import Definition, stored
from crm.contacts.schemas import AddressKind, PropertyType, PropertyValue

LIMITS = {
    "first_name": 100,
    "last_name": 100,
    "company": 200,
    "job_title": 200,
    "location": 200,
}
_BETWEEN_EMAILS = re.compile(r"[;,\s]+")
_BETWEEN_PHONES = re.compile(r"[;,|\n]+")
_NAMED_EMAIL = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_WITH_CODE = 10  # digits of a number that may hold its country code without a plus

Key = tuple[AddressKind, str]


@dataclass
class Entry:
    """What a row says; what it leaves empty is not in here."""

    number: int
    contact_id: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    addresses: dict[Key, str] = field(default_factory=dict)  # as given, by their keys
    labels: list[str] = field(default_factory=list)
    properties: dict[str, PropertyValue] = field(default_factory=dict)


class RowRefused(Exception):
    """A row that cannot be taken over, and all that is wrong with it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class RowReader:
    """Reads rows by a mapping. `owners` are the staff by e-mail address in small letters."""

    targets: Sequence[ColumnTarget]
    columns: Mapping[int, ColumnSeen]
    properties: Mapping[str, Definition]
    owners: Mapping[str, str]
    region: str | None
    order: DateOrder = DateOrder.DAY_FIRST  # of columns that do not look like dates
    decimal: str = "."  # and of those that do not look like numbers

    def read(self, number: int, cells: Mapping[int, str]) -> Entry:
        """The row's entry. Raises RowRefused."""
        entry = Entry(number)
        wrong: list[tuple[str, str]] = []
        # The country comes first: it says how phone numbers are read.
        for one in sorted(self.targets, key=lambda one: one.target != Target.COUNTRY):
            text = unguarded(cells.get(one.column, "")).strip()
            if not text:
                continue
            try:
                self._take(entry, one, text)
            except (BadCell, InvalidInput) as bad:
                header = self.columns[one.column].header or f"Column {one.column + 1}"
                wrong.append((bad.code, f"{header}: {bad.detail}"))
        if wrong:
            raise RowRefused(wrong[0][0], " ".join(detail for _, detail in wrong))
        if not entry.addresses and not entry.contact_id:
            raise RowRefused("no_address", "The row has neither an e-mail address nor a phone number.")
        return entry

    def _take(self, entry: Entry, one: ColumnTarget, text: str) -> None:
        target = one.target
        if target.startswith(PROPERTY):
            key = target.removeprefix(PROPERTY)
            entry.properties[key] = self._value(self.properties[key], one, text)
        elif target in LIMITS:
            entry.fields[target] = _line(text, LIMITS[target])
        else:
            getattr(self, f"_take_{target}")(entry, text)

    def _take_email(self, entry: Entry, text: str) -> None:
        named = _NAMED_EMAIL.findall(text)
        for value in named or filter(None, _BETWEEN_EMAILS.split(text.removeprefix("mailto:"))):
            entry.addresses.setdefault((AddressKind.EMAIL, email_key(value)), value)

    def _take_phone(self, entry: Entry, text: str) -> None:
        for value in filter(None, (part.strip() for part in _BETWEEN_PHONES.split(text))):
            key, given = self._phone(value, entry.fields.get("country") or self.region)
            entry.addresses.setdefault((AddressKind.PHONE, key), given)

    def _take_labels(self, entry: Entry, text: str) -> None:
        for name in parted(text):
            try:
                entry.labels.append(label_name(name))
            except ValueError as wrong:
                raise BadCell("bad_label", f"“{name[:60]}”: {wrong}.") from wrong

    def _take_owner(self, entry: Entry, text: str) -> None:
        found = self.owners.get(text.casefold())
        if found is None:
            raise BadCell("unknown_owner", f"“{text[:80]}” is the e-mail address of nobody on the staff.")
        entry.fields["owner_id"] = found

    def _take_name(self, entry: Entry, text: str) -> None:
        for name, part in zip(("first_name", "last_name"), split_name(text), strict=True):
            if part:
                entry.fields[name] = _line(part, LIMITS[name])

    def _take_contact_id(self, entry: Entry, text: str) -> None:
        entry.contact_id = text[:40]

    def _take_country(self, entry: Entry, text: str) -> None:
        entry.fields["country"] = parse_country(text)

    def _take_language(self, entry: Entry, text: str) -> None:
        entry.fields["language"] = parse_language(text)

    def _value(self, kind: Definition, one: ColumnTarget, text: str) -> PropertyValue:
        seen = self.columns[one.column]
        value: PropertyValue = text
        if kind.type is PropertyType.NUMBER:
            value = parse_number(text, seen.decimal or self.decimal)
        elif kind.type is PropertyType.BOOLEAN:
            value = parse_boolean(text)
        elif kind.type is PropertyType.DATE:
            order = one.date_order or (seen.dates.order if seen.dates else self.order)
            value = parse_date(text, order).isoformat()
        kept = stored(kind, value, "it")
        return json.loads(kept.value) if kept is not None else None

    @staticmethod
    def _phone(value: str, region: str | None) -> tuple[str, str]:
        """The key, and what is kept: as it was given if it names its country."""
        has_code = value.startswith(("+", "00"))
        try:
            key = phone_key(value, region)
        except InvalidInput:
            digits = re.sub(r"\D", "", value)
            if has_code or len(digits) < _WITH_CODE:
                raise
            key = phone_key(f"+{digits}", None)  # sheets drop the plus of a number
        return key, value if has_code else key


def _line(text: str, limit: int) -> str:
    """A text as contacts keep it: on one line."""
    text = " ".join(text.split()).replace("\0", "")
    if len(text) > limit:
        raise BadCell("too_long", f"“{text[:30]}…” has {len(text)} characters; at most {limit} are kept.")
    return text
