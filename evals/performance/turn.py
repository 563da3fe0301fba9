"""What one offline turn costs, part by part, against the bare parts in the same run.

The turn: `turn.answer` with the real runner, index and database, from the job's start to the commit that
stores the answer and its outbox row; sending comes after. Spans overlap: `tool` holds `search`.
The reference: embed the question, search the index, and run a bare agent loop with one tool. Aim: at most 3
times. Beside it, with the durable engine and HTTP: question sent to first sentence. Aim: median at most 1 s.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import uvicorn
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.graph.state import CompiledStateGraph
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentflow import turn
from agentflow.api.app import create_app
from agentflow.bootstrap import Application
from agentflow.cli import demo
from channels import service as channels
from channels.messages import EventKind, InboundEvent
from crm.inbox import service as inbox
from evals.performance.measuring import quantile, table, temporary_application
from knowledge import service as knowledge
from knowledge.models import SourceState

ROUNDS = 40
HTTP_ROUNDS = 15
QUESTIONS = (
    "How long do I have to return something?",
    "What does standard delivery within the Netherlands cost?",
    "When is the shop in Haarlem open?",
    "How long is the warranty on a lamp?",
    "What does the Dune floor lamp cost?",
)


def main() -> None:
    """Print the tables."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    asyncio.run(_measure(exporter))


async def _measure(exporter: InMemorySpanExporter) -> None:
    async with temporary_application(jobs=False) as app:
        await _prepare(app)
        whole, bare, shares = await _turns(app, exporter)
    parts = [(name, f"{1000 * quantile(times, 0.5):.1f}") for name, times in sorted(shares.items())]
    ratio = quantile(whole, 0.5) / quantile(bare, 0.5)
    table(
        f"one offline turn (ms, median of {ROUNDS})",
        [
            ("", "ms"),
            ("turn: job start to outbox commit", f"{1000 * quantile(whole, 0.5):.1f}"),
            *((f"  {name}", value) for name, value in parts),
            ("bare embed + search + agent loop", f"{1000 * quantile(bare, 0.5):.1f}"),
            ("ratio", f"{ratio:.2f} (aim 3)"),
        ],
    )
    async with temporary_application(jobs=True) as app:
        await _prepare(app)
        await _http(app)


async def _prepare(app: Application) -> None:
    await demo.make(app)
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, "livechat", demo.SITE)
        bases = await knowledge.list_knowledge_bases(session, account.workspace_id)
    while True:
        async with app.db.read() as session:
            sources = await knowledge.list_sources(session, account.workspace_id, bases[0].id)
        waiting = [source for source in sources if source.state is not SourceState.READY]
        if not waiting:
            return
        for source in waiting:
            if app.jobs is None:
                await app.ingest(source.id, source.version)
        await asyncio.sleep(0.05)


async def _turns(
    app: Application, exporter: InMemorySpanExporter
) -> tuple[list[float], list[float], Mapping[str, list[float]]]:
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, "livechat", demo.SITE)
        base = (await knowledge.list_knowledge_bases(session, account.workspace_id))[0].id
    agent = _bare_agent()
    whole: list[float] = []
    bare: list[float] = []
    shares: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 5):
        question = QUESTIONS[number % len(QUESTIONS)]
        event = InboundEvent(
            kind=EventKind.MESSAGE,
            channel=account.channel,
            account_ref=account.ref,
            dedupe_key=f"m{number}",
            contact_ref=f"visitor-{number}",
            provider_ts=app.db.clock.now(),
            text=question,
        )
        async with app.db.transaction() as session:
            recorded = await inbox.record(session, account, event)
        exporter.clear()
        await turn.answer(app.desk, recorded.conversation_id, recorded.seq)
        took, parts = _times(exporter)
        began = time.perf_counter()
        await app.searcher.search(account.workspace_id, base, question)
        await agent.ainvoke({"messages": [HumanMessage(question)]})
        reference = time.perf_counter() - began
        if number >= 5:  # the first ones warm caches up
            whole.append(took)
            bare.append(reference)
            for name, seconds in parts.items():
                shares[name].append(seconds)
    return whole, bare, shares


def _times(exporter: InMemorySpanExporter) -> tuple[float, dict[str, float]]:
    """Seconds from the turn's start to the commit that stores its answer, and of each span by its name."""
    spans = exporter.get_finished_spans()
    begun = next(span.start_time for span in spans if span.name == "turn")
    stored = next(span.end_time for span in spans if span.name == "store")
    assert begun is not None
    assert stored is not None
    parts: dict[str, float] = defaultdict(float)
    for span in spans:
        if span.name != "turn" and span.start_time and span.end_time:
            parts[span.name] += (span.end_time - span.start_time) / 1e9
    return (stored - begun) / 1e9, parts


@tool
def look_up(query: str) -> str:
    """Look something up."""
    return query


class _Scripted(GenericFakeChatModel):
    def bind_tools(self, *_tools: object, **_options: object) -> _Scripted:
        return self


def _bare_agent() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Calls the tool, then ends, for ever."""
    call = {"name": "look_up", "args": {"query": "x"}, "id": "1", "type": "tool_call"}
    script = cycle([AIMessage(content="", tool_calls=[call]), AIMessage(content="done")])
    return create_agent(_Scripted(messages=script), [look_up])


async def _http(app: Application) -> None:
    """A real server on loopback: question sent → first sentence event, in a fresh conversation each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    @asynccontextmanager
    async def running() -> AsyncIterator[Application]:
        yield app

    config = uvicorn.Config(create_app(app.settings, running), port=port, log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.02)
    waits = [await asyncio.to_thread(_ask, port, number) for number in range(HTTP_ROUNDS)]
    server.should_exit = True
    await serving
    table(
        f"live chat over HTTP with the durable engine (ms, {HTTP_ROUNDS} conversations)",
        [
            ("question sent to first sentence", "ms"),
            ("median", f"{1000 * quantile(waits, 0.5):.0f} (aim 1000)"),
            ("p95", f"{1000 * quantile(waits, 0.95):.0f}"),
        ],
    )


def _ask(port: int, number: int) -> float:
    base = f"http://127.0.0.1:{port}/widget/v1"
    visit = _post(f"{base}/demo/sessions", {"locale": "en"}, None)
    token = visit["token"]
    began = time.perf_counter()
    _post(
        f"{base}/messages",
        {"client_msg_id": f"b{number}", "type": "text", "text": QUESTIONS[number % len(QUESTIONS)]},
        token,
    )
    cursor = 0
    while True:
        request = urllib.request.Request(f"{base}/events?cursor={cursor}&wait=5")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            page = json.load(answer)
        cursor = page["cursor"]
        if any(_is_answer(event) for event in page["events"]):
            return time.perf_counter() - began


def _is_answer(event: Mapping[str, object]) -> bool:
    payload = event["payload"]
    assert isinstance(payload, dict)
    return event["kind"] == "sentence" or (event["kind"] == "message" and payload["role"] == "agent")


def _post(url: str, body: object, token: str | None) -> dict[str, str]:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, str] = json.load(answer)
        return found


if __name__ == "__main__":
    main()
