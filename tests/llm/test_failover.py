from __future__ import annotations

import json
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from agentflow.kit.egress import Egress
from agentflow.kit.errors import Forbidden
from agentflow.kit.settings import Settings, TurnSettings
from agentflow.llm.factory import ModelFactory
from agentflow.llm.failover import Candidate, FailureReason, ModelFailed, stream_model
from agentflow.llm.models import ModelConnection
from tests.fixtures.model_server import BadJson, Call, Fail, Hang, ModelServer, Say, Step, Truncate

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NO_STREAM = Say("never streamed")


def connection(base_url: str, *, by_environment: bool = True, api_key: str | None = "k-1") -> ModelConnection:
    return ModelConnection(
        id="mcn_1",
        workspace_id="wsp_1",
        name="test",
        base_url=base_url,
        model="scripted",
        api_key=api_key,
        position=0,
        created_by_environment=by_environment,
        created_at=AT,
        updated_at=AT,
    )


async def answer(candidate: Candidate) -> AIMessageChunk:
    whole = AIMessageChunk(content="")
    async with aclosing(stream_model(candidate, candidate.model, [HumanMessage("Hello?")])) as stream:
        async for chunk in stream:
            whole = whole + chunk
    return whole


@pytest.fixture
async def candidate(server: ModelServer, factory: ModelFactory) -> Candidate:
    return await factory.candidate(connection(server.base_url))


async def test_that_words_and_tool_calls_arrive_whole(server: ModelServer, candidate: Candidate) -> None:
    server.then(Say("We are open from nine."), Call("search_knowledge", {"query": "hours"}))
    assert (await answer(candidate)).text == "We are open from nine."
    called = await answer(candidate)
    assert [(call["name"], call["args"]) for call in called.tool_calls] == [
        ("search_knowledge", {"query": "hours"})
    ]
    assert server.keys == ["k-1", "k-1"]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Fail(429, {"Retry-After": "7"}), FailureReason.RATE_LIMITED),
        (Fail(500), FailureReason.SERVER_ERROR),
        (Fail(503), FailureReason.SERVER_ERROR),
        (Fail(401), FailureReason.KEY_REFUSED),
        (Fail(403), FailureReason.KEY_REFUSED),
        (Fail(404), FailureReason.REJECTED),
        (Hang(), FailureReason.TIMEOUT),
        (Truncate("We are open from"), FailureReason.TRUNCATED),
        (Truncate("We are open from", broken=False), FailureReason.TRUNCATED),
        (BadJson(), FailureReason.BAD_ANSWER),
        (Call("search_knowledge", raw='{"query": "hou'), FailureReason.BAD_ANSWER),
        (Say("  "), FailureReason.BAD_ANSWER),
    ],
    ids=lambda value: value.value if isinstance(value, FailureReason) else type(value).__name__,
)
async def test_that_each_failure_has_its_reason(
    server: ModelServer, candidate: Candidate, step: Step, reason: FailureReason
) -> None:
    server.then(step)
    with pytest.raises(ModelFailed) as failed:
        await answer(candidate)
    assert failed.value.reason is reason
    assert len(server.requests) == 1  # the next candidate is the retry


async def test_that_the_wait_asked_for_is_told(server: ModelServer, candidate: Candidate) -> None:
    server.then(Fail(429, {"Retry-After": "7"}))
    with pytest.raises(ModelFailed, match="retry after 7"):
        await answer(candidate)


async def test_that_a_dead_endpoint_is_unreachable(server: ModelServer, factory: ModelFactory) -> None:
    dead = await factory.candidate(connection("http://127.0.0.1:9/v1"))
    with pytest.raises(ModelFailed) as failed:
        await answer(dead)
    assert failed.value.reason is FailureReason.UNREACHABLE


async def test_that_a_redirect_is_not_followed(server: ModelServer, candidate: Candidate) -> None:
    server.then(Fail(307, {"Location": "http://127.0.0.1:9/v1/chat/completions"}))
    with pytest.raises(ModelFailed) as failed:
        await answer(candidate)
    assert failed.value.reason is FailureReason.REJECTED


async def test_that_an_address_entered_by_a_person_is_pinned_at_each_call(
    server: ModelServer, factory: ModelFactory, resolved: list[str]
) -> None:
    port = server.base_url.split(":")[2].split("/")[0]
    named = await factory.candidate(connection(f"http://models.example:{port}/v1", by_environment=False))
    server.then(Say("Hello."))
    await answer(named)
    await answer(named)
    assert resolved == [f"http://models.example:{port}/v1/chat/completions"] * 2
    assert server.hosts == [f"models.example:{port}"] * 2


async def test_that_a_refused_address_is_never_called(server: ModelServer) -> None:
    async def refuse(url: str) -> str:
        raise Forbidden(f"{url} is a private address")

    models = ModelFactory(refuse, TurnSettings())
    server.then(NO_STREAM)
    private = await models.candidate(connection(server.base_url, by_environment=False))
    with pytest.raises(ModelFailed) as failed:
        await answer(private)
    await models.close()
    assert failed.value.reason is FailureReason.ADDRESS_REFUSED
    assert server.requests == []


async def test_that_no_failure_repeats_the_key(server: ModelServer, candidate: Candidate) -> None:
    server.then(Fail(401))
    with pytest.raises(ModelFailed) as failed:
        await answer(candidate)
    assert "k-1" not in json.dumps([failed.value.detail, str(failed.value)])


async def test_that_a_changed_connection_gets_a_new_model(factory: ModelFactory, server: ModelServer) -> None:
    first = await factory.candidate(connection(server.base_url))
    assert (await factory.candidate(connection(server.base_url))).model is first.model
    changed = connection(server.base_url, api_key="k-2")
    changed.updated_at = AT.replace(hour=10)
    again = await factory.candidate(changed)
    server.then(Say("Hello."))
    await answer(again)
    assert again.model is not first.model
    assert server.keys == ["k-2"]


@pytest.mark.parametrize("allowed", [False, True])
async def test_that_the_real_egress_rules_hold_for_a_persons_address(
    server: ModelServer, settings: Settings, allowed: bool
) -> None:
    egress = Egress(settings.model_copy(update={"egress_allow": ("127.0.0.1",) if allowed else ()}))
    models = ModelFactory(egress.resolve, TurnSettings())
    server.then(Say("Hello."))
    candidate = await models.candidate(connection(server.base_url, by_environment=False))
    if allowed:
        assert (await answer(candidate)).text == "Hello."
    else:
        with pytest.raises(ModelFailed) as failed:
            await answer(candidate)
        assert failed.value.reason is FailureReason.ADDRESS_REFUSED
    assert len(server.requests) == int(allowed)
    await models.close()
    await egress.close()
