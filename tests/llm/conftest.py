"""A scripted model server for each test, and a factory that may call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from agentflow.kit.settings import TurnSettings
from agentflow.llm.factory import ModelFactory
from tests.fixtures.model_server import ModelServer, model_server


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture
def resolved() -> list[tuple[str, int]]:
    """The names the factory's clients asked for."""
    return []


@pytest.fixture
async def factory(resolved: list[tuple[str, int]]) -> AsyncIterator[ModelFactory]:
    async def resolve(host: str, port: int) -> str:
        resolved.append((host, port))
        return "127.0.0.1"

    models = ModelFactory(resolve, TurnSettings(model_timeout_seconds=0.5))
    yield models
    await models.close()
