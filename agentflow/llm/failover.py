"""What can go wrong with a chat model, in our words, and a stream that never ends quietly in the middle.

The runner tries candidates in order; each failure has a reason that goes into the trace.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable

from agentflow.kit.errors import AppError, Unavailable
from agentflow.llm.models import ModelConnection

ChatRunnable = Runnable[LanguageModelInput, AIMessage]


class FailureReason(StrEnum):
    """Why a candidate gave no answer."""

    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TRUNCATED = "truncated"  # the stream ended before the answer did
    BAD_ANSWER = "bad_answer"  # not JSON, or not what the protocol says
    KEY_REFUSED = "key_refused"  # 401 or 403
    REJECTED = "rejected"  # any other 4xx
    UNREACHABLE = "unreachable"
    ADDRESS_REFUSED = "address_refused"  # the egress rules forbid the address
    CRASHED = "crashed"  # our side, or a library


class ModelFailed(Exception):
    """A candidate gave no usable answer. `detail` is for staff and holds no key."""

    def __init__(self, reason: FailureReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:300]


@dataclass(frozen=True)
class Candidate:
    """One model to try. `connection_id` is None for the offline model, which needs no network."""

    name: str
    model: BaseChatModel
    key: str  # changes when the model behind it does
    connection_id: str | None = None
    explain: Callable[[Exception], ModelFailed | None] = lambda error: (
        None
    )  # what its library says went wrong


class Models(Protocol):
    """Where the models behind connections come from."""

    async def candidate(self, connection: ModelConnection) -> Candidate:
        """The model behind a connection, ready to be tried."""
        ...

    async def close(self) -> None:
        """Let go of all of them."""
        ...


async def stream_model(
    candidate: Candidate, bound: ChatRunnable, messages: Sequence[BaseMessage]
) -> AsyncGenerator[AIMessageChunk, None]:
    """The answer of a candidate, whose model is `bound` to its tools, piece by piece.

    Raises ModelFailed, and nothing else but cancellation.
    """
    whole: AIMessageChunk | None = None
    try:
        async for chunk in bound.astream(list(messages)):
            if not isinstance(chunk, AIMessageChunk):
                raise ModelFailed(FailureReason.BAD_ANSWER, "Something else than a piece of an answer came.")
            whole = chunk if whole is None else whole + chunk
            yield chunk
    except ModelFailed:
        raise
    except Exception as error:  # whatever a model or its library does, the next one is tried
        raise _failure(candidate, error, begun=whole is not None) from error
    if candidate.connection_id is not None:
        _check_whole(whole)


def _check_whole(whole: AIMessageChunk | None) -> None:
    """An answer counts only with its end mark, some content, and tool calls that can be read."""
    if whole is None:
        raise ModelFailed(FailureReason.BAD_ANSWER, "The answer was empty.")
    if not whole.response_metadata.get("finish_reason"):
        raise ModelFailed(FailureReason.TRUNCATED, "The stream ended without a finish_reason.")
    if not all(_is_object(chunk["args"]) for chunk in whole.tool_call_chunks):
        raise ModelFailed(FailureReason.BAD_ANSWER, "The arguments of a tool call were not JSON.")
    if not whole.text.strip() and not whole.tool_calls:
        raise ModelFailed(FailureReason.BAD_ANSWER, "The answer was empty.")


def _is_object(arguments: str | None) -> bool:
    """Strictly: the library would complete half an object, and search for half a question."""
    try:
        return isinstance(json.loads(arguments or "{}"), dict)
    except ValueError:
        return False


def _failure(candidate: Candidate, error: Exception, *, begun: bool) -> ModelFailed:
    for cause in _causes(error):
        if isinstance(cause, Unavailable):
            return ModelFailed(FailureReason.UNREACHABLE, cause.detail)
        if isinstance(cause, AppError):
            return ModelFailed(FailureReason.ADDRESS_REFUSED, cause.detail)
    explained = candidate.explain(error)
    if explained is not None and not (begun and explained.reason is FailureReason.UNREACHABLE):
        return explained
    if isinstance(error, TimeoutError):
        return ModelFailed(FailureReason.TIMEOUT, "No answer came in time.")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return ModelFailed(FailureReason.BAD_ANSWER, f"The answer could not be read: {error}.")
    if begun:
        return ModelFailed(FailureReason.TRUNCATED, f"The stream broke off: {error}.")
    return ModelFailed(FailureReason.CRASHED, f"The model could not be called: {error}.")


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and len(chain) < 10:
        chain.append(step)
        step = step.__cause__ or step.__context__
    return chain
