"""From a stored connection to a chat model that streams, tries once and goes only where it may.

Its libraries take half a second to load and 30 MB: a server loads this module with its first connection.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import openai
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr

from agentflow.kit.settings import TurnSettings
from agentflow.llm.failover import Candidate, FailureReason, ModelFailed
from agentflow.llm.models import ModelConnection

KEPT_MODELS = 64
# Some local servers want no key; the client library insists on one.
NO_KEY = "none"


class AddressCheck(Protocol):
    """Resolves a URL's host once to an address that may be called. Raises AppError where none may."""

    async def __call__(self, url: str) -> str:
        """The IP address to connect to."""
        ...


class _Request(Protocol):
    """The part of the client library's request that pinning changes."""

    url: _Url
    extensions: dict[str, object]


class _Url(Protocol):
    host: str

    def copy_with(self, *, host: str) -> _Url:
        """The same address with another host."""
        ...


class ModelFactory:
    """Makes and keeps chat models, one per connection and change of it."""

    def __init__(self, check_address: AddressCheck, settings: TurnSettings) -> None:
        self._check_address = check_address
        self._settings = settings
        self._kept: OrderedDict[tuple[str, datetime], tuple[ChatOpenAI, DefaultAsyncHttpxClient]] = (
            OrderedDict()
        )

    async def candidate(self, connection: ModelConnection) -> Candidate:
        """The model behind a connection, ready to be tried."""
        key = (connection.id, connection.updated_at)
        if key not in self._kept:
            self._kept[key] = self._build(connection)
            while len(self._kept) > KEPT_MODELS:
                _, (_, client) = self._kept.popitem(last=False)
                await client.aclose()
        self._kept.move_to_end(key)
        model, _ = self._kept[key]
        name = f"{connection.model} ({connection.name})"
        return Candidate(name, model, f"{connection.id} {connection.updated_at}", connection.id, _explain)

    async def close(self) -> None:
        """Close every HTTP client."""
        while self._kept:
            _, (_, client) = self._kept.popitem()
            await client.aclose()

    def _build(self, connection: ModelConnection) -> tuple[ChatOpenAI, DefaultAsyncHttpxClient]:
        client = (
            DefaultAsyncHttpxClient(follow_redirects=False)
            if connection.created_by_environment  # the operator's own address; it may be private
            else DefaultAsyncHttpxClient(
                follow_redirects=False, trust_env=False, event_hooks={"request": [self._pin]}
            )
        )
        model = ChatOpenAI(
            model=connection.model,
            base_url=connection.base_url,
            api_key=SecretStr(connection.api_key or NO_KEY),
            timeout=self._settings.model_timeout_seconds,
            max_retries=0,  # the next candidate is the retry
            streaming=True,
            http_async_client=client,
        )
        return model, client

    async def _pin(self, request: _Request) -> None:
        """Connect to the address that was checked; the name stays in Host and in the TLS handshake."""
        url = str(request.url)
        request.url = request.url.copy_with(host=await self._check_address(url))
        request.extensions = {**request.extensions, "sni_hostname": urlsplit(url).hostname}


def _explain(error: Exception) -> ModelFailed | None:
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error)
    if isinstance(error, openai.APITimeoutError):
        return ModelFailed(FailureReason.TIMEOUT, "No answer came in time.")
    if isinstance(error, openai.APIResponseValidationError):
        return ModelFailed(FailureReason.BAD_ANSWER, f"The answer could not be read: {error}.")
    if isinstance(error, openai.APIConnectionError):
        return ModelFailed(FailureReason.UNREACHABLE, f"There is no connection: {error.__cause__ or error}.")
    return None


def _status_failure(error: openai.APIStatusError) -> ModelFailed:
    status = error.status_code
    if status in (401, 403):
        return ModelFailed(FailureReason.KEY_REFUSED, f"The endpoint refused the key (HTTP {status}).")
    if status == 429:
        wait = error.response.headers.get("retry-after", "unknown")
        return ModelFailed(FailureReason.RATE_LIMITED, f"It answered HTTP 429, retry after {wait}.")
    if status == 408:
        return ModelFailed(FailureReason.TIMEOUT, "It answered HTTP 408.")
    if status >= 500:
        return ModelFailed(FailureReason.SERVER_ERROR, f"It answered HTTP {status}.")
    return ModelFailed(FailureReason.REJECTED, f"It answered HTTP {status}.")
