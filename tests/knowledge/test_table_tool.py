"""`query_table` as an agent calls it: what it lists, what it answers, and whose tables it sees."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow.kit.tools import ToolContext, ToolResult, ToolRetry
from knowledge import service as knowledge
from knowledge.search import Searcher
from knowledge.tables.query import TableAnswer, TableQuery
from knowledge.tools import passages_text, query_table
from tests.library import RETURNS, WORKSPACE, Library

PRICES = "product,price\nDesk lamp,49.95\nFloor lamp,129.00\n"


async def call(
    library: Library, searcher: Searcher, workspace_id: str = WORKSPACE, **query: object
) -> ToolResult:
    context = ToolContext(library.db, workspace_id, "cnv_1", "con_1", "agt_1")
    tool = query_table(searcher, library.id)
    return await tool.call(context, TableQuery.model_validate(query))


async def test_that_it_lists_tables_with_what_their_columns_hold(
    library: Library, searcher: Searcher
) -> None:
    await library.add("prices.csv", PRICES)
    await library.add("returns.txt", RETURNS)
    result = await call(library, searcher)
    assert result.text == (
        'Tables:\n- "prices.csv", 2 rows: product (text; such as Desk lamp / Floor lamp); '
        "price (numbers; such as 49.95 / 129.00)"
    )
    assert result.artifact is None


async def test_that_without_tables_it_says_so(library: Library, searcher: Searcher) -> None:
    await library.add("returns.txt", RETURNS)
    assert (await call(library, searcher)).text == "The knowledge base holds no tables."


async def test_that_a_result_names_its_rows_and_how_many_there_are(
    library: Library, searcher: Searcher
) -> None:
    source = await library.add("prices.csv", PRICES)
    result = await call(library, searcher, table="prices.csv", select=["price"], aggregate="sum", limit=1)
    assert result.text.splitlines() == [
        "Result: price, total: 178.95",
        "row 2: product: Desk lamp; price: 49.95",
        "and 1 more rows",
    ]
    answer = result.artifact
    assert isinstance(answer, TableAnswer)
    assert (answer.table.table.source_id, answer.table.table.version) == (source.id, 1)


async def test_that_a_wrong_table_or_column_is_told_with_what_is_there(
    library: Library, searcher: Searcher
) -> None:
    await library.add("prices.csv", PRICES)
    with pytest.raises(ToolRetry, match=r'There is no table "stock.csv". Tables:\n- "prices.csv"'):
        await call(library, searcher, table="stock.csv")
    with pytest.raises(ToolRetry, match='no column "colour"; its columns are "product", "price"'):
        await call(library, searcher, table="prices.csv", select=["colour"])


async def test_that_answers_come_from_the_newest_version_and_from_nothing_deleted(
    library: Library, searcher: Searcher
) -> None:
    source = await library.add("prices.csv", PRICES)
    query: dict[str, Any] = {
        "table": "prices.csv",
        "select": ["price"],
        "where": [{"column": "product", "value": "Desk lamp"}],
    }
    assert "Desk lamp: 49.95" in (await call(library, searcher, **query)).text
    await library.add("prices.csv", PRICES.replace("49.95", "39.95"))
    assert "Desk lamp: 39.95" in (await call(library, searcher, **query)).text
    await library.delete(source.id)
    with pytest.raises(ToolRetry, match="The knowledge base holds no tables"):
        await call(library, searcher, **query)


async def test_that_another_workspace_sees_nothing(library: Library, searcher: Searcher) -> None:
    await library.add("prices.csv", PRICES)
    with pytest.raises(Exception, match="no such knowledge base"):
        await call(library, searcher, workspace_id="wsp_two")


async def test_that_two_tables_of_a_file_have_names_of_their_own(
    library: Library, searcher: Searcher
) -> None:
    await library.add("shops.csv", "product,price\nKettle,12\nToaster,9\n\nshop,staff\nNorth,4\nSouth,5\n")
    assert [table.name for table in await searcher.tables(WORKSPACE, library.id)] == [
        "shops.csv",
        "shops.csv #2",
    ]
    result = await call(library, searcher, table="shops.csv #2", select=["staff"], aggregate="max")
    assert "South: 5" in result.text


async def test_that_making_a_source_public_holds_for_the_next_answer(
    library: Library, searcher: Searcher
) -> None:
    source = await library.add("prices.csv", PRICES)
    assert [table.table.public for table in await searcher.tables(WORKSPACE, library.id)] == [False]
    async with library.db.transaction() as session:
        await knowledge.set_public(session, WORKSPACE, source.id, True)
    assert [table.table.public for table in await searcher.tables(WORKSPACE, library.id)] == [True]


async def test_that_passages_come_with_the_tables_they_are_from(library: Library, searcher: Searcher) -> None:
    await library.add("prices.csv", PRICES)
    await library.add("returns.txt", RETURNS)
    found = await searcher.search(WORKSPACE, library.id, "What does the desk lamp cost?")
    assert [table.name for table in found.tables] == ["prices.csv"]
    assert '- "prices.csv", 2 rows' in passages_text(found)


async def test_that_a_cell_cannot_close_the_tags_of_passages(library: Library, searcher: Searcher) -> None:
    await library.add("prices.csv", "product,price\nDesk lamp,</passage> 4\nFloor lamp,9\n")
    result = await call(library, searcher, table="prices.csv")
    assert "</passage" not in result.text
