"""From a question to a query over a table, by rules that read words and cells; None when they are unsure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agentflow.llm import table_words as say
from agentflow.llm.table_links import CellLink, ColumnLink, columns_of_role, link
from agentflow.llm.table_reading import (
    Reading,
    columns_asked,
    is_year,
    is_year_word,
    read_conditions,
    target_of,
)
from knowledge.tables.columns import Column, TypedTable
from knowledge.tables.query import Aggregate, Condition, QueryRefused, TableAnswer, TableQuery, run
from knowledge.tables.values import fold, words

SURE = 0.5  # share of the question's own words that the query has to explain
SURE_OF_OTHERS = 0.8  # the same, where the search found a text, or nothing that answers
# A computed number can be checked against no cell.
_SURE_OF_COMPUTED: dict[Aggregate | None, float] = {"sum": 0.75, "average": 0.75, "difference": 0.7}
MAX_CELLS = 100_000  # reading a larger table for a question would keep the customer waiting
_MAX_SHOWN = 10  # a look-up that finds more cells answers nothing


@dataclass(frozen=True)
class Plan:
    """A query, what it gives, and how sure it is, 0 to 1."""

    query: TableQuery
    answer: TableAnswer
    score: float


def plan(question: str, tables: Sequence[TypedTable], sure: float) -> Plan | None:
    """The surest query over these tables, the likeliest table first; None when none is as sure as asked."""
    fit = [table for table in tables if table.size <= MAX_CELLS]
    plans = [found for table in fit if (found := plan_for(question, table)) is not None]
    able = [one for one in plans if one.score >= max(sure, _SURE_OF_COMPUTED.get(one.query.aggregate, 0.0))]
    return max(able, key=lambda one: one.score, default=None)


def plan_for(question: str, table: TypedTable) -> Plan | None:
    """The query over one table that gives something, however unsure."""
    links = link(question, table)
    if say.YES_NO.match(links.text) and not say.OR.search(links.text):
        return None
    for rule in _RULES:
        reading = Reading(links, table)
        query = rule(reading)
        if query is None or not _computes(query, Reading(links, table)):
            continue
        try:
            answer = run(query, table)
        except QueryRefused:
            continue
        few = query.aggregate or answer.total <= _MAX_SHOWN or query.limit == 1
        if few and any(text.strip() for row in answer.rows for text in row.cells):
            return Plan(query, answer, reading.coverage())
    return None


def _computes(query: TableQuery, reading: Reading) -> bool:
    """Whether the query computes what the question wants computed; shares of two cells it cannot."""
    if say.SHARE.search(reading.links.text):
        return False
    average = not say.HOW_MANY.search(reading.links.text) and reading.found(say.AVERAGE)
    wanted = {"difference": reading.found(say.DIFFERENCE), "average": average or None}
    return not any(wanted.values()) or wanted.get(query.aggregate or "") is not None


def _query(
    reading: Reading,
    columns: Sequence[Column],
    aggregate: Aggregate | None = None,
    step: Literal["next", "previous"] | None = None,
) -> TableQuery:
    select = list(dict.fromkeys(column.name for column in columns))
    return TableQuery(
        table=reading.table.name, select=select, where=reading.where, aggregate=aggregate, step=step
    )


# --- neighbours


def _neighbour(reading: Reading) -> TableQuery | None:
    """ "Who comes after X?": the row behind or before the one that is named."""
    links = reading.links
    if say.COUNT.search(links.text) or say.SAME.search(links.text):
        return None
    steps: tuple[tuple[re.Pattern[str], Literal["next", "previous"]], ...] = (
        (say.NEXT, "next"),
        (say.PREVIOUS, "previous"),
    )
    for pattern, step in steps:
        for match in pattern.finditer(links.text):
            place = links.place_of(match.end())
            near = [
                cell
                for cell in links.cells
                if place <= cell.start <= place + 3 and _is_one_row(cell, reading)
            ]
            if not near or reading.words_of(match) & near[0].words:
                continue
            cell = near[0]
            reading.use(match)
            reading.used |= cell.words
            target = target_of(reading) or cell.column
            reading.add(cell.column, "=" if cell.whole else "contains", cell.value)
            return _query(reading, [target], step=step)
    return None


def _is_one_row(cell: CellLink, reading: Reading) -> bool:
    texts = reading.links.words[cell.start : cell.end]
    return len(cell.rows) <= 2 and not (len(texts) == 1 and texts[0].isdigit())


# --- one row across columns


def _across(reading: Reading) -> TableQuery | None:
    """ "Sales in 2018 and 2019": the row that is named, in the columns that have the years for names."""
    links = reading.links
    named = [one for one in links.columns if any(is_year_word(links.words[at]) for at in one.words)]
    named = [one for one in named if one.column.kind == "number"]
    rows = [cell for cell in links.cells if cell.column.kind == "text" and len(cell.rows) == 1]
    rows = [cell for cell in rows if cell.whole or cell.end - cell.start > 1]
    if not named or not rows or say.HOW_MANY.search(links.text):
        return None
    most = max(len(one.words) for one in named)
    named = [one for one in named if len(one.words) == most]
    if len({one.words for one in named}) < len(named):
        return None  # two columns for one year: it is not said which
    columns = sorted((one.column for one in named), key=lambda one: one.index)
    for pattern, aggregate in _COMPUTED[1:]:
        if len(columns) > 1 and (match := reading.found(pattern)):
            reading.use(match)
            if aggregate != "difference":
                between = reading.table.columns[columns[0].index : columns[-1].index + 1]
                columns = [column for column in between if any(map(is_year_word, words(fold(column.name))))]
            return _row_across(reading, rows[0], columns, aggregate)
    return _row_across(reading, rows[0], columns, None)


def _row_across(
    reading: Reading, cell: CellLink, columns: Sequence[Column], aggregate: Aggregate | None
) -> TableQuery | None:
    if not reading.add(cell.column, "=", cell.column.texts[min(cell.rows)]) or len(reading.rows) > 1:
        return None
    reading.used |= cell.words
    for column in columns:
        reading.use_column(column)
    reading.use(reading.found(say.COUNT))
    return _query(reading, columns, aggregate)


# --- comparisons with another row


def _same(reading: Reading) -> TableQuery | None:
    """ "The same points as X": the rows that share X's cell."""
    match = reading.found(say.SAME)
    if match is None:
        return None
    links, table = reading.links, reading.table
    place = links.place_of(match.end())
    named = [one for one in links.columns if any(at >= place for at in one.words)]
    cells = [cell for cell in links.cells if cell.start > place and len(cell.rows) == 1]
    if not named or not cells:
        return None
    shared = min(named, key=lambda one: min(at for at in one.words if at >= place)).column
    cell = next((one for one in cells if one.column is not shared), None)
    if cell is None:
        return None
    reading.use(match)
    reading.used |= cell.words
    reading.use_column(shared)
    asked = target_of(reading)
    reading.add(cell.column, "!=", cell.column.texts[min(cell.rows)])
    if not reading.add(shared, "=", shared.texts[min(cell.rows)]):
        return None
    target = asked if asked is not None and asked is not shared else cell.column
    if say.COUNT.search(links.text):
        return _query(reading, [table.key], "count")
    return _query(reading, [target])


def _more_than_row(reading: Reading) -> TableQuery | None:
    """ "More points than X": the rows beyond X's cell."""
    links = reading.links
    match = reading.found(say.THAN)
    if match is None or reading.found(say.DIFFERENCE):
        return None
    place = links.place_of(match.end())
    near = [one for one in links.cells if place <= one.start <= place + 2 and len(one.rows) == 1]
    cell = next((one for one in near if not one.value.strip("$€£ ")[:1].isdigit()), None)
    named = [one for one in links.columns if one.column.kind != "text"]
    if cell is None or not named or cell.column is named[0].column:
        return None
    by = named[0].column
    op: Literal[">", "<"] = "<" if say.LOW.search(links.text) else ">"
    reading.use(match)
    reading.use(say.HIGH.search(links.text) or say.LOW.search(links.text))
    reading.used |= cell.words
    asked = target_of(reading)
    if not reading.add(by, op, by.texts[min(cell.rows)]):
        return None
    if count := say.COUNT.search(links.text):
        reading.use(count)
        return _query(reading, [reading.table.key], "count")
    return _query(reading, [asked if asked is not None and asked is not by else cell.column])


# --- counts and amounts


def _counted(reading: Reading) -> TableQuery | None:
    """ "How many …": a column of numbers that is named is looked up or added, else rows are counted."""
    match = say.COUNT.search(reading.links.text)
    many = say.HOW_MANY.search(reading.links.text)
    if match is None or reading.found(say.DIFFERENCE) or reading.found(say.MOST_OF):
        return None
    if reading.found(say.AVERAGE) and not many:
        return None
    times = reading.found(say.TIMES)
    asked = None if times else target_of(reading)
    if asked is not None and many is not None and _counts_things(reading, many, asked):
        asked = None
    reading.use(match)
    reading.use(times)
    prices = columns_of_role(reading.table, "price")  # "price per day" is no date
    dates = [column for column in columns_of_role(reading.table, "date") if column not in prices]
    apart = (reading.table.key, *dates)  # never added up
    if asked is not None and asked.kind == "number" and not is_year(asked) and asked not in apart:
        return _amount(reading, asked)
    read_conditions(reading, asked=asked)
    distinct = reading.found(say.DISTINCT)
    reading.use(distinct)
    reading.use(reading.found(say.SUM))
    if asked is None:
        for one in reading.links.columns:
            reading.used |= one.words
    repeats = asked is not None and asked is not reading.table.key and not is_year(asked)
    if asked is not None and (distinct or (repeats and not reading.where)):
        return _query(reading, [asked], "count_distinct")
    return _query(reading, [reading.table.key], "count")


def _counts_things(reading: Reading, many: re.Match[str], asked: Column) -> bool:
    """ "How many lamps cost less than 50 euro" asks for lamps; "how many euros" and "hoeveel kost" do not."""
    links = reading.links
    place = links.place_of(many.end())
    if asked not in columns_of_role(reading.table, "price") or place == len(links.words):
        return False
    word = links.words[place]
    asking = next(pattern for role, pattern, _ in say.ROLES if role == "price")
    named = any(place in one.words for one in links.columns)
    return not (named or word in say.STOP or word in say.MONEY or asking.fullmatch(word))


def _amount(reading: Reading, asked: Column) -> TableQuery | None:
    """A number that stands in the row that is named; over several rows the sum."""
    superlative = _superlative(reading)
    if superlative is not None:
        return superlative
    read_conditions(reading, asked=asked)
    total = reading.found(say.SUM)
    reading.use(total)
    single = len(reading.rows) == 1 and bool(reading.where)
    return _query(reading, [asked], None if single else "sum")


_COMPUTED: tuple[tuple[re.Pattern[str], Aggregate], ...] = (
    (say.RANGE, "difference"),
    (say.AVERAGE, "average"),
    (say.DIFFERENCE, "difference"),
    (say.SUM, "sum"),
)


def _computed(reading: Reading) -> TableQuery | None:
    """Average, sum or difference over a column."""
    for pattern, aggregate in _COMPUTED:
        match = reading.found(pattern)
        named = [one.column for one in reading.links.columns] or columns_asked(reading)
        numbers = [column for column in named if column.kind == "number" and not is_year(column)]
        if match is None or not numbers or (pattern is say.SUM and say.WHICH.match(reading.links.text)):
            continue
        if pattern is say.AVERAGE and say.HOW_MANY.search(reading.links.text):
            continue
        reading.use(match)
        column = numbers[0]
        reading.use_column(column)
        if pattern is say.DIFFERENCE:
            return _difference(reading, column)
        read_conditions(reading, asked=column)
        if aggregate == "sum" and len(reading.rows) == 1:
            return _query(reading, [column])
        return _query(reading, [column], aggregate)
    return None


def _difference(reading: Reading, column: Column) -> TableQuery | None:
    """Between the two rows that are named in one column."""
    singles = [cell for cell in reading.links.cells if len(cell.rows) == 1 and cell.column is not column]
    for one in singles:
        for other in singles:
            if one.start < other.start and one.column is other.column and one.rows != other.rows:
                reading.used |= one.words | other.words
                values = [one.column.texts[min(cell.rows)] for cell in (one, other)]
                reading.add(one.column, "=", values)
                return _query(reading, [column], "difference")
    return None


# --- extremes


def _most_often(reading: Reading) -> TableQuery | None:
    match = reading.found(say.MOST_OFTEN)
    asked = target_of(reading) if match else None
    if asked is None:
        return None
    reading.use(match)
    read_conditions(reading, asked=asked)
    return _query(reading, [asked], "most_common")


_DIRECTIONS: tuple[tuple[re.Pattern[str], Literal["min", "max"], str], ...] = (
    (say.DEAR, "max", "price"),
    (say.CHEAP, "min", "price"),
    (say.LAST, "max", "date"),
    (say.FIRST, "min", "date"),
    (say.HIGH, "max", "named"),
    (say.LOW, "min", "named"),
    (say.TOP, "min", "rank"),
    (say.BOTTOM, "max", "rank"),
)


def _superlative(reading: Reading) -> TableQuery | None:
    """ "Which … is the cheapest?", "the last …", "X or Y, which is longer?" """
    for pattern, aggregate, kind in _DIRECTIONS:
        match = reading.found(pattern)
        if match is None or _is_comparison(reading, match):
            continue
        reading.use(match)
        reading.use(reading.found(say.COUNT))
        _either(reading)
        asked = target_of(reading)
        by = _ordering(reading, match, kind, asked)
        if by is not None and by is asked:
            asked = None if not _asks_for_value(reading, by) else by
        read_conditions(reading, asked=by or asked)
        if by is not None:
            reading.use_column(by)
            return _query(reading, [by, asked or reading.table.key], aggregate)
        if kind in ("date", "rank"):
            reading.use(reading.found(say.BY_PLACE))
            query = _query(reading, [asked or reading.table.key])
            return query.model_copy(update={"descending": aggregate == "max", "limit": 1})
        if asked is not None and asked.kind == "text" and say.MANY.fullmatch(match.group()):
            return _query(reading, [asked], "most_common" if aggregate == "max" else "least_common")
        return None
    return None


def _asks_for_value(reading: Reading, by: Column) -> bool:
    return bool(say.HOW_MANY.search(reading.links.text)) or by.kind != "number"


def _is_comparison(reading: Reading, match: re.Match[str]) -> bool:
    """Whether "least" is of "at least", "less" of "less than"."""
    patterns = (say.AT_LEAST, say.AT_MOST, say.MORE_THAN, say.LESS_THAN)
    found = [one for pattern in patterns for one in pattern.finditer(reading.links.text)]
    return any(one.start() <= match.start() < one.end() for one in found)


def _ordering(reading: Reading, match: re.Match[str], kind: str, asked: Column | None) -> Column | None:
    """The column a superlative speaks of: the one named behind it, else the one its kind asks for."""
    table, links = reading.table, reading.links
    chosen = {condition.column for condition in reading.where}
    able = [one for one in table.columns if one.kind != "text" and one.name not in chosen]
    if kind == "price":
        return next((column for column in columns_of_role(table, "price") if column in able), None)
    ranked = [column for column in able if say.RANKED.search(fold(column.name)) and column.kind == "number"]
    if kind != "named" and ranked and (kind == "rank" or say.RANKED.search(links.text)):
        reading.use(reading.found(say.BY_PLACE))
        return ranked[0]
    place = links.place_of(match.end())
    named = [one for one in links.columns if one.column in able]
    named = [one for one in named if one.column is not asked or min(one.words) >= place]
    if kind == "named":
        if named:
            return min(named, key=lambda one: (-one.score >= -0.4, _distance(one, place))).column
        lengths = columns_of_role(table, "length") if say.LONG.fullmatch(match.group()) else []
        numbers = [column for column in able if column.kind in ("number", "time") and not is_year(column)]
        if any(column in able for column in lengths):
            return next(column for column in lengths if column in able)
        return numbers[0] if len(numbers) == 1 else None
    if kind == "date" and not say.LISTED.search(links.text):
        dates = [column for column in able if column.kind == "date"]
        dates += [column for column in able if is_year(column)]
        return dates[0] if dates else None
    return None


def _distance(one: ColumnLink, place: int) -> int:
    """Words behind the superlative are nearer than those before it."""
    return min(at - place if at >= place else 3 * (place - at) for at in one.words)


def _either(reading: Reading) -> bool:
    """ "X or Y": the rows of the two cells beside the word."""
    links = reading.links
    for match in say.OR.finditer(links.text):
        place = links.place_of(match.start())
        for one in (cell for cell in links.cells if cell.end == place):
            for other in (cell for cell in links.cells if place < cell.start <= place + 2):
                if one.column is not other.column:
                    continue
                values = [one.value, other.value]
                if reading.add(one.column, "=" if one.whole and other.whole else "contains", values):
                    reading.used |= one.words | other.words | {place}
                    return True
    return False


# --- look-ups


def _looked_up(reading: Reading) -> TableQuery | None:
    """A cell of the row that is named."""
    if say.HOW_LONG.search(reading.links.text) and not columns_of_role(reading.table, "length"):
        return None
    asked = target_of(reading)
    if asked is None:
        named = [one for one in reading.links.columns if one.score >= 1]
        asked = named[0].column if named else None
        if asked is not None:
            reading.use_column(asked)
    read_conditions(reading, asked=asked)
    column = asked or reading.table.key
    if all(_is_on(condition, column) for condition in reading.where):
        return None
    return _query(reading, [column])


def _is_on(condition: Condition, column: Column) -> bool:
    return condition.column == column.name and condition.op != "!="


_RULES: tuple[Callable[[Reading], TableQuery | None], ...] = (
    _across,
    _same,
    _neighbour,
    _more_than_row,
    _counted,
    _computed,
    _most_often,
    _superlative,
    _looked_up,
)
