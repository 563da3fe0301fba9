"""The chat model without a key and without a network: it plans by examples and answers by quoting.

A real LangChain chat model, so the runtime has no special case for it. It greets, asks for a missing detail,
calls tools, and answers from the SearchResult that `search_knowledge` leaves as the tool message's artifact.
It writes no sentence of its own beside the catalogue's and cannot see a false premise about a known topic.
When the knowledge holds no answer it says nothing: an empty message with metadata {"no_answer": True}.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, PrivateAttr

from agentflow.llm import slots
from agentflow.llm.extractive import best_sentences
from agentflow.llm.follow_ups import about_another
from agentflow.llm.needs import only_named, read_need, recommend
from agentflow.llm.planning import (
    HAND_OFF,
    SEARCH,
    TABLES,
    Planner,
    is_follow_up,
    points_back,
    small_talk,
    with_context,
)
from agentflow.llm.table_plans import MAX_CELLS, SURE, SURE_OF_OTHERS, Plan, plan
from crm.teams import texts
from knowledge.embedding import Embedder
from knowledge.passages import SearchResult
from knowledge.ranking import dense_share
from knowledge.tables.lines import lines
from knowledge.tables.query import TableAnswer, TableQuery

NAME = "offline"
DEFAULT_SENTENCES = 4
MAX_SENTENCES = 6  # quoted ones; more would be a reading list
NO_ANSWER = {"no_answer": True}
# How the system prompt states the two settings this model needs (agents/prompt.py).
_LENGTH = re.compile(r"^- Length: .*?at most (\d+) sentences", re.MULTILINE)
_PROFILE = re.compile(r"^# The customer\n.*?^<<<data\n(.*?)\ndata>>>$", re.MULTILINE | re.DOTALL)
_LANGUAGE = re.compile(r"^- Language: (?:the one with ISO 639-1 code )?([A-Za-z]+)", re.MULTILINE)
_LANGUAGES = {"Dutch": "nl", "English": "en", "German": "de", "Spanish": "es", "French": "fr"}


class BoundTool(BaseModel):
    """A tool as the model sees it: its schema and the utterances that should lead to it."""

    model_config = ConfigDict(frozen=True)

    name: str
    parameters: dict[str, Any]
    examples: tuple[str, ...] = ()


class OfflineChatModel(BaseChatModel):
    """Plans by example utterances and answers extractively.

    `answer_sentences` caps the quoted sentences; without it the system prompt's length line does.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    embedder: Any  # an Embedder; pydantic cannot check a protocol
    answer_sentences: int | None = None
    tools: tuple[BoundTool, ...] = ()
    forced: bool = False  # the caller wants a tool call, whatever was said
    planner: Planner | None = None
    _plan: Planner = PrivateAttr()

    def model_post_init(self, context: object, /) -> None:
        """Share one planner, and its vectors, among all bound copies."""
        super().model_post_init(context)
        self._plan = self.planner or Planner(self.embedder)

    @property
    def _llm_type(self) -> str:
        return NAME

    @property
    def _identifying_params(self) -> Mapping[str, object]:
        embedder: Embedder = self.embedder
        return {"model": NAME, "embedder": embedder.fingerprint}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **_kwargs: object,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """A copy that may call `tools`; examples are read from a tool's metadata."""
        bound = tuple(_bound(tool) for tool in tools)
        chosen = tuple(tool for tool in bound if tool.name == tool_choice)
        return OfflineChatModel(
            embedder=self.embedder,
            answer_sentences=self.answer_sentences,
            tools=chosen or bound,
            forced=bool(chosen) or tool_choice in ("any", "required", "tool"),
            planner=self._plan,
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return await asyncio.to_thread(self._generate, messages, stop)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages)):
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(await asyncio.to_thread(self._reply, messages)):
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    def _reply(self, messages: Sequence[BaseMessage]) -> AIMessage:
        said = [message.text for message in messages if isinstance(message, HumanMessage)]
        message = said[-1].strip() if said else ""
        prompt = "\n".join(one.text for one in messages if isinstance(one, SystemMessage))
        language = _language(prompt)
        last = messages[-1] if messages else None
        if isinstance(last, ToolMessage) and not self.forced:
            return self._after(messages, last, with_context(message, said[:-1]), prompt)
        if self.forced:
            return self._call(self.tools[0], message, language, ask=False)
        if not message:
            return _nothing()
        if talk := small_talk(message):
            return AIMessage(texts.text(f"{talk}_reply", language))
        return self._act(messages, message, said[:-1], language)

    def _act(
        self, messages: Sequence[BaseMessage], message: str, earlier: Sequence[str], language: str
    ) -> AIMessage:
        tools = {tool.name: tool for tool in self.tools}
        if (asked := self._asked_for(messages)) and earlier:
            return self._call(asked, f"{earlier[-1]} {message}", language)
        chosen = self._plan.tool_for(message, {name: tool.examples for name, tool in tools.items()})
        if chosen is not None:
            return self._call(tools[chosen], message, language)
        if SEARCH in tools:
            return self._call(tools[SEARCH], with_context(message, earlier), language)
        return _nothing()

    def _asked_for(self, messages: Sequence[BaseMessage]) -> BoundTool | None:
        """The tool whose missing detail was asked for in the message before the customer's last one."""
        before = messages[-2] if len(messages) > 1 else None
        if not isinstance(before, AIMessage) or not before.text:
            return None
        for tool in self.tools:
            for name in tool.parameters.get("required", ()):
                slot = slots.label(tool.parameters, name)
                if any(
                    texts.text("ask_missing", language, slot=slot) in before.text
                    for language in texts.languages()
                ):
                    return tool
        return None

    def _call(self, tool: BoundTool, message: str, language: str, *, ask: bool = True) -> AIMessage:
        """The call, or the question for what it still needs."""
        arguments = slots.fill(tool.parameters, message, language)
        if ask and (lacking := slots.missing(tool.parameters, arguments)):
            slot = slots.label(tool.parameters, lacking[0])
            return AIMessage(texts.text("ask_missing", language, slot=slot))
        call = tool_call(name=tool.name, args=dict(arguments), id=f"call_{uuid.uuid4().hex[:12]}")
        return AIMessage("", tool_calls=[call])

    def _after(
        self, messages: Sequence[BaseMessage], last: ToolMessage, question: str, prompt: str
    ) -> AIMessage:
        """What follows a tool's result: a question to a table, its answer, or sentences of the passages."""
        if last.name == TABLES:
            if isinstance(last.artifact, TableAnswer) and last.artifact.total:
                return AIMessage("\n".join(lines(last.artifact, _language(prompt))))
            searches = [
                one.artifact for one in messages if isinstance(one, ToolMessage) and one.name == SEARCH
            ]
            return self._answer(searches[-1] if searches else None, question, prompt)
        if isinstance(last.artifact, SearchResult) and any(tool.name == TABLES for tool in self.tools):
            asked, said = _last_words(messages)
            need = read_need(asked[-1], asked[:-1]) if asked else None
            fitting = recommend(need, said, last.artifact, self.embedder, _profile(prompt)) if need else None
            if fitting is not None:
                return _query_table(fitting.query) if fitting.query else _nothing()
            if asked and points_back(asked[-1]) and (name := only_named(last.artifact.tables, said)):
                question = f"{name} {asked[-1]}"
            planned = _of_another(asked, last.artifact) or plan(
                question, last.artifact.tables, _sure(last.artifact)
            )
            if planned is not None:
                return _query_table(planned.query)
        return self._answer(None if last.name == HAND_OFF else last.artifact, question, prompt)

    def _answer(self, found: object, question: str, prompt: str) -> AIMessage:
        if not isinstance(found, SearchResult) or not found.known:
            return _nothing()
        embedder: Embedder = self.embedder
        share = dense_share(embedder.foreignness(question))
        lines = best_sentences(found, question, number=self._sentences(prompt), dense_share=share)
        # A line each: a table row has no full stop, and the next sentence must not run into it.
        return AIMessage("\n".join(lines)) if lines else _nothing()

    def _sentences(self, prompt: str) -> int:
        if self.answer_sentences is not None:
            return self.answer_sentences
        match = _LENGTH.search(prompt)
        return min(int(match[1]), MAX_SENTENCES) if match else DEFAULT_SENTENCES


def _last_words(messages: Sequence[BaseMessage]) -> tuple[list[str], str]:
    """All that the customer said, and what the agent said last."""
    spoken = [one.text for one in messages if isinstance(one, AIMessage) and one.text.strip()]
    return [one.text for one in messages if isinstance(one, HumanMessage)], spoken[-1] if spoken else ""


def _of_another(asked: Sequence[str], found: SearchResult) -> Plan | None:
    """What "And the chair?" asks a table, behind what it was asked of another row."""
    if len(asked) < 2 or not is_follow_up(asked[-1]):
        return None
    fit = [table for table in found.tables if table.size <= MAX_CELLS]
    plans = (
        plan(question, [table], _sure(found)) for table in fit for question in about_another(asked, table)
    )
    return next((planned for planned in plans if planned), None)


def _query_table(query: TableQuery) -> AIMessage:
    arguments = query.model_dump(exclude_defaults=True)
    return AIMessage(
        "", tool_calls=[tool_call(name=TABLES, args=arguments, id=f"call_{uuid.uuid4().hex[:12]}")]
    )


def _sure(found: SearchResult) -> float:
    """How sure a plan over a table has to be beside what was found."""
    is_row = any(passage.row is not None for passage in found.passages[:1])
    return SURE if found.known and is_row else SURE_OF_OTHERS


def _nothing() -> AIMessage:
    return AIMessage("", response_metadata=dict(NO_ANSWER))


def _profile(prompt: str) -> list[str]:
    """What the business keeps about the customer, a value each."""
    match = _PROFILE.search(prompt)
    return [line.partition(": ")[2] for line in match[1].splitlines()] if match else []


def _language(prompt: str) -> str:
    match = _LANGUAGE.search(prompt)
    return _LANGUAGES.get(match[1], match[1]) if match else "en"


def _bound(tool: dict[str, Any] | type | Callable[..., Any] | BaseTool) -> BoundTool:
    function = convert_to_openai_tool(tool)["function"]
    parameters, examples = function.get("parameters", {}), ()
    if isinstance(tool, BaseTool):
        examples = (tool.metadata or {}).get("examples", ())
        if isinstance(tool.args_schema, type) and issubclass(tool.args_schema, BaseModel):
            parameters = tool.args_schema.model_json_schema()  # with titles, by which slots are asked for
    return BoundTool(name=function["name"], parameters=parameters, examples=tuple(map(str, examples)))


def _chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """The message as a stream: tool calls in one piece, text line by line."""
    calls = [
        tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
        for index, call in enumerate(message.tool_calls)
    ]
    lines = message.text.splitlines(keepends=True)
    for line in lines[:-1]:
        yield ChatGenerationChunk(message=AIMessageChunk(content=line))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content=lines[-1] if lines else "",
            tool_call_chunks=calls,
            response_metadata=message.response_metadata,
            chunk_position="last",
        )
    )
