"""No secret reaches the log, and everything else does."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from agentflow.kit.logging import scrub, set_up_logging
from agentflow.kit.settings import Settings

SECRET = "s3cr3t-V4lue_0987654321zyx"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {base64.b64encode(SECRET.encode()).decode()}",
        f'{{"api_key": "{SECRET}", "a": 1}}',
        f"{{'password': '{SECRET}'}}",
        f"OPENAI_API_KEY={SECRET}",
        f"AGENTFLOW_MAIL__PASSWORD={SECRET} AGENTFLOW_PORT=8000",
        f"GET https://api.example.com/x?a=1&access_token={SECRET}&b=2",
        f"postgresql+psycopg://agent:{SECRET}@db.internal:5432/agentflow",
        f"https://{SECRET}@example.com/",
        f"X-Api-Key: {SECRET}",
        f"Set-Cookie: session={SECRET}",
        f"the key is sk-{SECRET}",
        f"client_secret: {SECRET}",
        f"X-Hub-Signature-256: sha256={SECRET}",
    ],
)
def test_that_secrets_are_taken_out(line: str) -> None:
    cleaned = scrub(line)
    assert SECRET not in cleaned
    assert base64.b64encode(SECRET.encode()).decode() not in cleaned
    assert "[removed]" in cleaned


@given(st.binary(min_size=32, max_size=32))
def test_that_encryption_keys_and_encrypted_texts_are_taken_out(raw: bytes) -> None:
    key = base64.urlsafe_b64encode(raw).decode()
    encrypted = Fernet(key).encrypt(b"text").decode()
    assert key not in scrub(f"loaded {key} from disk")
    assert encrypted not in scrub(f"cannot read {encrypted}!")


@pytest.mark.parametrize(
    "line",
    [
        "job turn:msg_0190f3b2c1d47a6e8b9a0c1d2e3f4a5b of a dead worker is adopted",
        "GET /api/v1/conversations 200 in 12 ms",
        "the source src_1 is ready: 12 passages, 3 pages",
        "https://example.com/page?lang=nl#top",
        "3 tokens left in the bucket",
        "asking with max_tokens=512",
    ],
)
def test_that_other_lines_stay_as_they_are(line: str) -> None:
    assert scrub(line) == line


@pytest.mark.parametrize("as_json", [False, True])
def test_that_messages_arguments_and_tracebacks_are_scrubbed(settings: Settings, as_json: bool) -> None:
    stream = io.StringIO()
    set_up_logging(settings.model_copy(update={"log_json": as_json}), stream)
    log = logging.getLogger("agentflow.test")
    try:
        os.stat(f"/nowhere?token={SECRET}")
    except OSError:
        log.exception("calling with %s", f"password={SECRET}")
    log.debug("not shown")
    written = stream.getvalue()
    assert SECRET not in written
    assert "not shown" not in written
    assert "FileNotFoundError" in written
    if as_json:
        lines = [json.loads(line) for line in written.splitlines()]
        assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
            ("ERROR", "agentflow.test", "calling with password=[removed]")
        ]
    else:
        assert "agentflow.test: calling with password=[removed]" in written
