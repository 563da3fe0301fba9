"""The widget's limits, on a server whose limits a test can reach."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.test_livechat import Stream, send
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp, Visitor

STRICT = {
    "AGENTFLOW_LIVECHAT__MESSAGES_PER_MINUTE": "3",
    "AGENTFLOW_LIVECHAT__SESSIONS_PER_MINUTE": "4",
    "AGENTFLOW_LIVECHAT__TURNS_PER_DAY": "1",
    "AGENTFLOW_LIVECHAT__HEARTBEAT_SECONDS": "0.2",
    "AGENTFLOW_SERVER__TRUSTED_PROXIES": "1",
    "AGENTFLOW_SERVER__WRITES_PER_MINUTE": "5",
}


@pytest.fixture(scope="module")
def strict_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """A server with limits that a test can reach."""
    app = LiveApp(tmp_path_factory.mktemp("strict") / "home", launch=Forked).start(**STRICT)
    yield app
    app.stop()


def open_session(app: LiveApp, address: str) -> httpx.Response:
    return send(app, "POST", "/widget/v1/demo/sessions", {}, X_Forwarded_For=address, Origin=app.url)


def is_limited(answer: httpx.Response, app: LiveApp) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.json()["code"] == "too_many_requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["access-control-allow-origin"] == app.url  # the widget must read how long to wait
    return True


def test_that_sessions_are_limited_by_address(strict_app: LiveApp) -> None:
    # The window may change once on the way, so up to twice the limit may pass.
    answers = [open_session(strict_app, "6.6.6.6, 10.0.0.2") for _ in range(9)]
    assert {answer.status_code for answer in answers[:4]} == {200}
    assert any(is_limited(answer, strict_app) for answer in answers)
    assert open_session(strict_app, "10.0.0.3").status_code == 200


def test_that_messages_are_limited_by_visitor(strict_app: LiveApp) -> None:
    def hello(number: int, token: str) -> httpx.Response:
        body = {"client_msg_id": str(number), "text": "Hello"}
        headers = {"Authorization": f"Bearer {token}", "Origin": strict_app.url}
        return send(strict_app, "POST", "/widget/v1/messages", body, **headers)

    token = open_session(strict_app, "10.0.0.4").json()["token"]
    answers = [hello(number, token) for number in range(7)]
    assert {answer.status_code for answer in answers[:3]} == {200}
    assert any(is_limited(answer, strict_app) for answer in answers)
    other = open_session(strict_app, "10.0.0.5").json()["token"]
    assert hello(1, other).status_code == 200


def test_that_people_take_over_when_the_days_answers_are_used_up(strict_app: LiveApp) -> None:
    opened = open_session(strict_app, "10.0.0.6").json()
    visitor = Visitor(strict_app, opened["token"], opened["conversation_id"], 0)
    for number in (1, 2):
        visitor.say("Hello", f"{number}")
        answer = visitor.wait_for_answer(number)
        if visitor.messages("agent")[-1]["text"].startswith("Our assistant"):
            break
    assert answer["text"].startswith("Our assistant has reached its limit for today.")
    status, conversation = strict_app.api("GET", f"/conversations/{visitor.conversation_id}")
    assert status == 200
    assert (conversation["owner_kind"], conversation["handoff_reason"]) == ("nobody", "daily_cap")
    assert any(event["kind"] == "handoff" for event in visitor.events)


def test_that_a_silent_stream_shows_that_it_lives(strict_app: LiveApp) -> None:
    token = open_session(strict_app, "10.0.0.1").json()["token"]
    began = time.monotonic()  # before the server's first beat, however late this side reads it
    with Stream(strict_app, token) as stream:
        assert stream.block() == [": hello"]
        assert [stream.block() for _ in range(3)] == [[": still here"]] * 3
        assert 0.5 < time.monotonic() - began < 10


def test_that_writes_are_limited_by_credential_and_reads_are_not(strict_app: LiveApp) -> None:
    def make(number: int) -> httpx.Response:
        headers = {"Authorization": f"Bearer {strict_app.api_key}"}
        return httpx.post(f"{strict_app.url}/api/v1/teams", json={"name": f"Team {number}"}, headers=headers)

    answers = [make(number) for number in range(11)]
    assert {answer.status_code for answer in answers[:5]} == {201}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    status, keys = strict_app.api("GET", "/api-keys")
    assert status == 200
    assert keys["items"][0]["last_used_at"] is not None
