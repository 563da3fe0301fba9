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
from dataclasses import replace
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
from channels import ChannelAccount
from channels import service as channels
from channels.messages import EventKind, InboundEvent
from channels.outbox import Sender
from crm.inbox import service as inbox
from crm.inbox.schemas import Recorded
from evals.performance.measuring import quantile, table, temporary_application
from knowledge import service as knowledge
from knowledge.models import SourceState

ROUNDS = 40
WARM_UP = 5  # the first ones fill caches
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
    asyncio.run(_measure())


async def _measure() -> None:
    async with temporary_application(jobs=False) as app:
        await _prepare(app)
        whole, bare = await _turns(app)
        shares = await _shares(app)
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


class _Noting(Sender):
    """Notes when a stored answer is handed to it, and sends it."""

    handed_over = 0.0

    async def send(self, outbox_id: str) -> None:
        """Send one row."""
        self.handed_over = time.perf_counter()
        await super().send(outbox_id)


async def _turns(app: Application) -> tuple[list[float], list[float]]:
    """Seconds of each turn, and of the bare parts with its question. Nothing is traced, as by default."""
    account, base = await _site(app)
    agent = _bare_agent()
    sender = _Noting(app.db, app.channels, inbox.may_send, inbox.note_end)
    desk = replace(app.desk, sender=sender)
    whole: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS + WARM_UP):
        question = QUESTIONS[number % len(QUESTIONS)]
        recorded = await _record(app, account, f"m{number}", question)
        began = time.perf_counter()
        await turn.answer(desk, recorded.conversation_id, recorded.seq)
        whole.append(sender.handed_over - began)
        began = time.perf_counter()
        await app.searcher.search(account.workspace_id, base, question)
        await agent.ainvoke({"messages": [HumanMessage(question)]})
        bare.append(time.perf_counter() - began)
    return whole[WARM_UP:], bare[WARM_UP:]


async def _shares(app: Application) -> Mapping[str, list[float]]:
    """Seconds of each span by its name, in turns that are traced."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    account, _ = await _site(app)
    shares: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS):
        recorded = await _record(app, account, f"t{number}", QUESTIONS[number % len(QUESTIONS)])
        exporter.clear()
        await turn.answer(app.desk, recorded.conversation_id, recorded.seq)
        for name, seconds in _by_name(exporter).items():
            shares[name].append(seconds)
    return shares


async def _site(app: Application) -> tuple[ChannelAccount, str]:
    async with app.db.read() as session:
        account = await channels.get_account_by_ref(session, "livechat", demo.SITE)
        bases = await knowledge.list_knowledge_bases(session, account.workspace_id)
    return account, bases[0].id


async def _record(app: Application, account: ChannelAccount, key: str, question: str) -> Recorded:
    """A first message of a new visitor, whose session began the conversation as the live chat does."""
    event = InboundEvent(
        kind=EventKind.MESSAGE,
        channel=account.channel,
        account_ref=account.ref,
        dedupe_key=key,
        contact_ref=f"visitor-{key}",
        provider_ts=app.db.clock.now(),
        text=question,
    )
    async with app.db.transaction() as session:
        await inbox.open_conversation(session, account, event.contact_ref, locale="en")
        return await inbox.record(session, account, event)


def _by_name(exporter: InMemorySpanExporter) -> Mapping[str, float]:
    parts: dict[str, float] = defaultdict(float)
    for span in exporter.get_finished_spans():
        if span.name != "turn" and span.start_time and span.end_time:
            parts[span.name] += (span.end_time - span.start_time) / 1e9
    return parts


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
    waits = [await asyncio.to_thread(ask, port, number) for number in range(HTTP_ROUNDS)]
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


def ask(port: int, number: int) -> float:
    """Seconds from a question to its first sentence, in a conversation of its own."""
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
