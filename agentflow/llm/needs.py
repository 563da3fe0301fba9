"""Recommending from a catalogue: what a customer needs, with what was said before, and the rows that fit.

"I need a lamp for outside under 50 euro", then "something cheaper?". A stated limit is kept or nothing is
recommended. Rules for en, nl and de; None wherever they are unsure, which leaves the question to the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from agentflow.llm import need_words as say
from agentflow.llm.table_links import alike, columns_of_role
from agentflow.llm.table_words import NUMBER_WORDS
from knowledge.embedding import Embedder
from knowledge.passages import SearchResult
from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.query import Condition, TableQuery
from knowledge.tables.values import fold, words

Direction = Literal["cheaper", "dearer"]

MAX_ROWS = 10_000  # a larger catalogue would keep the customer waiting
_SHOWN = 3
_KEY_HIT, _HIT = 1.0, 1.5  # a word in the name of a row; in another cell, which says what it is for
_UNDERSTOOD = 0.5  # share of the need's words that the table has to know
_NEAR, _AS_NEAR = 0.3, 0.1  # likeness of a use to a row by meaning, at least; and to the best row, at most
_NAME_CHARS = 500  # what a condition takes
_REFINING_WORDS = 8
_BACK = 4  # messages that a need may reach back


@dataclass(frozen=True)
class Need:
    """What is looked for. `uses` are words of what it is for, `things` the others; limits are prices."""

    uses: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    least: Decimal | None = None
    most: Decimal | None = None
    direction: Direction | None = None
    best: bool = False  # the one cheapest or dearest
    carried: bool = False  # the limits were stated for something said before

    @property
    def words(self) -> tuple[str, ...]:
        """All that the table should know."""
        return self.uses + self.things


def read_need(message: str, earlier: Sequence[str]) -> Need | None:
    """What the customer looks for; None when that is not what the message is about."""
    text = fold(message)
    before = [one for one in earlier if one.strip()]
    if refines(message, before):
        return _refined(_own_need(text), before)
    own = _own_need(text)
    asks = say.NEEDS.search(text) and not say.ANOTHER_MATTER.search(text)
    return own if asks and (own.words or own.most or own.least) else None


def _refined(own: Need, before: Sequence[str]) -> Need:
    """What was said before with what this message changes."""
    base = read_need(before[-1], before[-_BACK:-1])
    if base is None:
        asked = _own_need(fold(before[-1]))
        base = Need(things=asked.things[-1:])  # of "the Grove floor lamp" another lamp
    stated = own.most is not None or own.least is not None
    most = base.most if own.direction != "dearer" else None
    least = base.least if own.direction != "cheaper" else None
    return replace(
        own,
        uses=own.uses if own.words else base.uses,
        things=own.things or base.things,
        least=own.least if stated else least,
        most=own.most if stated else most,
        carried=not stated,
    )


def refines(message: str, earlier: Sequence[str]) -> bool:
    """Whether a message only changes a need stated before: a limit, "cheaper?", "and for inside?"."""
    text = fold(message)
    tokens = words(text)
    if not earlier or not tokens or len(tokens) > _REFINING_WORDS or say.WHOLE_QUESTION.search(text):
        return False
    own = _own_need(text)
    if own.direction and not own.best and not own.words:
        return True
    if not any(say.NEEDS.search(fold(one)) for one in earlier[-_BACK:]):
        return False
    if own.words:
        return bool(say.LEANING.match(text))
    return bool(own.best or own.most or own.least)


def _own_need(text: str) -> Need:
    """What one folded message says by itself."""
    most, least, rest = _limits(text)
    direction, best = _direction(rest)
    rest = say.COMPARED.sub(" ", say.NEEDS.sub(" ", rest))
    uses: list[str] = []
    for match in say.USES.finditer(rest):
        uses += _content(match[1])
    things = [word for word in _content(rest) if word not in uses]
    return Need(tuple(dict.fromkeys(uses)), tuple(things), least, most, direction, best)


def _content(text: str) -> list[str]:
    tokens = (word for word in words(text) if word not in say.SAYS_NOTHING)
    return [word for word in tokens if len(word) > 2 and not word[0].isdigit()]


def _limits(text: str) -> tuple[Decimal | None, Decimal | None, str]:
    """The price at most and at least, and the text without them."""
    found: list[Decimal | None] = []
    if match := say.RANGE.search(text):
        return _amount(match[2]), _amount(match[1]), text.replace(match[0], " ")
    for pattern in (say.AT_MOST, say.AT_LEAST):
        match = pattern.search(text)
        found.append(_amount(match[1]) if match else None)
        text = text.replace(match[0], " ") if match else text
    return found[0], found[1], text


def _amount(digits: str) -> Decimal:
    if digits in NUMBER_WORDS:
        return Decimal(NUMBER_WORDS[digits])
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", digits):
        return Decimal(re.sub(r"[.,]", "", digits))
    return Decimal(digits.replace(",", "."))


def _direction(text: str) -> tuple[Direction | None, bool]:
    for pattern, direction, best in say.DIRECTIONS:
        if pattern.search(text):
            return direction, best
    return None, False


@dataclass(frozen=True)
class Recommended:
    """What to ask of a table; without a query the limits leave nothing of what fits."""

    query: TableQuery | None


def recommend(
    need: Need, said: str, found: SearchResult, embedder: Embedder, profile: Sequence[str] = ()
) -> Recommended | None:
    """The rows of the likeliest catalogue that fit; None when no table is about what is needed.

    `said` is the agent's last message: "cheaper" is cheaper than what it names. `profile` is what is kept
    about the customer: it says what a thing is for where the customer does not.
    """
    for table in found.tables:
        if len(table.row_numbers) > MAX_ROWS or not table.row_numbers:
            continue
        fitting = _of_profile(need, profile, table, found, embedder) or _fitting(need, table, found, embedder)
        if not fitting:
            continue
        rows = _within(need, table, fitting, said)
        if not rows and need.carried:
            rows = _within(replace(need, most=None, least=None), table, fitting, said)
        return Recommended(_query(table, rows) if rows else None)
    return None


def _of_profile(
    need: Need, profile: Sequence[str], table: TypedTable, found: SearchResult, embedder: Embedder
) -> list[int]:
    """The rows that also fit the first value of the profile that the table knows."""
    for value in profile if not need.uses else ():
        uses = tuple(word for word in _content(fold(value)) if _rows_with(word, table))
        if uses and (rows := _fitting(replace(need, uses=uses), table, found, embedder)):
            return rows
    return []


def _fitting(need: Need, table: TypedTable, found: SearchResult, embedder: Embedder) -> list[int]:
    """The rows that fit best, without regard to the price."""
    price = _price(table)
    if price is None:
        return []  # nothing here is for sale
    limited = need.most is not None or need.least is not None
    if not need.words:
        return _items(table) if limited or need.direction else []
    if any(alike(word, part) for word in need.words for part in _headers(table, price)):
        return []  # asks about a column: "in stock", "material"
    hits = {word: _rows_with(word, table) or _rows_of_use(word, table) for word in need.words}
    known = sum(bool(rows) for rows in hits.values())
    if need.uses and not any(hits[word] for word in need.uses):
        rows = _near(" ".join(need.uses), table, found, embedder)
        known += bool(rows)
        return rows if known >= _UNDERSTOOD * len(need.words) else []
    of_rows = limited or need.direction or any(passage.row is not None for passage in found.passages[:1])
    if known < (_UNDERSTOOD if of_rows else 1.0) * len(need.words):
        return []
    scores = {row: sum(rows.get(row, 0.0) for rows in hits.values()) for row in _items(table)}
    wanted = [word for word in need.uses if hits[word]]
    scores = {row: score for row, score in scores.items() if all(row in hits[word] for word in wanted[-1:])}
    most = max(scores.values(), default=0.0)
    return [row for row, score in scores.items() if score == most] if most else []


def _items(table: TypedTable) -> list[int]:
    """The rows that a query can name: no totals, no names without an end."""
    named = enumerate(table.key.texts)
    return [row for row, name in named if row not in table.totals and 0 < len(name) <= _NAME_CHARS]


def _headers(table: TypedTable, price: Column) -> list[str]:
    named = [column for column in table.columns if column not in (price, table.key)]
    return [word for column in named for word in words(fold(column.name)) if word not in say.SAYS_NOTHING]


def _rows_with(word: str, table: TypedTable) -> dict[int, float]:
    """The rows that hold the word in any form, with what that counts."""
    rows: dict[int, float] = {}
    for column in table.columns:
        if column.kind != "text":
            continue
        weight = _KEY_HIT if column is table.key else _HIT
        for part, holding in column.rows_by_stem.items():
            if alike(word, part):
                rows |= {row: max(weight, rows.get(row, 0.0)) for row in holding}
    return rows


def _rows_of_use(word: str, table: TypedTable) -> dict[int, float]:
    """The rows that hold another word for the same use."""
    others = (other for group in say.SAME_USE if word in group for other in group)
    rows: dict[int, float] = {}
    for other in others:
        rows |= _rows_with(other, table)
    return rows


def _near(use: str, table: TypedTable, found: SearchResult, embedder: Embedder) -> list[int]:
    """The rows found whose meaning is nearest: "outside" is near to "garden"."""
    vector = embedder.embed_query(use)
    place = {number: row for row, number in enumerate(table.row_numbers)}
    likeness = {
        place[part.row]: float(part.vector @ vector)
        for passage in found.passages
        if passage.source_id == table.table.source_id and passage.sheet == table.table.draft.sheet
        for part in passage.sentences
        if part.row in place
    }
    best = max(likeness.values(), default=0.0)
    items = set(_items(table))
    return [row for row, near in likeness.items() if row in items and near >= max(_NEAR, best - _AS_NEAR)]


def _within(need: Need, table: TypedTable, rows: Sequence[int], said: str) -> list[int]:
    """Those within the limits and in stock, the best price first."""
    costs = {
        row: cost
        for row, cost in _costs(table, rows).items()
        if (need.most is None or cost <= need.most) and (need.least is None or cost >= need.least)
    }
    costs = _in_stock(table, costs)
    dearest_first = need.direction == "dearer"
    ordered = sorted(costs, key=lambda row: costs[row], reverse=dearest_first)
    if need.best:
        return ordered[:1]
    if need.direction:
        return _beyond(ordered, costs, _named(table, said), dearest_first) or ordered[:1]
    return ordered[:_SHOWN]


def _beyond(
    ordered: Sequence[int], costs: Mapping[int, Decimal], named: Sequence[Decimal], dearest_first: bool
) -> list[int]:
    """Those cheaper (or dearer) than all that was named before."""
    if not named:
        return list(ordered)[:_SHOWN]
    if dearest_first:
        return [row for row in ordered if costs[row] > max(named)][:_SHOWN]
    return [row for row in ordered if costs[row] < min(named)][:_SHOWN]


def _named(table: TypedTable, said: str) -> list[Decimal]:
    """What the rows that a message names cost."""
    text = fold(said)
    named = [row for row, name in enumerate(table.key.folded) if len(name) > 2 and name in text]
    return list(_costs(table, named).values())


def _costs(table: TypedTable, rows: Sequence[int]) -> dict[int, Decimal]:
    price = _price(table)
    numbers = price.numbers if price else ()
    return {row: number.value for row in rows if numbers and (number := numbers[row]) is not None}


def _in_stock(table: TypedTable, costs: dict[int, Decimal]) -> dict[int, Decimal]:
    """Without what is sold out, unless all of it is."""
    for column in columns_of_role(table, "stock"):
        if column.kind == "number":
            gone = {row for row in costs if (number := column.numbers[row]) is not None and number.value <= 0}
            return {row: cost for row, cost in costs.items() if row not in gone} or costs
    return costs


def _price(table: TypedTable) -> Column | None:
    return next((one for one in columns_of_role(table, "price") if one.kind == "number"), None)


def only_named(tables: Sequence[TypedTable], said: str) -> str | None:
    """The one row of these tables that a message names; None for several or none."""
    text = fold(said)
    keys = [table.key for table in tables if len(table.row_numbers) <= MAX_ROWS and table.row_numbers]
    cells = ((name, folded) for key in keys for name, folded in zip(key.texts, key.folded, strict=True))
    names = {name for name, folded in cells if len(folded) > 2 and folded in text}
    whole = [name for name in names if not any(name != other and name in other for other in names)]
    return whole[0] if len(whole) == 1 else None


def _query(table: TypedTable, rows: Sequence[int]) -> TableQuery:
    """These rows whole, by what names them."""
    price = _price(table)
    names = list(dict.fromkeys(table.key.texts[row] for row in rows))
    return TableQuery(
        table=table.name,
        where=[Condition(column=table.key.name, value=names)],
        order_by=price.name if price else None,
        limit=_SHOWN,
    )
