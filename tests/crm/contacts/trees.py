"""Random contacts, random filters, and what a filter finds by plain Python: the measure of the SQL."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm.contacts.folding import fold
from crm.contacts.schemas import ContactRead

Tree = dict[str, Any]
WORDS = (
    "Ada",
    "ada ",
    "Zoë",
    "zoe",
    "STRASSE",
    "Straße",
    "李雷",
    "O'Brien",
    "50%",
    "a_b",
    "\\",
    "ﬁsh",
    "Ünal",
)
PLANS = ("Free", "Pro", "Premium")
LABELS = ("hotlead", "Loyal", "churned")
COUNTRIES = ("NL", "DE", "BR")
ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def fields_of_a_contact(chance: random.Random, number: int, staff: list[str]) -> dict[str, Any]:
    def maybe(value: object) -> Any:  # noqa: ANN401
        return value if chance.random() < 0.7 else None

    words = [" ".join(chance.choices(WORDS, k=chance.randint(1, 2))) for _ in range(3)]
    given = {
        "plan": maybe(chance.choice(PLANS)),
        "seats": maybe(chance.choice([-1, 0, 1, 2.5, 50])),
        "since": maybe((date(2026, 2, 20) + timedelta(chance.randint(0, 14))).isoformat()),
        "vip": maybe(chance.random() < 0.5),
        "note": maybe(chance.choice(WORDS)),
    }
    return {
        "first_name": maybe(words[0]),
        "last_name": maybe(words[1]),
        "company": maybe(words[2]),
        "country": maybe(chance.choice(COUNTRIES)),
        "owner_id": maybe(chance.choice(staff)),
        "emails": [f"Person{number}@{chance.choice(['a', 'b'])}.example.com"]
        if chance.random() < 0.7
        else [],
        "phones": [f"+3161234{number:04}"] if chance.random() < 0.7 else [],
        "labels": chance.sample(LABELS, chance.randint(0, 2)),
        "properties": {key: value for key, value in given.items() if value is not None},
    }


def tree(chance: random.Random, depth: int, staff: list[str], lists: list[str]) -> Tree:
    kind = chance.random()
    if depth and kind < 0.5:
        parts = [tree(chance, depth - 1, staff, lists) for _ in range(chance.randint(0, 3))]
        return {"all" if kind < 0.25 else "any": parts}
    if depth and kind < 0.65:
        return {"not": tree(chance, depth - 1, staff, lists)}
    return comparison(chance, staff, lists)


def comparison(chance: random.Random, staff: list[str], lists: list[str]) -> Tree:
    def of(name: str, operator: str, value: object = None) -> Tree:
        return {"property": name, "operator": operator, "value": value}

    text = chance.choice(["name", "first_name", "last_name", "company", "properties.note"])
    word = chance.choice(WORDS)
    days = sorted(f"2026-0{chance.choice(['2-2', '3-0'])}{chance.randint(1, 8)}" for _ in range(2))
    seats = sorted(chance.choice([-1, 0, 1, 2, 2.5, 50]) for _ in range(2))
    since = "properties.since"
    anything = [
        text,
        "email",
        "phone",
        "country",
        "owner",
        "label",
        "last_contact_at",
        since,
        "properties.vip",
    ]
    return chance.choice(
        [
            of(text, chance.choice(["equals", "not_equals", "contains", "starts_with"]), word),
            of(text, "contains", chance.choice(["a", "str", "%", "_", "'", "雷"])),
            of(text, "any_of", chance.sample(WORDS, 3)),
            of("email", "equals", f"PERSON{chance.randint(0, 99)}@a.example.com"),
            of("email", chance.choice(["contains", "starts_with"]), chance.choice(["person1", "@b.", "n5"])),
            of("phone", "equals", f"06 1234 {chance.randint(0, 99):04}"),
            of("phone", "contains", str(chance.randint(0, 99))),
            of("country", chance.choice(["equals", "not_equals"]), chance.choice(["nl", "DE"])),
            of("source", "equals", "manual"),
            of("owner", chance.choice(["equals", "not_equals"]), chance.choice(["me", *staff])),
            of("label", chance.choice(["has", "has_not"]), chance.choice(["#HotLead", "loyal"])),
            of("list", chance.choice(["has", "has_not"]), chance.choice(lists)),
            of("properties.plan", chance.choice(["equals", "not_equals"]), chance.choice(PLANS)),
            of("properties.plan", "any_of", ["free", "pro"]),
            of("properties.seats", chance.choice(["equals", "greater_than", "less_than"]), seats[0]),
            of("properties.seats", "between", seats),
            of("properties.vip", "equals", chance.random() < 0.5),
            of(since, chance.choice(["equals", "before", "after"]), days[0]),
            of(since, "between", days),
            of(since, "in_last_days", chance.randint(1, 9)),
            of("last_contact_at", chance.choice(["before", "after"]), days[0]),
            of("last_contact_at", "between", days),
            of("last_contact_at", "in_last_days", chance.randint(1, 9)),
            of(chance.choice(anything), chance.choice(["is_set", "is_empty"])),
        ]
    )


def holds(given: Tree, contact: ContactRead, me: str, members: dict[str, set[str]]) -> bool:
    if "all" in given:
        return all(holds(one, contact, me, members) for one in given["all"])
    if "any" in given:
        return any(holds(one, contact, me, members) for one in given["any"])
    if "not" in given:
        return not holds(given["not"], contact, me, members)
    name, operator, value = given["property"], given["operator"], given["value"]
    if name == "list":
        return bool((contact.id in members[value]) == (operator == "has"))
    held = held_by(contact, name)
    if operator in ("is_set", "is_empty"):
        return bool(bool(held) == (operator == "is_set"))
    if operator in ("not_equals", "has_not"):
        return not any(compare(name, one, "equals", value, me) for one in held)
    return any(compare(name, one, operator, value, me) for one in held)


def held_by(contact: ContactRead, name: str) -> list[Any]:
    if name == "email":
        return list(contact.emails)
    if name == "phone":
        return list(contact.phone_numbers)
    if name == "label":
        return [label.name for label in contact.labels]
    if name.startswith("properties."):
        found = contact.properties.get(name.removeprefix("properties."))
    else:
        found = getattr(contact, {"owner": "owner_id"}.get(name, name))
    return [] if found is None else [found]


def compare(name: str, held: Any, operator: str, value: Any, me: str) -> bool:  # noqa: ANN401
    return bool(compared(name, held, operator, value, me))


def compared(name: str, held: Any, operator: str, value: Any, me: str) -> object:  # noqa: ANN401
    if operator in ("any_of", "has"):
        values = value if operator == "any_of" else [value.removeprefix("#")]
        return any(compare(name, held, "equals", one, me) for one in values)
    if name == "last_contact_at":
        return compare_time(held, operator, value)
    if name == "phone":
        wanted = "+31" + value.replace(" ", "")[1:] if operator == "equals" else value
        return held == wanted if operator == "equals" else wanted in held
    if operator == "in_last_days":
        today = NOW.astimezone(ZONE).date()
        return bool(today - timedelta(days=value) < date.fromisoformat(held) <= today)
    if operator == "between":
        return bool(value[0] <= held <= value[1])
    if operator in ("greater_than", "after"):
        return bool(held > value)
    if operator in ("less_than", "before"):
        return bool(held < value)
    if name == "owner" and value == "me":
        return bool(held == me)
    if isinstance(held, bool | int | float):
        return bool(held == value)
    one, other = fold(held), fold(value.removeprefix("#") if name == "label" else value)
    found = {"equals": one == other, "has_not": one == other, "contains": other in one}
    return found[operator] if operator in found else one.startswith(other)


def compare_time(held: datetime, operator: str, value: Any) -> object:  # noqa: ANN401
    if operator == "in_last_days":
        return NOW - timedelta(days=value) <= held <= NOW
    local = held.astimezone(ZONE).date().isoformat()
    if operator == "between":
        return bool(value[0] <= local <= value[1])
    return bool(local < value) if operator == "before" else bool(local > value)
