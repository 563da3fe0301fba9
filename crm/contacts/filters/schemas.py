"""What filters look like from outside: a tree of conditions, and a search with it.

`{"all": [{"property": "properties.plan", "operator": "equals", "value": "Premium"}, {"not": …}]}`
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from agentflow.kit.pagination import MAX_LIMIT
from crm.contacts.filters.errors import FilterTooDeep, FilterTooLarge

MAX_CONDITIONS = 100
MAX_DEPTH = 8
MAX_VALUES = 100
MAX_TEXT = 500


class Operator(StrEnum):
    """How a property is compared. Text without case; what is empty equals nothing."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    ANY_OF = "any_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    BETWEEN = "between"
    BEFORE = "before"
    AFTER = "after"
    IN_LAST_DAYS = "in_last_days"
    HAS = "has"
    HAS_NOT = "has_not"
    IS_SET = "is_set"
    IS_EMPTY = "is_empty"


Scalar = Annotated[str, Field(max_length=MAX_TEXT)] | int | float | bool
Value = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MAX_VALUES)] | None


class Comparison(BaseModel):
    """One property compared with a value."""

    model_config = ConfigDict(extra="forbid")

    property: str = Field(max_length=60, description="one of GET /contact-filters/schema")
    operator: Operator
    value: Value = Field(default=None, description="two of them for between; none for is_set and is_empty")


class AllOf(BaseModel):
    """Every one of these holds."""

    model_config = ConfigDict(extra="forbid")

    all: list[Condition] = Field(max_length=MAX_CONDITIONS)


class AnyOf(BaseModel):
    """At least one of these holds."""

    model_config = ConfigDict(extra="forbid")

    any: list[Condition] = Field(max_length=MAX_CONDITIONS)


class Not(BaseModel):
    """This does not hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    negated: Condition = Field(alias="not")


def _kind(given: object) -> str:
    """Which form a condition has."""
    if isinstance(given, AllOf | AnyOf):
        return "all" if isinstance(given, AllOf) else "any"
    if isinstance(given, Not):
        return "not"
    names = given if isinstance(given, dict) else {}
    return next((name for name in ("all", "any", "not") if name in names), "comparison")


Condition: TypeAlias = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[Comparison, Tag("comparison")],
    Discriminator(_kind),
]


def check_bounds(given: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """Count conditions and levels before anything walks the tree. Raises FilterTooLarge, FilterTooDeep."""
    level: list[object] = [given]
    depth, found = 1, 0
    while level:
        below = [child for node in level for child in _children(node)]
        found += sum(not _children(node) for node in level)
        if found > MAX_CONDITIONS or len(below) > MAX_CONDITIONS:
            raise FilterTooLarge(
                f"A filter has at most {MAX_CONDITIONS} conditions; this one has {max(found, len(below))}.",
                limit=MAX_CONDITIONS,
                found=max(found, len(below)),
                field="filter",
            )
        if below and depth >= MAX_DEPTH:
            raise FilterTooDeep(f"A filter has at most {MAX_DEPTH} levels.", limit=MAX_DEPTH, field="filter")
        level, depth = below, depth + 1
    return given


def _children(node: object) -> list[object]:
    if isinstance(node, AllOf):
        return list(node.all)
    if isinstance(node, AnyOf):
        return list(node.any)
    if isinstance(node, Not):
        return [node.negated]
    if not isinstance(node, dict):
        return []
    found = node.get("all", node.get("any"))
    if isinstance(found, list):
        return found
    return [node["not"]] if "not" in node else []


ContactFilter: TypeAlias = Annotated[Condition, BeforeValidator(check_bounds)]
AllOf.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()


class Group(StrEnum):
    """The views that every workspace has."""

    ALL = "all"
    MY = "my"  # whose owner is the caller
    TEAM = "team"  # whose owner is in a team of the caller's
    INTEGRATION = "integration"  # that came from a connected system


class Sort(StrEnum):
    """What contacts are ordered by."""

    NAME = "name"
    LAST_CONTACT = "last_contact"
    CREATED = "created"


class ContactSearch(BaseModel):
    """Which contacts, in which order. Everything may be left out."""

    model_config = ConfigDict(extra="forbid")

    filter: ContactFilter | None = None
    text: str | None = Field(
        default=None, max_length=200, description="part of a name, e-mail or phone number"
    )
    group: Group = Group.ALL
    sort: Sort = Sort.CREATED
    direction: Literal["asc", "desc"] = "desc"
    limit: int = Field(default=50, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(
        default=None, max_length=10_000, description="`next_cursor` of the page before"
    )


class ContactCount(BaseModel):
    """How many contacts a filter finds."""

    count: int


class FieldRead(BaseModel):
    """A property that conditions can name."""

    property: str
    name: str
    type: str = Field(
        description="text, number, date, time, boolean, choice, e-mail, phone, owner, label, list"
    )
    operators: list[Operator]
    choices: list[str]


class FilterSchema(BaseModel):
    """Everything a filter can be made of."""

    fields: list[FieldRead]
    condition: dict[str, Any] = Field(description="JSON Schema of a condition")
    max_conditions: int
    max_depth: int
