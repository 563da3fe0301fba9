"""Questions about tables, offline and by a model: exact, cited by their cells, computed nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow.agents.replies import Citation
from agentflow.kit.files import LocalFiles
from knowledge import service as knowledge
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.ingest import IngestDeps, ingest
from knowledge.reading import ReaderPool
from tests.agents.conftest import Answer, NoJobs, Shop
from tests.fixtures.model_server import Body, Call, ModelServer, Say, Script, Step

PRICES = (
    "Article,Product,Material,Price in euro,In stock\n"
    "K-20,Kettle K20,Steel,39.95,12\nK-30,Kettle K30,Glass,54.50,0\n"
    "T-10,Toaster T10,Steel,29.00,31\nM-01,Hand mixer,Plastic,24.75,8\n"
)
TOTAL: dict[str, object] = {
    "table": "prices.csv",
    "select": ["Price in euro"],
    "where": [{"column": "Material", "value": "Steel"}],
    "aggregate": "sum",
}


@pytest.fixture
async def shop_with_prices(shop: Shop, embedder: OnnxEmbedder, tmp_path: Path) -> Shop:
    """The shop with a price list."""
    db = shop.db
    db.jobs = NoJobs()
    files, reader = LocalFiles(tmp_path / "files"), ReaderPool(db.settings.ingest)
    source = await knowledge.upload(
        db, files, shop.workspace_id, shop.knowledge_base_id, name="prices.csv", content=PRICES.encode()
    )
    await ingest(IngestDeps(db, files, reader, embedder), source.id, source.version)
    await reader.close()
    return shop


def rows(answer: Answer) -> list[int | None]:
    return [cited.row for sentence in answer.outcome.sentences for cited in sentence.citations]


def cited(answer: Answer) -> tuple[Citation, ...]:
    return tuple(one for sentence in answer.outcome.sentences for one in sentence.citations)


def query_then(query: dict[str, object], text: str, calls: int = 1) -> Script:
    """A model that asks the table and then says something."""

    def decide(body: Body) -> Step:
        done = sum(message["role"] == "tool" for message in body["messages"])
        return Call("query_table", query) if done < calls else Say(text)

    return decide


@pytest.mark.parametrize(
    ("question", "text", "places"),
    [
        ("What does the Kettle K30 cost?", "Kettle K30: 54.50 (Price in euro)", [3]),
        ("How many toasters are in stock?", "Toaster T10: 31 (In stock)", [4]),
        ("Which product is the cheapest?", "Hand mixer: 24.75 (Price in euro)", [5]),
        ("How many products are made of steel?", "2: Kettle K20; Toaster T10", [2, 4]),
        ("What is the average price?", "Price in euro, average: 37.05", [2, 3, 4]),
        ("Wat kost de Hand mixer?", "Hand mixer: 24.75 (Price in euro)", [5]),
        ("Was kostet der Toaster T10?", "Toaster T10: 29.00 (Price in euro)", [4]),
    ],
)
async def test_that_the_offline_agent_answers_from_the_cells(
    shop_with_prices: Shop, question: str, text: str, places: list[int]
) -> None:
    answer = await shop_with_prices.ask(question)
    assert (answer.outcome.action, answer.text) == ("reply", text)
    assert [call.name for call in answer.outcome.tool_calls] == ["search_knowledge", "query_table"]
    assert rows(answer) == places
    assert {one.source for one in cited(answer)} == {"prices.csv"}


async def test_that_many_rows_are_cited_by_the_first_and_their_number(shop_with_prices: Shop) -> None:
    answer = await shop_with_prices.ask("What is the average price?")
    assert [one.quote for one in cited(answer)] == [
        "Article: K-20; Product: Kettle K20; Material: Steel; Price in euro: 39.95; In stock: 12",
        "Article: K-30; Product: Kettle K30; Material: Glass; Price in euro: 54.50; In stock: 0",
        "Article: T-10; Product: Toaster T10; Material: Steel; Price in euro: 29.00; In stock: 31 … (+1)",
    ]


@pytest.mark.parametrize(
    "question", ["How long do I have to send an order back?", "How many litres does the kettle K20 hold?"]
)
async def test_that_texts_still_answer_what_is_no_matter_of_cells(
    shop_with_prices: Shop, question: str
) -> None:
    answer = await shop_with_prices.ask(question)
    assert {one.source for one in cited(answer)} <= {"returns.txt", "kettle.txt"}
    assert cited(answer)


async def test_that_a_model_states_what_the_table_computed(
    shop_with_prices: Shop, server: ModelServer
) -> None:
    await shop_with_prices.connect(server)
    server.then(query_then(TOTAL, "The total price in euro of the products in steel is 68.95."))
    answer = await shop_with_prices.ask("What do all steel products cost together?")
    assert answer.text == "The total price in euro of the products in steel is 68.95."
    assert rows(answer) == [2, 4]
    told = server.requests[1]["messages"][-1]["content"]
    assert "Result: Price in euro, total: 68.95" in told


async def test_that_a_number_a_model_computed_itself_is_dropped(
    shop_with_prices: Shop, server: ModelServer
) -> None:
    await shop_with_prices.connect(server)
    wrong = "The total price in euro of the products in steel is 70.95."
    server.then(query_then(TOTAL, f"{wrong} The Hand mixer costs 24.75 euro."))
    answer = await shop_with_prices.ask("What do all steel products cost together?")
    assert answer.outcome.trace["dropped"] == [wrong]
    assert "70.95" not in answer.text


async def test_that_a_result_of_another_turn_supports_nothing(
    shop_with_prices: Shop, server: ModelServer
) -> None:
    await shop_with_prices.connect(server)
    told = "The total price in euro of the products in steel is 68.95."
    server.then(query_then(TOTAL, told))
    assert (await shop_with_prices.ask("What do all steel products cost together?")).text == told
    server.then(query_then({}, told))
    answer = await shop_with_prices.ask("What do all steel products cost together?")
    assert "68.95" not in answer.text


async def test_that_a_wrong_column_is_told_to_the_model_which_may_try_again(
    shop_with_prices: Shop, server: ModelServer
) -> None:
    await shop_with_prices.connect(server)

    def decide(body: Body) -> Step:
        told = [str(one["content"]) for one in body["messages"] if one["role"] == "tool"]
        if not told:
            return Call("query_table", {"table": "prices.csv", "select": ["Cost"]})
        if len(told) == 1:
            assert 'no column "Cost"; its columns are "Article", "Product"' in told[0]
            return Call(
                "query_table", {"table": "prices.csv", "select": ["Price in euro"], "aggregate": "max"}
            )
        return Say("The Kettle K30 has the highest price in euro: 54.50.")

    server.then(decide)
    answer = await shop_with_prices.ask("Which product is the most expensive?")
    assert answer.text == "The Kettle K30 has the highest price in euro: 54.50."
    assert rows(answer) == [3]
