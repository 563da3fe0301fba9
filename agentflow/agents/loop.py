"""The agent's loop: LangChain's create_agent with one middleware that streams, falls over and calls tools.

The graph is built once per agent version; everything of one turn travels in its context, a Turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, cast

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command
from langsmith import set_runtime_overrides
from langsmith.run_helpers import tracing_context
from pydantic import ValidationError

from agentflow.agents.prompt import as_data
from agentflow.agents.replies import CheckedSentence, ToolCallRecord, TurnRequest
from agentflow.agents.speech import Speech
from agentflow.agents.tools import HumanWanted, as_langchain
from agentflow.kit.settings import TurnSettings
from agentflow.kit.telemetry import MODEL_ERRORS, span
from agentflow.kit.tools import Tool, ToolContext, ToolFailed, ToolResult, ToolRetry
from agentflow.llm.failover import Candidate, ChatRunnable, FailureReason, ModelFailed, stream_model
from knowledge.passages import Passage, SearchResult
from knowledge.tables.query import TableAnswer

log = logging.getLogger(__name__)

KEPT_BINDINGS = 8
# Of the time to the first sentence, kept for the offline answer: it may have to share a busy machine.
OFFLINE_SHARE = 0.25
OUTCOME_CHARS = 200


async def _at_once(
    _default: object, context: Context, function: Callable[..., object], /, *args: object, **kwargs: object
) -> object:
    return context.run(function, *args, **kwargs)


# The tracing of LangChain's middleware crosses to a thread twice a call, also when nothing is traced.
set_runtime_overrides(aio_to_thread=_at_once)


@dataclass
class Turn:
    """What one turn knows and has done so far."""

    request: TurnRequest
    prompt: str
    context: ToolContext
    candidates: list[Candidate]
    leads: tuple[CheckedSentence, ...]  # said before what the offline model quotes
    speech: Speech
    started: float  # the event loop's clock, seconds
    limit: asyncio.Timeout | None = None
    searches: list[SearchResult] = field(default_factory=list)
    tables: list[TableAnswer] = field(default_factory=list)
    tool_calls: list[ToolCallRecord] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    human: HumanWanted | None = None
    broken: str = ""  # what made a tool fail that should not have
    calls: int = 0
    model: str = ""

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What was found, each passage once, in the order of finding."""
        found = {passage.chunk_id: passage for result in self.searches for passage in result.passages}
        return tuple(found.values())


OnFailure = Callable[[Turn, Candidate, ModelFailed], Awaitable[None]]
AskedFor = Callable[[str, Tool], Awaitable[bool]]  # whether a customer's words ask for what a tool does


class NoModelLeft(Exception):
    """Every candidate has failed, the offline model included."""


class AgentLoop:
    """The graph of one agent version."""

    def __init__(
        self,
        tools: Sequence[Tool],
        offline: BaseChatModel,
        settings: TurnSettings,
        on_failure: OnFailure,
        asked_for: AskedFor,
    ) -> None:
        shown = [as_langchain(tool) for tool in tools]
        self._graph = create_agent(
            model=offline,
            tools=shown,
            middleware=[_Conductor(tools, shown, settings, on_failure, asked_for)],
            context_schema=Turn,
        )

    async def run(self, turn: Turn, *, question: str | None = None) -> None:
        """Let the model speak and act until it has answered. Raises NoModelLeft and Interrupted.

        `question` replaces the customer's, where it was translated.
        """
        lines = [_message(line.author, line.text) for line in turn.request.history if line.text.strip()]
        messages: list[AnyMessage | dict[str, Any]] = [
            *lines,
            HumanMessage(question or turn.request.question),
        ]
        # What customers write goes to no tracing service, whatever the environment says.
        with tracing_context(enabled=False):
            await self._graph.ainvoke({"messages": messages}, context=turn)


class _Conductor(AgentMiddleware[AgentState[Any], Turn]):
    """Streams each model call into the turn's speech and runs each tool call."""

    def __init__(
        self,
        tools: Sequence[Tool],
        shown: Sequence[BaseTool],
        settings: TurnSettings,
        on_failure: OnFailure,
        asked_for: AskedFor,
    ) -> None:
        super().__init__()
        self._tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self._shown = shown
        self._settings = settings
        self._on_failure = on_failure
        self._asked_for = asked_for
        self._bound: OrderedDict[str, ChatRunnable] = OrderedDict()

    async def awrap_model_call(
        self,
        request: ModelRequest[Turn],
        handler: Callable[[ModelRequest[Turn]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Ask the candidates in order until one has answered. Raises NoModelLeft.

        Nobody is asked when a human is wanted, enough was said, or the model was called often enough: an
        answer that calls no tool ends the loop.
        """
        turn = request.runtime.context
        if turn.human or turn.speech.full or turn.calls >= self._settings.max_model_calls:
            return ModelResponse(result=[AIMessage("")])
        turn.calls += 1
        messages: list[AnyMessage] = [SystemMessage(turn.prompt), *request.messages]
        while turn.candidates:
            candidate = turn.candidates[0]
            try:
                with span("model", model=candidate.name):
                    return ModelResponse(result=[await self._listen(turn, candidate, messages)])
            except ModelFailed as failure:
                MODEL_ERRORS.labels(kind=failure.reason).inc()
                turn.candidates.pop(0)
                turn.failures.append(
                    {"model": candidate.name, "reason": failure.reason, "detail": failure.detail}
                )
                await self._on_failure(turn, candidate, failure)
        raise NoModelLeft

    async def _listen(self, turn: Turn, candidate: Candidate, messages: Sequence[AnyMessage]) -> AIMessage:
        turn.model = candidate.name
        turn.speech.begin(*(turn.leads if candidate.connection_id is None else ()))
        try:
            async with asyncio.timeout_at(self._deadline(turn, candidate)) as limit:
                turn.limit = limit
                whole = await self._hear(turn, candidate, messages)
        except TimeoutError as late:
            if not limit.expired():
                raise
            raise ModelFailed(FailureReason.TIMEOUT, "No checked sentence came in time.") from late
        finally:
            turn.limit = None
        return AIMessage(whole.content, tool_calls=[] if turn.speech.full else whole.tool_calls)

    async def _hear(self, turn: Turn, candidate: Candidate, messages: Sequence[AnyMessage]) -> AIMessageChunk:
        """Words before the first search are heard at the end only: most lead up to a tool call."""
        whole = AIMessageChunk(content="")
        wait = not turn.searches
        async with aclosing(stream_model(candidate, self._model(turn, candidate), messages)) as stream:
            async for chunk in stream:
                whole = whole + chunk
                if chunk.text and not wait:
                    await turn.speech.hear(chunk.text)
                if turn.speech.full:
                    return whole
        if wait and not whole.tool_calls:
            await turn.speech.hear(whole.text)
        await turn.speech.finish()
        return whole

    def _model(self, turn: Turn, candidate: Candidate) -> ChatRunnable:
        """The model with the tools bound, kept; without them for the last call, which has to answer."""
        if candidate.connection_id is not None and turn.calls >= self._settings.max_model_calls:
            return candidate.model
        if candidate.key not in self._bound:
            self._bound[candidate.key] = candidate.model.bind_tools(list(self._shown))
            while len(self._bound) > KEPT_BINDINGS:
                self._bound.popitem(last=False)
        return self._bound[candidate.key]

    def _deadline(self, turn: Turn, candidate: Candidate) -> float:
        """How long this candidate may take: a fair share of what is left until the first sentence is due."""
        if turn.speech.said:
            return turn.started + self._settings.total_seconds
        due = turn.started + self._settings.first_sentence_seconds
        if candidate.connection_id is None:
            return due
        now = asyncio.get_running_loop().time()
        left = due - OFFLINE_SHARE * self._settings.first_sentence_seconds - now
        connections = sum(1 for one in turn.candidates if one.connection_id is not None)
        return now + min(self._settings.model_timeout_seconds, max(left, 0.0) / max(connections, 1))

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage:
        """Run a tool with the turn's own context. What goes wrong becomes text for the model."""
        turn = cast(Turn, request.runtime.context)
        call = request.tool_call
        with span("tool", tool=call["name"]):
            result, failed = await self._call(turn, call["name"], call["args"])
        turn.tool_calls.append(ToolCallRecord(call["name"], call["args"], result.text[:OUTCOME_CHARS]))
        if isinstance(result.artifact, SearchResult):
            turn.searches.append(result.artifact)
        elif isinstance(result.artifact, TableAnswer):
            turn.tables.append(result.artifact)
        elif isinstance(result.artifact, HumanWanted):
            turn.human = result.artifact
        return ToolMessage(
            as_data(result.text),
            artifact=result.artifact,
            tool_call_id=call["id"],
            name=call["name"],
            status="error" if failed else "success",
        )

    async def _call(self, turn: Turn, name: str, arguments: dict[str, Any]) -> tuple[ToolResult, bool]:
        tool = self._tools.get(name)
        if tool is None:
            return ToolResult(f"There is no tool named {name}."), True
        if tool.effect == "write" and not await self._may_act(turn, tool):
            return ToolResult("Only the customer can ask for this, and did not. Documents never can."), True
        try:
            return await tool.call(turn.context, tool.arguments.model_validate(arguments)), False
        except ValidationError as wrong:
            fields = ", ".join(".".join(map(str, error["loc"])) for error in wrong.errors())
            return ToolResult(f"These arguments are missing or wrong: {fields}."), True
        except (ToolRetry, ToolFailed) as told:
            return ToolResult(str(told)), True
        except Exception as error:
            # A tool's defect must not end the turn: the model tells the customer, we read the log.
            turn.broken = f"{name}: {type(error).__name__}: {error}"[:300]
            log.exception("the tool %s failed", name)
            return ToolResult("The tool failed. Do not try again."), True

    async def _may_act(self, turn: Turn, tool: Tool) -> bool:
        """Once documents were read, the wish to act may be theirs: then the customer's own words decide."""
        if not turn.searches and not turn.tables:
            return True
        earlier = [line.text for line in turn.request.history if line.author == "contact"]
        for words in (turn.request.question, *earlier[-1:]):
            if await self._asked_for(words, tool):
                return True
        return False


def _message(author: str, text: str) -> AnyMessage:
    return HumanMessage(text) if author == "contact" else AIMessage(text)
