"""Checked filters as SQL, and the pages of contacts they find.

Every value is a bound parameter. Each comparison is true or false, never null, so that `not` means not.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from crm.contacts.filters.checked import (
    Among,
    Checked,
    Every,
    Holds,
    Negated,
    Present,
    Some,
    Span,
    Target,
    Test,
)
from crm.contacts.filters.schemas import Sort
from crm.contacts.folding import LAST
from crm.contacts.models import (
    NEVER,
    Contact,
    ContactAddress,
    ContactLabel,
    ContactList,
    ContactListMember,
    ContactValue,
    Label,
)

Clause = ColumnElement[bool]
_SORTS: dict[Sort, Any] = {Sort.NAME: Contact.sort_name, Sort.LAST_CONTACT: Contact.contacted_at}

_INDEXED = frozenset({"sort_name", "contacted_at", "company_key", "owner_id", "country"})


async def all_labels(session: AsyncSession, workspace_id: str) -> list[tuple[str, str]]:
    """Id and key of each label that is not in the bin."""
    query = select(Label.id, Label.name_key).where(
        Label.workspace_id == workspace_id, Label.deleted_at.is_(None)
    )
    return [(row.id, row.name_key) for row in (await session.execute(query)).all()]


async def all_lists(session: AsyncSession, workspace_id: str) -> list[tuple[str, str | None]]:
    """Id and filter of each list that is not in the bin."""
    query = select(ContactList.id, ContactList.filter).where(
        ContactList.workspace_id == workspace_id, ContactList.deleted_at.is_(None)
    )
    return [(row.id, row.filter) for row in (await session.execute(query)).all()]


async def find_page(
    session: AsyncSession,
    workspace_id: str,
    conditions: Collection[Checked],
    *,
    text: tuple[str, str] | None,
    sort: Sort,
    descending: bool,
    after: tuple[Any, str] | None,
    limit: int,
) -> list[Contact]:
    """One page of the contacts for which all conditions hold."""
    query = _found(session, select(Contact), workspace_id, conditions, text, sort)
    order = (_SORTS[sort], Contact.id) if sort in _SORTS else (Contact.id,)
    if after is not None:
        position = tuple_(*order)
        last = tuple_(*(after if sort in _SORTS else after[1:]))
        query = query.where(position < last if descending else position > last)
    query = query.order_by(*(column.desc() if descending else column.asc() for column in order))
    return list((await session.execute(query.limit(limit))).scalars())


async def count(
    session: AsyncSession, workspace_id: str, conditions: Collection[Checked], text: tuple[str, str] | None
) -> int:
    """How many contacts there are for which all conditions hold."""
    query = _found(session, select(func.count()).select_from(Contact), workspace_id, conditions, text)
    return int((await session.execute(query)).scalar_one())


async def find_ids(
    session: AsyncSession, workspace_id: str, condition: Checked, *, after: str | None, limit: int
) -> list[str]:
    """Ids of contacts for which the condition holds, oldest first."""
    query = _found(session, select(Contact.id), workspace_id, [condition], None)
    if after is not None:
        query = query.where(Contact.id > after)
    return list((await session.execute(query.order_by(Contact.id).limit(limit))).scalars())


async def is_found(session: AsyncSession, workspace_id: str, condition: Checked, contact_id: str) -> bool:
    """Whether the condition holds for this contact."""
    query = _found(session, select(Contact.id), workspace_id, [condition], None)
    query = query.where(Contact.id == contact_id)
    return (await session.execute(query)).scalar_one_or_none() is not None


def _found(
    session: AsyncSession,
    query: Select[Any],
    workspace_id: str,
    conditions: Collection[Checked],
    text: tuple[str, str] | None,
    sort: Sort = Sort.CREATED,
) -> Select[Any]:
    sql = _Sql(workspace_id, sqlite=session.get_bind().dialect.name == "sqlite", sort=sort)
    query = query.where(Contact.workspace_id == workspace_id, Contact.deleted_at.is_(None))
    query = query.where(*(sql.of(condition) for condition in conditions))
    return query if text is None else query.where(sql.anywhere(*text))


class _Sql:
    def __init__(self, workspace_id: str, *, sqlite: bool, sort: Sort) -> None:
        self.workspace_id, self.sqlite = workspace_id, sqlite
        walked = _SORTS[sort].key if sort in _SORTS else ""  # is in the index of the order already
        self.looked_up = _INDEXED - {walked} if sqlite else frozenset[str]()

    def of(self, condition: Checked) -> Clause:
        """A condition as SQL over contacts."""
        if isinstance(condition, Every):
            return and_(true(), *(self.of(part) for part in condition.parts))
        if isinstance(condition, Some):
            return or_(false(), *(self.of(part) for part in condition.parts))
        if isinstance(condition, Negated):
            return not_(self.of(condition.part))
        return self._test(condition)

    def anywhere(self, folded: str, digits: str) -> Clause:
        """The text stands in a name, an e-mail address or a phone number."""
        places = [self._holds(Contact.sort_name, folded)]
        kinds = [(ContactAddress.kind == "email") & self._holds(ContactAddress.key, folded)]
        if digits:
            kinds.append((ContactAddress.kind == "phone") & self._holds(ContactAddress.key, digits))
        places.append(
            self._contacts(ContactAddress, ContactAddress.workspace_id == self.workspace_id, or_(*kinds))
        )
        return or_(*places)

    def _test(self, test: Test) -> Clause:
        target = test.target
        if target.kind == "address":
            return self._contacts(
                ContactAddress,
                ContactAddress.workspace_id == self.workspace_id,
                ContactAddress.kind == target.name,
                self._compared(ContactAddress.key, test),
            )
        if target.kind in ("key", "number"):
            column = ContactValue.key if target.kind == "key" else ContactValue.number
            return self._contacts(
                ContactValue, ContactValue.property_id == target.name, self._compared(column, test)
            )
        if target.kind == "label":
            return self._contacts(ContactLabel, self._labelled(test))
        if target.kind == "list":
            return self._contacts(ContactListMember, ContactListMember.list_id == target.name)
        return self._column(target, test)

    def _column(self, target: Target, test: Test) -> Clause:
        if target.name not in self.looked_up:
            return self._of_column(Contact, target, test)
        # SQLite walks the order and would fetch each row to look at it; an index of the column is faster.
        other = aliased(Contact)
        found = select(other.id).where(
            other.workspace_id == self.workspace_id,
            other.deleted_at.is_(None),
            self._of_column(other, target, test),
        )
        return Contact.id.in_(found)

    def _of_column(self, table: Any, target: Target, test: Test) -> Clause:  # noqa: ANN401 - or its alias
        column = getattr(table, target.name)
        compared = self._compared(column, test)
        if target.kind == "name":
            return and_(column < LAST, compared)
        if target.kind == "time":
            return and_(column > NEVER, compared) if target.name == "contacted_at" else and_(true(), compared)
        return and_(column.is_not(None), compared)

    def _labelled(self, test: Test) -> Clause:
        if isinstance(test.test, Among):
            return ContactLabel.label_id.in_(test.test.keys)
        shown = select(Label.id).where(Label.workspace_id == self.workspace_id, Label.deleted_at.is_(None))
        return ContactLabel.label_id.in_(shown)

    def _contacts(self, table: Any, *where: Clause) -> Clause:  # noqa: ANN401 - any of four tables
        """The contact is among those of these rows."""
        return Contact.id.in_(select(table.contact_id).where(*where))

    def _compared(self, column: Any, test: Test) -> Any:  # noqa: ANN401 - a clause over a column of any type
        found = test.test
        if isinstance(found, Present):
            return column.is_not(None)
        if isinstance(found, Among):
            return column.in_(found.keys) if len(found.keys) != 1 else column == found.keys[0]
        if isinstance(found, Holds):
            return (
                and_(column >= found.part, column < found.part + LAST)
                if found.start
                else self._holds(column, found.part)
            )
        return self._within(column, found)

    def _within(self, column: Any, span: Span) -> Clause:  # noqa: ANN401 - of any type
        parts = [column.is_not(None)]
        if span.low is not None:
            parts.append(column > span.low if span.above else column >= span.low)
        if span.high is not None:
            parts.append(column <= span.high if span.closed else column < span.high)
        return and_(*parts)

    def _holds(self, column: Any, part: str) -> Clause:  # noqa: ANN401 - a column of text
        if self.sqlite:
            return func.instr(column, part) > 0
        # PostgreSQL estimates from its statistics how many rows hold a pattern; of `strpos` it believes that
        # every third does, and then walks the order for a page that never fills.
        found: Clause = column.like("%" + re.sub(r"([\\%_])", r"\\\1", part) + "%")
        return found


def position_of(contact: Contact, sort: Sort) -> str | None:
    """Where a contact stands in an order, as a text."""
    if sort is Sort.NAME:
        return contact.sort_name
    return contact.contacted_at.isoformat() if sort is Sort.LAST_CONTACT else None


def position(value: str | None, sort: Sort) -> str | datetime | None:
    """The same read back. Raises ValueError."""
    if sort is Sort.LAST_CONTACT:
        return datetime.fromisoformat(value or "")
    return value or ""
