"""The widget's protocol over real HTTP: sessions, messages, events, limits, and who may ask at all."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentflow.kit.db import Database
from agentflow.kit.settings import Settings
from channels import livechat
from channels import service as channels
from channels.messages import AccountKeys
from tests.e2e.live import LiveApp, Visitor

QUESTION = "How many days do I have to return an item?"
EVIL = "https://evil.example"


@pytest.fixture
def visitor(live_app: LiveApp) -> Visitor:
    return live_app.visit()


def send(app: LiveApp, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    """A request of which the response headers matter."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, f"{app.url}{path}", json=body, headers=named, timeout=30)


def post(visitor: Visitor, body: object) -> tuple[int, Any]:
    return visitor.app.call("POST", "/widget/v1/messages", body, token=visitor.token)


def staff_messages(visitor: Visitor) -> list[dict[str, Any]]:
    """The conversation as staff read it."""
    found: list[dict[str, Any]] = visitor.app.api(
        "GET", f"/conversations/{visitor.conversation_id}/messages"
    )[1]["items"]
    return found


def keys_of(app: LiveApp, site: str) -> AccountKeys:
    """The site's secrets, from the database."""

    async def read() -> AccountKeys:
        db = Database(Settings.model_validate({"home": app.home}))
        async with db.read() as session:
            keys = channels.keys_of(await channels.get_account_by_ref(session, livechat.NAME, site))
        await db.close()
        return keys

    return asyncio.run(read())


def new_site(app: LiveApp, **values: object) -> dict[str, Any]:
    status, made = app.api("POST", "/channel-accounts", {"name": "Second site", **values})
    assert status == 201
    agent = app.api("GET", "/agents")[1]["items"][0]["id"]
    assert app.api("PUT", f"/channel-accounts/{made['id']}/route", {"agent_id": agent})[0] == 200
    return dict(made)


class Stream:
    """Server-sent events as they come."""

    def __init__(self, app: LiveApp, token: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._client = httpx.Client(timeout=20)
        self._open = self._client.stream(
            "GET", f"{app.url}/widget/v1/events", headers={"Authorization": f"Bearer {token}", **named}
        )

    def __enter__(self) -> Stream:
        self.response = self._open.__enter__()
        self._lines = self.response.iter_lines()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.__exit__(None, None, None)
        self._client.close()

    def block(self) -> list[str]:
        """The lines of the next event or comment."""
        lines: list[str] = []
        for line in self._lines:
            if not line:
                return lines
            lines.append(line)
        raise AssertionError("the stream has ended")

    def event(self) -> tuple[int, str, dict[str, Any]]:
        """Cursor, kind and payload of the next event."""
        while (lines := self.block())[0].startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in lines)
        return int(fields["id"]), fields["event"], json.loads(fields["data"])


# --- sessions ---


def test_that_a_session_gives_a_token_that_continues_the_visit(live_app: LiveApp) -> None:
    status, first = live_app.call("POST", "/widget/v1/demo/sessions", {"locale": "nl"})
    assert status == 200
    assert first["expires_in"] == 30 * 24 * 3600
    assert first["visitor_id"].startswith("vis_")
    assert first["conversation_id"].startswith("cnv_")
    assert first["cursor"] == 0
    again = live_app.call("POST", "/widget/v1/demo/sessions", {"visitor_token": first["token"]})[1]
    assert (again["visitor_id"], again["conversation_id"]) == (first["visitor_id"], first["conversation_id"])
    other = live_app.call("POST", "/widget/v1/demo/sessions", {})[1]
    assert other["visitor_id"] != first["visitor_id"]
    assert other["conversation_id"] != first["conversation_id"]


def test_that_a_returning_visitor_reads_the_conversation_again(visitor: Visitor) -> None:
    assert visitor.say("Hello", "hello")[0] == 200
    visitor.wait_for_answer()
    body = {"visitor_token": visitor.token}
    opened = visitor.app.call("POST", "/widget/v1/demo/sessions", body)[1]
    back = Visitor(visitor.app, opened["token"], opened["conversation_id"], opened["cursor"])
    back.poll(0)
    assert [one["text"] for one in back.messages("contact")] == ["Hello"]
    assert back.messages("agent") == visitor.messages("agent")


def test_that_an_unknown_site_is_not_found(live_app: LiveApp) -> None:
    for site in ("nobody", "d%C3%A9mo", "a%20b", "x" * 100):
        for method, path in (("POST", "sessions"), ("GET", "config")):
            body: object = {} if method == "POST" else None
            status, problem = live_app.call(method, f"/widget/v1/{site}/{path}", body)
            assert (status, problem["code"]) == (404, "channel_account_not_found")


def test_that_a_site_that_is_switched_off_takes_nobody(live_app: LiveApp) -> None:
    site = new_site(live_app)
    opened = live_app.call("POST", f"/widget/v1/{site['ref']}/sessions", {})[1]
    visitor = Visitor(live_app, opened["token"], opened["conversation_id"], 0)
    assert visitor.say("Hello", "one")[0] == 200
    assert live_app.api("PATCH", f"/channel-accounts/{site['id']}", {"enabled": False})[0] == 200
    assert live_app.call("POST", f"/widget/v1/{site['ref']}/sessions", {})[0] == 404
    assert visitor.say("Hello?", "two")[0] == 404


def test_that_a_wrong_identity_hash_is_forbidden_and_a_right_one_says_what_is_missing(
    live_app: LiveApp,
) -> None:
    wrong = {"user": {"id": "user-42", "hash": "7dac"}}
    status, problem = live_app.call("POST", "/widget/v1/demo/sessions", wrong)
    assert (status, problem["code"]) == (403, "wrong_identity")
    proof = livechat.identity_hash(keys_of(live_app, "demo").identity_secret or "", "user-42")
    right = {"user": {"id": "user-42", "hash": proof}}
    status, problem = live_app.call("POST", "/widget/v1/demo/sessions", right)
    assert (status, problem["code"], problem["what"]) == (422, "not_supported_by_channel", "identity")


def test_that_only_a_valid_token_of_the_right_site_opens_anything(live_app: LiveApp) -> None:
    site = new_site(live_app)
    mine, theirs = keys_of(live_app, "demo"), keys_of(live_app, site["ref"])
    at = datetime.now(UTC)
    valid = livechat.make_token(mine, "vis_1", at + timedelta(minutes=5))
    part, signature = valid.split(".")
    tokens = {
        "expired": livechat.make_token(mine, "vis_1", at - timedelta(seconds=1)),
        "signed by another site": f"{part}.{livechat.make_token(theirs, 'v', at).split('.')[1]}",
        "changed": part[:-2] + "AA." + signature,
        "unsigned": part,
        "garbage": "x.y",
        "none": "",
    }
    for what, token in tokens.items():
        for method, path in (("POST", "messages"), ("GET", "events?wait=0"), ("POST", "uploads")):
            body: object = {"client_msg_id": "1", "text": "Hi"} if method == "POST" else None
            status, problem = live_app.call(method, f"/widget/v1/{path}", body, token=token)
            assert status == 401, (what, path, problem)
            assert problem["code"] in ("wrong_visitor_token", "expired_visitor_token")
    opened = live_app.call("POST", f"/widget/v1/{site['ref']}/sessions", {})[1]
    status, problem = live_app.call("POST", "/widget/v1/demo/sessions", {"visitor_token": opened["token"]})
    assert (status, problem["code"]) == (401, "wrong_visitor_token")


# --- messages ---


def test_that_the_same_client_id_is_stored_and_answered_once(visitor: Visitor) -> None:
    first = visitor.say(QUESTION, "once")
    assert first[0] == 200
    assert first[1]["id"].startswith("msg_")
    assert visitor.say(QUESTION, "once") == first
    visitor.wait_for_answer()
    assert visitor.say(QUESTION, "once") == first  # also when its event is no longer the newest
    visitor.poll(0)
    assert [one["client_msg_id"] for one in visitor.messages("contact")] == ["once"]
    assert [one["author"] for one in staff_messages(visitor)] == ["contact", "agent"]
    assert first[1]["cursor"] in [event["cursor"] for event in visitor.events]


def test_that_an_answer_cites_title_place_and_quote(visitor: Visitor) -> None:
    visitor.say(QUESTION, "cited")
    answer = visitor.wait_for_answer()
    cited = [one for sentence in answer["sentences"] for one in sentence["citations"]]
    assert "30 days" in answer["text"]
    assert cited[0].keys() == {"n", "title", "place", "quote", "url"}
    assert (cited[0]["n"], cited[0]["title"]) == (1, "Shipping and returns.txt")
    assert cited[0]["place"] == "Returns"
    assert "30 days of delivery" in cited[0]["quote"]
    assert cited[0]["url"] is None
    visitor.say("What does the Dune floor lamp cost?", "row")
    rows = [one for sentence in visitor.wait_for_answer(2)["sentences"] for one in sentence["citations"]]
    assert ("Prices.csv", "row 3") in [(one["title"], one["place"]) for one in rows]


def test_that_a_message_has_at_most_4000_characters(visitor: Visitor) -> None:
    status, problem = visitor.say("a" * 4001, "long")
    assert (status, problem["code"]) == (422, "text_too_long")
    assert "4000" in problem["detail"]
    assert "4001" in problem["detail"]
    assert visitor.say("\N{GRINNING FACE}" * 4000, "just-right")[0] == 200
    assert [len(one["text"]) for one in staff_messages(visitor)][:1] == [4000]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"type": "postback", "payload": "yes", "title": "Yes"}, "postback"),
        ({"type": "reaction", "message_id": "msg_1", "emoji": "+1"}, "reaction"),
        ({"type": "location", "lat": 1, "lon": 2}, "location"),
        ({"type": "form", "fields": {}}, "form"),
        ({"type": "text", "text": "See this", "attachments": [{"id": "upl_1"}]}, "attachments"),
    ],
)
def test_that_what_comes_later_is_refused_by_name(visitor: Visitor, body: dict[str, Any], what: str) -> None:
    status, problem = post(visitor, {"client_msg_id": "later", **body})
    assert (status, problem["code"]) == (422, "not_supported_by_channel")
    assert (problem["channel"], problem["what"]) == ("livechat", what)
    assert staff_messages(visitor) == []


def test_that_an_upload_is_refused_by_name(visitor: Visitor) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nx\r\n--x--\r\n'
    status, problem = visitor.app.call(
        "POST",
        "/widget/v1/uploads",
        form,
        token=visitor.token,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (status, problem["code"], problem["what"]) == (422, "not_supported_by_channel", "uploads")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"client_msg_id": "", "text": "Hi"},
        {"client_msg_id": "é", "text": "Hi"},
        {"client_msg_id": 7, "text": "Hi"},
        {"text": "Hi"},
        {"client_msg_id": "a", "text": ""},
        {"client_msg_id": "a", "text": " \x00 "},
        {"client_msg_id": "a", "text": ["Hi"]},
        {"type": "read"},
        {"type": "read", "up_to": "a\x00b"},
    ],
)
def test_that_what_cannot_be_read_is_a_problem(visitor: Visitor, body: object) -> None:
    status, problem = post(visitor, body)
    assert (status, problem["status"]) == (422, 422)
    assert problem["detail"]


def test_that_odd_characters_are_stored_without_harm(visitor: Visitor) -> None:
    raw = b'{"client_msg_id": "odd", "text": "a\\u0000b \\ud83d c"}'
    assert post(visitor, raw)[0] == 200
    assert [one["text"] for one in staff_messages(visitor)][:1] == ["ab ? c"]


def test_that_signs_have_no_id_and_unknown_types_are_ignored(visitor: Visitor) -> None:
    for body in ({"type": "typing", "on": True}, {"type": "opt_out"}, {"type": "of-the-future"}):
        assert post(visitor, body) == (200, {"id": None, "cursor": None})
    assert staff_messages(visitor) == []


def test_that_an_answer_becomes_delivered_and_read(visitor: Visitor) -> None:
    visitor.say(QUESTION, "status")
    answer = visitor.wait_for_answer()
    # The answer is stored, and seen, a moment before its one send is.
    visitor.app.wait_until(lambda: staff_messages(visitor)[1]["status"] == "sent", 20)
    visitor.poll(0)  # the cursor that this names tells that the answer has arrived
    assert staff_messages(visitor)[1]["status"] == "delivered"
    assert post(visitor, {"type": "read", "up_to": answer["message_id"]})[0] == 200
    assert staff_messages(visitor)[1]["status"] == "read"
    visitor.poll(0)
    seen = [event["payload"] for event in visitor.events if event["kind"] == "status"]
    assert [one["status"] for one in seen] == ["delivered", "read"]
    assert {one["message_id"] for one in seen} == {answer["message_id"]}
    assert post(visitor, {"type": "read", "up_to": "msg_nobody"})[0] == 404


def test_that_a_visitor_reads_nobody_elses_messages(visitor: Visitor) -> None:
    visitor.say("My secret is 4711", "secret")
    answer = visitor.wait_for_answer()
    other = visitor.app.visit()
    other.poll(0)
    assert other.events == []
    assert post(other, {"type": "read", "up_to": answer["message_id"]})[0] == 404


# --- events ---


def test_that_a_long_poll_waits_for_news_and_ends_without(visitor: Visitor) -> None:
    began = time.monotonic()
    visitor.poll(1)
    assert time.monotonic() - began > 0.9
    assert visitor.events == []
    visitor.say("Hello", "news")
    began = time.monotonic()
    while not visitor.messages("agent"):
        visitor.poll(25)
    assert time.monotonic() - began < 20
    assert visitor.app.call("GET", "/widget/v1/events?wait=26", token=visitor.token)[0] == 422


def test_that_a_stream_shows_an_answer_as_it_is_written_and_resumes_by_its_last_id(visitor: Visitor) -> None:
    seen: list[tuple[int, str, dict[str, Any]]] = []
    with Stream(visitor.app, visitor.token) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.block() == [": hello"]
        visitor.say(QUESTION, "stream")
        while not (seen and seen[-1][1] == "message" and seen[-1][2]["role"] == "agent"):
            seen.append(stream.event())
    assert [cursor for cursor, _, _ in seen] == sorted({cursor for cursor, _, _ in seen})
    answer = seen[-1][2]
    written = [payload for _, kind, payload in seen if kind == "sentence"]
    assert [one["n"] for one in written] == list(range(1, len(written) + 1))
    assert [one["text"] for one in written] == [one["text"] for one in answer["sentences"]]
    assert {(one["message_id"], one["attempt"]) for one in written} == {(answer["message_id"], 1)}
    asked = seen[0]
    assert (asked[1], asked[2]["client_msg_id"]) == ("message", "stream")
    with Stream(visitor.app, visitor.token, Last_Event_ID=str(asked[0])) as stream:
        resumed = stream.event()
        while resumed[1] != "message":
            resumed = stream.event()
    assert resumed == seen[-1]


# --- pages of other origins ---


def test_that_a_listed_page_may_read_answers_and_refusals(live_app: LiveApp) -> None:
    site = new_site(live_app, allowed_origins=["https://shop.example", "*.pine.example"])
    for origin in ("https://shop.example", "https://www.pine.example"):
        opened = send(live_app, "POST", f"/widget/v1/{site['ref']}/sessions", {}, Origin=origin)
        assert opened.status_code == 200
        token = f"Bearer {opened.json()['token']}"
        answers = [
            opened,
            send(live_app, "GET", f"/widget/v1/{site['ref']}/config", Origin=origin),
            send(live_app, "GET", "/widget/v1/events?wait=0", Origin=origin, Authorization=token),
            send(live_app, "POST", "/widget/v1/messages", {}, Origin=origin, Authorization=token),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 422]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == origin
            assert "origin" in answer.headers["vary"].lower()
            assert "access-control-allow-credentials" not in answer.headers


def test_that_a_page_that_is_not_listed_is_refused_and_told_nothing(live_app: LiveApp) -> None:
    token = f"Bearer {live_app.visit().token}"
    for answer in (
        send(live_app, "POST", "/widget/v1/demo/sessions", {}, Origin=EVIL),
        send(live_app, "GET", "/widget/v1/demo/config", Origin=EVIL),
        send(live_app, "GET", "/widget/v1/events?wait=0", Origin=EVIL, Authorization=token),
        send(live_app, "POST", "/widget/v1/messages", {}, Origin=EVIL, Authorization=token),
        send(live_app, "POST", "/widget/v1/uploads", {}, Origin=EVIL, Authorization=token),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in answer.headers
    for origin in ("null", "https://demo.evil.example", live_app.url + ".evil.example"):
        assert send(live_app, "POST", "/widget/v1/demo/sessions", {}, Origin=origin).status_code == 403


def test_that_a_preflight_allows_the_pages_that_the_site_lists(live_app: LiveApp) -> None:
    listed = "https://www.pine.example"
    site = new_site(live_app, allowed_origins=["*.pine.example"])["ref"]

    def preflight(path: str, origin: str) -> tuple[int, str | None]:
        asked = send(
            live_app, "OPTIONS", f"/widget/v1/{path}", Origin=origin, Access_Control_Request_Method="POST"
        )
        assert "access-control-allow-credentials" not in asked.headers
        return asked.status_code, asked.headers.get("access-control-allow-origin")

    for resource in ("config", "sessions"):
        assert preflight(f"{site}/{resource}", listed) == (204, listed)
        assert preflight(f"{site}/{resource}", EVIL) == (403, None)
        assert preflight(f"nowhere/{resource}", listed) == (404, None)
    for resource in ("messages", "events", "uploads"):
        assert preflight(resource, EVIL) == (204, "*")  # the token that names the site is not there yet


def test_that_the_api_itself_answers_no_other_origin(live_app: LiveApp) -> None:
    key = f"Bearer {live_app.api_key}"
    answer = send(live_app, "GET", "/api/v1/agents", Origin=live_app.url, Authorization=key)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    asked = send(live_app, "OPTIONS", "/api/v1/agents", Origin=EVIL, Access_Control_Request_Method="GET")
    assert "access-control-allow-origin" not in asked.headers


# --- the file behind a citation ---


def test_that_a_source_opens_for_visitors_only_while_it_is_public(live_app: LiveApp) -> None:
    source = next(one for one in live_app.sources() if one["name"].startswith("Shipping"))
    path = f"/widget/v1/sources/{source['id']}"
    assert live_app.call("GET", path)[0] == 404
    live_app.api("PATCH", f"/sources/{source['id']}", {"public": True})
    try:
        opened = send(live_app, "GET", path)
        assert opened.status_code == 200
        assert "Shipping and returns at Harbour & Pine" in opened.text
        assert opened.headers["content-type"] == "application/octet-stream"
        assert opened.headers["content-disposition"].startswith("attachment")
        assert opened.headers["x-content-type-options"] == "nosniff"
        visitor = live_app.visit()
        visitor.say(QUESTION, "public")
        cited = visitor.wait_for_answer()["sentences"]
        assert path in [one["url"] for sentence in cited for one in sentence["citations"]]
    finally:
        live_app.api("PATCH", f"/sources/{source['id']}", {"public": False})
    assert live_app.call("GET", path)[0] == 404
    assert live_app.call("GET", "/widget/v1/sources/src_nobody")[0] == 404


def test_that_a_nul_in_the_address_is_refused(live_app: LiveApp, visitor: Visitor) -> None:
    for path in ("/widget/v1/de%00mo/config", "/widget/v1/sources/src%00", "/widget/v1/demo/config?lang=%00"):
        assert live_app.call("GET", path)[0] == 400
    assert live_app.call("POST", "/widget/v1/%00/sessions", {})[0] == 400
    assert live_app.call("GET", "/widget/v1/events?wait=0&cursor=%00", token=visitor.token)[0] == 400


@pytest.mark.parametrize(("query", "source"), [("", "widget"), ("?utm_medium=qr", "qr_code")])
def test_that_a_contact_says_by_which_door_it_came(live_app: LiveApp, query: str, source: str) -> None:
    page = {"url": f"https://shop.example/menu{query}"}
    opened = live_app.call("POST", f"/widget/v1/{live_app.site_key}/sessions", {"page": page})[1]
    conversation = live_app.api("GET", f"/conversations/{opened['conversation_id']}")[1]
    assert live_app.api("GET", f"/contacts/{conversation['contact_id']}")[1]["source"] == source
