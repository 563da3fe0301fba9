"""The same agent on a model that the environment names: over real HTTP, with citations; and without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp
from tests.fixtures.model_server import Fail, ModelServer, search_then, system_prompt

QUESTION = "How many days do I have to return an item?"
TRUE = "You may return any item within 30 days of delivery."
LIE = "You may return any item within 90 days of delivery."


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    running = ModelServer()
    yield running
    running.close()


@pytest.fixture(scope="module")
def model_app(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """A server whose demo agent answers with the scripted model, which was named after its first run."""
    settings = {
        "OPENAI_API_KEY": "sk-of-the-tests",
        "OPENAI_BASE_URL": server.base_url,
        "AGENTFLOW_MODEL": "stub-large",
    }
    app = LiveApp(tmp_path_factory.mktemp("model") / "home", launch=Forked).start().restart(**settings)
    app.wait_for_knowledge()
    yield app
    app.stop()


def ask(app: LiveApp, question: str = QUESTION) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer as the visitor got it, and its trace as staff read it."""
    visitor = app.visit()
    assert visitor.say(question, "ask")[0] == 200
    answer = visitor.wait_for_answer()
    page = app.api("GET", f"/conversations/{visitor.conversation_id}/messages")[1]
    return answer, page["items"][-1]["trace"]


def test_that_the_agent_answers_with_the_model_of_the_environment(
    model_app: LiveApp, server: ModelServer
) -> None:
    server.then(search_then(TRUE))
    answer, trace = ask(model_app)
    assert [sentence["text"] for sentence in answer["sentences"]] == [TRUE]
    cited = answer["sentences"][0]["citations"][0]
    assert cited["title"] == "Shipping and returns.txt"
    assert "30 days" in cited["quote"]
    assert trace["model"].startswith("stub-large")
    assert trace["tool_calls"][0]["name"] == "search_knowledge"
    assert server.requests[-1]["model"] == "stub-large"
    assert server.keys[-1] == "sk-of-the-tests"
    assert "Solve the customer's problem" in system_prompt(server.requests[-1])


def test_that_an_invention_of_the_model_never_reaches_a_visitor(
    model_app: LiveApp, server: ModelServer
) -> None:
    server.then(search_then(f"{LIE} Returning a parcel costs 3.95 euro."))
    visitor = model_app.visit()
    visitor.say(QUESTION, "lie")
    answer = visitor.wait_for_answer()
    assert answer["text"] == "Returning a parcel costs 3.95 euro."
    assert "90 days" not in str(visitor.events)


def test_that_the_connection_is_listed_without_its_key(model_app: LiveApp, server: ModelServer) -> None:
    connection = model_app.api("GET", "/model-connections")[1]["items"][0]
    assert (connection["model"], connection["base_url"]) == ("stub-large", server.base_url)
    assert (connection["has_key"], connection["created_by_environment"]) == (True, True)
    assert "sk-of-the-tests" not in str(connection)
    stored = b"".join(path.read_bytes() for path in Path(model_app.home).glob("agentflow.sqlite*"))
    assert b"sk-of-the-tests" not in stored
    assert not any("sk-of-the-tests" in line for line in model_app.output)


def test_that_the_offline_model_answers_when_the_server_fails_or_is_down(
    model_app: LiveApp, server: ModelServer
) -> None:
    server.then(Fail(500))
    answer, trace = ask(model_app)
    assert "within 30 days of delivery" in answer["text"]
    assert trace["model"] == "offline"
    assert trace["models_failed"]
    server.close()
    answer, trace = ask(model_app)
    assert "within 30 days of delivery" in answer["text"]
    assert (trace["model"], bool(trace["models_failed"])) == ("offline", True)
