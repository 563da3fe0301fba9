"""Text that a database cannot hold is refused, on both stores."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.live import LiveApp


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
