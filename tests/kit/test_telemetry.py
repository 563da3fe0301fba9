"""Spans nest and fail as their blocks do; metrics appear under their names."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentflow.kit import telemetry
from agentflow.kit.telemetry import TURNS, render_metrics, span


def test_that_spans_nest_carry_attributes_and_mark_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))

    def work() -> None:
        with span("turn", attempt=1), span("search", passages=10):
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    search, turn = exporter.get_finished_spans()
    assert (search.name, turn.name) == ("search", "turn")
    assert search.parent is not None
    assert turn.context is not None
    assert search.parent.span_id == turn.context.span_id
    assert dict(search.attributes or {}) == {"passages": 10}
    assert not turn.status.is_ok
    assert not trace.get_current_span().get_span_context().is_valid


def test_that_metrics_are_served_as_text() -> None:
    TURNS.labels("reply").inc()
    body, content_type = render_metrics()
    assert content_type.startswith("text/plain")
    assert b'agentflow_turns_total{action="reply"}' in body
