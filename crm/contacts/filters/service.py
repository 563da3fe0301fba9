"""Finding contacts: by a filter, by a text, in an order, page by page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.pagination import BadCursor, Page, decode_cursor, encode_cursor
from crm.contacts import service as contacts
from crm.contacts.filters import repository
from crm.contacts.filters.checked import Checked, Ground, check, fields
from crm.contacts.filters.schemas import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ContactFilter,
    ContactSearch,
    FilterSchema,
    Group,
    Not,
    Operator,
    Sort,
)
from crm.contacts.folding import fold
from crm.contacts.properties import service as properties
from crm.contacts.schemas import ContactRead, ContactSource
from crm.teams import directory
from crm.teams.service import Principal

FILTER: TypeAdapter[Condition] = TypeAdapter(ContactFilter)
_GROUPS = {
    Group.MY: Comparison(property="owner", operator=Operator.EQUALS, value="me"),
    Group.TEAM: Comparison(property="owner", operator=Operator.EQUALS, value="team"),
    Group.INTEGRATION: Comparison(
        property="source", operator=Operator.EQUALS, value=str(ContactSource.INTEGRATION)
    ),
}
_LEAST_DIGITS = 3  # of a phone number; fewer are in nearly every one


async def search(session: AsyncSession, who: Principal, data: ContactSearch) -> Page[ContactRead]:
    """One page of the contacts that a search finds.

    Raises what `check_filter` raises, and BadCursor for one of another search.
    """
    conditions = await _conditions(session, who, data)
    found = await repository.find_page(
        session,
        who.workspace_id,
        conditions,
        text=_text(data.text),
        sort=data.sort,
        descending=data.direction == "desc",
        after=_after(data, who),
        limit=data.limit + 1,
    )
    page = await contacts.read_contacts(session, who.workspace_id, found[: data.limit])
    more = len(found) > data.limit
    last = found[data.limit - 1] if more else None
    return Page(
        items=page,
        next_cursor=_cursor(data, who, repository.position_of(last, data.sort), last.id) if last else None,
    )


async def count(session: AsyncSession, who: Principal, data: ContactSearch) -> int:
    """How many contacts a search finds. Raises what `check_filter` raises."""
    conditions = await _conditions(session, who, data)
    return await repository.count(session, who.workspace_id, conditions, _text(data.text))


async def matching_ids(
    session: AsyncSession, who: Principal, condition: Condition, *, after: str | None = None, limit: int
) -> list[str]:
    """Ids of the contacts that a filter finds, oldest first, `limit` at a time.

    Raises what `check_filter` raises.
    """
    checked = await check_filter(session, who, condition)
    return await repository.find_ids(session, who.workspace_id, checked, after=after, limit=limit)


async def matches(session: AsyncSession, who: Principal, condition: Condition, contact_id: str) -> bool:
    """Whether a filter finds this contact. Raises what `check_filter` raises."""
    checked = await check_filter(session, who, condition)
    return await repository.is_found(session, who.workspace_id, checked, contact_id)


async def check_filter(session: AsyncSession, who: Principal, condition: Condition) -> Checked:
    """A filter against this workspace.

    Raises UnknownProperty, BadOperator, TypeMismatch, BadReference, BadEmail, BadPhone and FilterTooLarge.
    """
    return check(condition, await _ground(session, who, condition))


async def describe(session: AsyncSession, who: Principal) -> FilterSchema:
    """Everything a filter can be made of."""
    known = fields(await _ground(session, who, AllOf(all=[])))
    return FilterSchema(
        fields=[one.read() for one in known],
        condition=FILTER.json_schema(),
        max_conditions=MAX_CONDITIONS,
        max_depth=MAX_DEPTH,
    )


async def _conditions(session: AsyncSession, who: Principal, data: ContactSearch) -> list[Checked]:
    given = [one for one in (_GROUPS.get(data.group), data.filter) if one is not None]
    return [await check_filter(session, who, one) for one in given]


async def _ground(session: AsyncSession, who: Principal, condition: Condition) -> Ground:
    """What the filter is checked against; of labels, lists and people only if it names any."""
    used = list(_comparisons(condition))
    named = {one.property for one in used}
    workspace_id = who.workspace_id
    lists = await repository.all_lists(session, workspace_id) if "list" in named else []
    made_of = {list_id: FILTER.validate_json(given) if given else None for list_id, given in lists}
    for one in made_of.values():
        used += _comparisons(one) if one is not None else ()
    named = {one.property for one in used}
    labels = await repository.all_labels(session, workspace_id) if "label" in named else []
    owners = {value for one in used if one.property == "owner" for value in _texts(one.value)}
    defined = await properties.named_definitions(session, workspace_id)
    return Ground(
        region=await directory.country_of(session, workspace_id),
        zone=await directory.zone_of(session, workspace_id),
        at=now(session),
        definitions={key: one for key, (one, _) in defined.items()},
        names={key: name for key, (_, name) in defined.items()},
        me=who.staff_id,
        team=await directory.colleagues_of(session, workspace_id, who.staff_id)
        if who.staff_id and "team" in owners
        else frozenset(),
        staff=await directory.staff_among(session, workspace_id, owners - {"me", "team"}),
        labels={key: label_id for label_id, name in labels for key in (label_id, name)},
        lists=made_of,
    )


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Not):
        yield from _comparisons(condition.negated)
    elif isinstance(condition, AllOf | AnyOf):
        for one in condition.all if isinstance(condition, AllOf) else condition.any:
            yield from _comparisons(one)


def _texts(value: object) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _text(given: str | None) -> tuple[str, str] | None:
    """The text to look for, and the digits of one that may be a phone number."""
    folded = fold(given or "")
    if not folded:
        return None
    digits = re.sub(r"\D", "", folded)
    looks_like_one = len(digits) >= _LEAST_DIGITS and not re.search(r"[^\d\s()+./-]", folded)
    return folded, digits.lstrip("0") if looks_like_one and digits.isascii() else ""


def _digest(data: ContactSearch, who: Principal) -> str:
    """The same for each page of one search, and for no other."""
    asked: dict[str, Any] = data.model_dump(mode="json", exclude={"cursor", "limit"}, by_alias=True)
    whole = json.dumps([who.workspace_id, who.staff_id if data.group is not Group.ALL else None, asked])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _cursor(data: ContactSearch, who: Principal, value: str | None, contact_id: str) -> str:
    return encode_cursor(json.dumps([_digest(data, who), value, contact_id]))


def _after(data: ContactSearch, who: Principal) -> tuple[Any, str] | None:
    place = decode_cursor(data.cursor)
    if place is None:
        return None
    try:
        digest, value, contact_id = json.loads(place)
        if digest != _digest(data, who) or not isinstance(contact_id, str):
            raise ValueError
        if value is not None and not isinstance(value, str):
            raise ValueError
        return repository.position(value, Sort(data.sort)), contact_id
    except (ValueError, TypeError, RecursionError) as wrong:
        raise BadCursor(
            "The cursor belongs to another search; use it with everything else as it was, or leave it out."
        ) from wrong
