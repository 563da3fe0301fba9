"""The log: one line an event, as text or JSON, with secrets taken out whatever wrote them."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from opentelemetry import trace

from agentflow.kit.settings import Settings

_GONE = "[removed]"
_NAMES = r"(?:api[_-]?key|password|passwd|secret|token|authorization|cookie|credential|signature|fernet|csrf)"
_SCRUBS = (
    # user:password@ in any URL, also a database's
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), rf"\1{_GONE}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {_GONE}"),
    # name=value, "name": "value", name: value, and the same in a query string
    (
        re.compile(
            rf"([\w-]*{_NAMES}[\w-]*[\"']?\s*[=:]\s*)(?!\d{{1,6}}\b)(\"[^\"]*\"|'[^']*'|[^\s,;&\"'}}\])]+)",
            re.IGNORECASE,
        ),
        rf"\1{_GONE}",
    ),
    (re.compile(r"\b(?:sk|pk|rk|key|xox[abp]|gh[opsu])[-_][A-Za-z0-9_-]{16,}"), _GONE),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), _GONE),  # JSON web tokens
    (re.compile(r"(?<![\w-])[A-Za-z0-9_-]{43}=(?!=)"), _GONE),  # Fernet keys: 32 bytes in base64
    (re.compile(r"\bgAAAA[\w-]{20,}={0,2}"), _GONE),  # what Fernet encrypted
)
_OURS = ("agentflow", "knowledge", "channels", "crm")


def scrub(text: str) -> str:
    """The text without keys, tokens, passwords and credentials in addresses."""
    for pattern, replacement in _SCRUBS:
        text = pattern.sub(replacement, text)
    return text


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every logger of this process through one scrubbing handler, to standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings.log_json else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries speak up only when something is wrong
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())
