"""Text that a database cannot hold is refused, on both stores."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from agentflow.api.errors import FORMS
from tests.e2e.live import LiveApp


def patterns(shape: object) -> Iterator[str]:
    """Every pattern in a schema."""
    if isinstance(shape, dict):
        if isinstance(shape.get("pattern"), str):
            yield shape["pattern"]
        yield from (found for part in shape.values() for found in patterns(part))
    elif isinstance(shape, list):
        yield from (found for part in shape for found in patterns(part))


def test_that_every_pattern_is_said_in_words(live_app: LiveApp) -> None:
    assert set(patterns(live_app.call("GET", "/api/openapi.json")[1])) == set(FORMS)
    _, problem = live_app.api("POST", "/labels", {"name": "red", "colour": "reddish"})
    assert problem["detail"] == "body.colour: This must be a colour as #rrggbb, such as #1e8449."


@pytest.mark.timeout(180)
def test_that_text_that_cannot_be_stored_is_no_fault_of_ours(fresh_app: LiveApp) -> None:
    fresh_app.start()
    headers = {"Authorization": f"Bearer {fresh_app.api_key}", "Content-Type": "application/json"}
    for text in (rb"half a pair \ud800", rb"a nul \u0000"):
        answer = httpx.post(
            f"{fresh_app.url}/api/v1/knowledge-bases", content=b'{"name": "%s"}' % text, headers=headers
        )
        # SQLite holds a NUL, PostgreSQL does not.
        expected = {201, 422} if text.endswith(b"0000") else {422}
        assert answer.status_code in expected, (text, answer.text)
        if answer.status_code == 422:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "invalid_input"
