"""What operators watch: OpenTelemetry spans and Prometheus metrics, all named here.

Spans cost nothing until a process installs a tracer provider. Names and labels never hold customer data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, get_tracer
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

_tracer = get_tracer("agentflow")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

TURNS = Counter("agentflow_turns_total", "Finished turns", ["action"])
FIRST_SENTENCE = Histogram(
    "agentflow_first_sentence_seconds", "Answer begun to first sentence", buckets=_SECONDS
)
SENTENCES = Counter("agentflow_sentences_total", "Sentences drafted by a model", ["outcome"])
MODEL_ERRORS = Counter("agentflow_model_errors_total", "Failed model calls", ["kind"])
SENDS = Counter("agentflow_sends_total", "Outbox rows by the state they reached", ["channel", "state"])
SOURCES = Counter("agentflow_sources_total", "Sources by the state they reached", ["status"])
INGEST = Histogram(
    "agentflow_ingest_seconds", "One source, queued to ready", buckets=(1, 2, 5, 10, 30, 60, 120, 300)
)
HTTP = Histogram("agentflow_http_seconds", "HTTP requests", ["method", "route", "status"], buckets=_SECONDS)
JOBS = Counter("agentflow_jobs_total", "Job runs: done, failed, adopted or dead", ["name", "outcome"])


@contextmanager
def span(name: str, **attributes: str | int | float | bool) -> Iterator[Span]:
    """A span around a block; an exception marks it as failed and goes on. Jobs carry it to their workers."""
    with _tracer.start_as_current_span(name, attributes=attributes) as current:
        yield current


def render_metrics() -> tuple[bytes, str]:
    """The body and content type of `/metrics`."""
    return generate_latest(), CONTENT_TYPE_LATEST
