"""What operators watch: OpenTelemetry spans and Prometheus metrics, all named here.

Spans cost nothing until a process installs a tracer provider. Names and labels never hold customer data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    get_tracer,
    set_span_in_context,
)
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

_tracer = get_tracer("agentflow")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

TURNS = Counter("agentflow_turns_total", "Finished turns", ["action"])
FIRST_SENTENCE = Histogram(
    "agentflow_first_sentence_seconds", "Message recorded to first sentence", buckets=_SECONDS
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
def span(
    name: str,
    *,
    trace: str | None = None,
    started_ns: int | None = None,
    **attributes: str | int | float | bool,
) -> Iterator[Span]:
    """A span around a block; an exception marks it as failed and goes on.

    Spans given the same `trace` key share one trace, though a request and a job of another process made
    them. `started_ns` (nanoseconds since 1970) is for a block whose key is known only at its end.
    """
    context = _context_of(trace) if trace is not None else None
    with _tracer.start_as_current_span(
        name, context=context, start_time=started_ns, attributes=attributes
    ) as current:
        yield current


def _context_of(key: str) -> Context:
    """A remote parent whose ids are the first 128 and the next 64 bits of the key's SHA-256."""
    digest = hashlib.sha256(key.encode()).digest()
    parent = SpanContext(
        trace_id=int.from_bytes(digest[:16]),
        span_id=int.from_bytes(digest[16:24]),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(parent))


def render_metrics() -> tuple[bytes, str]:
    """The body and content type of `/metrics`."""
    return generate_latest(), CONTENT_TYPE_LATEST
