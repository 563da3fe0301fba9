"""What operators see: one trace for one turn, health, readiness and metrics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentflow import bootstrap
from agentflow.api.app import create_app
from agentflow.cli import demo
from agentflow.kit import telemetry
from agentflow.kit.settings import Settings
from tests.e2e.live import LiveApp

QUESTION = "How many days do I have to return an item?"
SENT = 'agentflow_sends_total{channel="livechat",state="sent"}'
PARTS = {"record", "search", "model", "tool", "check", "send"}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Every span of this process from here on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    return exporter


@pytest.fixture
async def client(tmp_path: Path, exporter: InMemorySpanExporter) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application in this process, as `agentflow serve` puts it together."""
    settings = Settings.model_validate({"home": tmp_path / "home"})
    async with bootstrap.start(settings) as application:
        made = await demo.make(application)
        assert made is not None
        app = create_app(settings, lambda: nullcontext(application))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as client:
                client.headers["Authorization"] = f"Bearer {made.api_key}"
                await wait_for_knowledge(client)
                yield client


async def wait_for_knowledge(client: httpx.AsyncClient) -> None:
    base = (await client.get("/api/v1/knowledge-bases")).json()["items"][0]["id"]
    while True:
        page = (await client.get(f"/api/v1/knowledge-bases/{base}/sources")).json()
        if all(source["state"] == "ready" for source in page["items"]):
            return
        await asyncio.sleep(0.1)


async def ask(client: httpx.AsyncClient) -> str:
    """One question of a new visitor; returns the answer's text."""
    visit = (await client.post("/widget/v1/demo/sessions", json={})).json()
    token = {"Authorization": f"Bearer {visit['token']}"}
    body = {"client_msg_id": "1", "type": "text", "text": QUESTION}
    sent = await client.post("/widget/v1/messages", json=body, headers=token)
    assert sent.status_code == 200
    cursor = 0
    while True:
        page = await client.get(f"/widget/v1/events?cursor={cursor}&wait=10", headers=token)
        for event in page.json()["events"]:
            if event["kind"] == "message" and event["payload"]["role"] == "agent":
                return str(event["payload"]["text"])
        cursor = page.json()["cursor"]


async def closed_turn(exporter: InMemorySpanExporter) -> None:
    """The answer is out before its trace is closed."""
    for _ in range(200):
        if any(span.name == "turn" for span in exporter.get_finished_spans()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the turn did not end")


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


async def test_that_one_turn_is_one_trace(client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    exporter.clear()
    assert "30 days" in await ask(client)
    await closed_turn(exporter)
    spans = [span for span in exporter.get_finished_spans() if span.name in PARTS | {"turn"}]
    assert {span.name for span in spans} == PARTS | {"turn"}
    assert len({trace_of(span) for span in spans}) == 1
    assert [span.name for span in spans if span.parent is None] == ["record"]
    assert all(span.status.is_ok or span.status.status_code.name == "UNSET" for span in spans)
    exporter.clear()
    await ask(client)
    assert trace_of(exporter.get_finished_spans()[0]) != trace_of(spans[0])


def test_that_a_running_server_is_healthy_and_ready(live_app: LiveApp) -> None:
    assert live_app.call("GET", "/healthz") == (200, {"status": "ok"})
    assert live_app.call("GET", "/readyz") == (200, {"status": "ready"})


def test_that_metrics_count_turns_requests_and_sends(live_app: LiveApp) -> None:
    before = metric(live_app, 'agentflow_turns_total{action="reply"}')
    visitor = live_app.visit()
    visitor.say(QUESTION, "metrics")
    visitor.wait_for_answer()
    after = metric(live_app, 'agentflow_turns_total{action="reply"}')
    assert after == before + 1
    live_app.wait_until(lambda: metric(live_app, SENT) >= 1, 10)
    assert metric(live_app, "agentflow_first_sentence_seconds_count") >= 1
    assert metric(live_app, "agentflow_ingest_seconds_count") >= 3
    seen = 'agentflow_http_seconds_count{{method="{}",route="{}",status="{}"}}'
    assert metric(live_app, seen.format("POST", "/widget/v1/messages", 200)) >= 1
    assert live_app.api("GET", "/agents/agt_nobody")[0] == 404
    assert metric(live_app, seen.format("GET", "/api/v1/agents/{agent_id}", 404)) >= 1
    assert live_app.call("GET", "/api/v1/nothing")[0] == 404
    assert metric(live_app, seen.format("GET", "unmatched", 404)) >= 1
    text = live_app.call("GET", "/metrics")[1]
    assert QUESTION not in text
    assert visitor.conversation_id not in text


def metric(app: LiveApp, name: str) -> float:
    """A sample's value; 0 before it was ever counted."""
    text = str(app.call("GET", "/metrics")[1])
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
