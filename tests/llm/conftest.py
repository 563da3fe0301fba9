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
def resolved() -> list[str]:
    """The addresses the factory's clients asked for."""
    return []


@pytest.fixture
async def factory(resolved: list[str]) -> AsyncIterator[ModelFactory]:
    async def resolve(url: str) -> str:
        resolved.append(url)
        return "127.0.0.1"

    models = ModelFactory(resolve, TurnSettings(model_timeout_seconds=0.5))
    yield models
    await models.close()
