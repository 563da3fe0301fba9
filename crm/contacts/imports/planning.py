"""What is to be done with entries: who is meant, what changes, and what becomes of each row.

Pure: the people that the keys of the entries belong to are given, and nothing is written. The dry run and
the commit plan with the same rules, so they say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from crm.contacts.folding import fold
from crm.contacts.imports.rows import Entry, Key
from crm.contacts.imports.schemas import Policy, RowOutcome
from crm.contacts.schemas import MAX_ADDRESSES, MAX_LABELS, PropertyValue


@dataclass(eq=False)
class Person:
    """A contact as it stands, or as it will; `id` is None until it is created."""

    id: str | None
    fields: dict[str, str] = field(default_factory=dict)
    addresses: dict[Key, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # by their folded names
    properties: dict[str, PropertyValue] = field(default_factory=dict)
    row: int | None = None  # the first row of the file that is about it, where that is known
    changed: bool = False


@dataclass(frozen=True)
class RowResult:
    """What becomes of a row, and why it is not taken over."""

    number: int
    outcome: RowOutcome
    code: str | None = None
    detail: str | None = None
    is_duplicate: bool = False


class Planner:
    """Takes the rows of a file in their order. `touched`: contacts that earlier rows were about."""

    def __init__(self, *, duplicates: Policy, existing: Policy, touched: Collection[str] = ()) -> None:
        self._duplicates = duplicates
        self._existing = existing
        self._touched = touched
        self._by_key: defaultdict[Key, list[Person]] = defaultdict(list)
        self._by_id: dict[str, Person] = {}
        self._asked: set[Key] = set()
        self.people: list[Person] = []

    def unknown(self, entries: Sequence[Entry]) -> tuple[set[Key], set[str]]:
        """Keys and ids that are still to be looked up before these entries are taken."""
        keys = {key for entry in entries for key in entry.addresses} - self._asked - set(self._by_key)
        ids = {entry.contact_id for entry in entries if entry.contact_id} - set(self._by_id)
        self._asked |= keys
        return keys, {one for one in ids if one}

    def know(self, people: Iterable[Person]) -> None:
        """Contacts that exist."""
        for person in people:
            if person.id is not None and person.id not in self._by_id:
                self._add(person)

    def take(self, entry: Entry) -> tuple[RowResult, Person | None]:
        """Decide on the next row; also who it is about, where that is clear."""
        found = self._meant(entry)
        if len(found) > 1:
            detail = "Its addresses belong to different contacts; merge those first, or mend the row."
            return _failed(entry, "matches_two", detail), None
        if not found:
            if not (entry.addresses or entry.fields or entry.labels or entry.properties):
                return _failed(
                    entry, "no_address", "No contact has this id, and the row says nothing else."
                ), None
            return self._create(entry)
        person = found[0]
        duplicate = person.row is not None or person.id in self._touched
        policy = self._duplicates if duplicate else self._existing
        if policy is Policy.SKIP:
            code, detail = _why_skipped(person) if duplicate else ("exists", "The contact exists.")
            person.row = person.row or entry.number
            return RowResult(entry.number, RowOutcome.SKIPPED, code, detail, duplicate), person
        return self._update(person, entry, is_duplicate=duplicate), person

    def _meant(self, entry: Entry) -> list[Person]:
        """Who is meant: the one that all its addresses allow; several when they speak of several."""
        held = [self._by_key[key] for key in entry.addresses if key in self._by_key]
        if entry.contact_id in self._by_id:
            held.append([self._by_id[entry.contact_id or ""]])
        everybody = list(dict.fromkeys(person for people in held for person in people))
        common = [person for person in everybody if all(person in people for people in held)]
        return common if len(common) == 1 else everybody

    def _create(self, entry: Entry) -> tuple[RowResult, Person | None]:
        labels = {fold(label): label for label in reversed(entry.labels)}
        person = Person(
            None, entry.fields, entry.addresses, labels, entry.properties, row=entry.number, changed=True
        )
        refusal = _too_much(person, entry)
        if refusal is not None:
            return refusal, None
        self._add(person)
        return RowResult(entry.number, RowOutcome.CREATED), person

    def _update(self, person: Person, entry: Entry, *, is_duplicate: bool) -> RowResult:
        addresses = {key: value for key, value in entry.addresses.items() if key not in person.addresses}
        labels = {fold(label): label for label in reversed(entry.labels) if fold(label) not in person.labels}
        after = Person(
            person.id,
            person.fields | entry.fields,
            person.addresses | addresses,
            person.labels | labels,
            person.properties | entry.properties,
        )
        refusal = _too_much(after, entry)
        if refusal is not None:
            return refusal
        person.row = person.row or entry.number
        is_same = after.fields == person.fields and after.properties == person.properties
        if is_same and not addresses and not labels:
            detail = "It says nothing that is not known."
            return RowResult(entry.number, RowOutcome.SKIPPED, "unchanged", detail, is_duplicate)
        person.fields, person.addresses = after.fields, after.addresses
        person.labels, person.properties = after.labels, after.properties
        person.changed = True
        for key in addresses:
            self._by_key[key].append(person)
        return RowResult(entry.number, RowOutcome.UPDATED, is_duplicate=is_duplicate)

    def _add(self, person: Person) -> None:
        self.people.append(person)
        for key in person.addresses:
            self._by_key[key].append(person)
        if person.id is not None:
            self._by_id[person.id] = person


def _too_much(person: Person, entry: Entry) -> RowResult | None:
    for kind in {kind for kind, _ in person.addresses}:
        if sum(key[0] is kind for key in person.addresses) > MAX_ADDRESSES:
            return _failed(entry, "too_many_addresses", f"A contact has at most {MAX_ADDRESSES} of a kind.")
    if len(person.labels) > MAX_LABELS:
        return _failed(entry, "too_many_labels", f"A contact has at most {MAX_LABELS} labels.")
    return None


def _failed(entry: Entry, code: str, detail: str) -> RowResult:
    return RowResult(entry.number, RowOutcome.FAILED, code, detail)


def _why_skipped(person: Person) -> tuple[str, str]:
    row = f"row {person.row}" if person.row else "an earlier row"
    return "duplicate", f"It has an e-mail address or phone number of {row}."
