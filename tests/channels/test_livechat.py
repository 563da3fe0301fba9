"""The widget's tokens, identity, origins and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agentflow.kit.db import Database
from agentflow.kit.errors import InvalidInput
from agentflow.kit.settings import Settings
from channels.base import check_supported
from channels.errors import NotSupportedByChannel, OriginNotAllowed, WrongIdentity, WrongVisitorToken
from channels.livechat import (
    ClaimedUser,
    LiveChat,
    check_origin,
    entry_of,
    identity_hash,
    make_token,
    read_token,
    site_named,
    start_visit,
)
from channels.messages import AccountKeys, InboundEvent
from tests.talk import widget_request

KEYS = AccountKeys("acc_1", "site_1", ("widget-signing-key-0001",), "site-identity-secret")
EXPIRES = datetime.fromtimestamp(1795352400, UTC)
TOKEN = (
    "eyJzdWIiOiJ2XzAxIiwic2l0ZSI6InNpdGVfMSIsImV4cCI6MTc5NTM1MjQwMH0"
    ".840bfe98ec58502b9b5ac9f948bdc51f895ffb755c14ac56ffb27e3c60181430"
)
HASH = "7dac2d7b3a397186b60cf9875b07d3ea49ea24da37b3f56bf34e6c14a84327ee"
NOW = EXPIRES - timedelta(days=30)


def test_that_the_token_vector_holds() -> None:
    assert make_token(KEYS, "v_01", EXPIRES) == TOKEN
    assert read_token(KEYS, TOKEN, NOW) == "v_01"


def test_that_a_token_names_its_site_and_garbage_names_none() -> None:
    assert site_named(TOKEN) == "site_1"
    for garbage in ("", ".", "é", "e30.x", "W10.x", "bnVsbA.x", "!!", TOKEN[1:]):
        with pytest.raises(WrongVisitorToken):
            site_named(garbage)


@pytest.mark.parametrize(
    ("keys", "token", "at"),
    [
        (KEYS, TOKEN, EXPIRES),
        (replace(KEYS, account_ref="site_2"), TOKEN, NOW),
        (replace(KEYS, signing_keys=("widget-signing-key-0002",)), TOKEN, NOW),
        (KEYS, TOKEN[:-1], NOW),
        (KEYS, TOKEN.replace("MH0.", "MX0."), NOW),
        (KEYS, "", NOW),
        (KEYS, "é.é", NOW),
    ],
    ids=["expired", "other site", "other key", "short", "changed payload", "empty", "not ascii"],
)
def test_that_a_wrong_token_is_refused(keys: AccountKeys, token: str, at: datetime) -> None:
    with pytest.raises(WrongVisitorToken):
        read_token(keys, token, at)


def test_that_a_token_slides_for_the_same_visitor_and_starts_anew_when_expired() -> None:
    first = start_visit(KEYS, token=None, user=None, at=NOW, days=30)
    later = NOW + timedelta(days=29)
    again = start_visit(KEYS, token=first.token, user=None, at=later, days=30)
    expired = start_visit(KEYS, token=first.token, user=None, at=NOW + timedelta(days=31), days=30)

    assert again.visitor_id == first.visitor_id
    assert read_token(KEYS, again.token, later + timedelta(days=29)) == first.visitor_id
    assert first.expires_in == 2_592_000
    assert expired.visitor_id != first.visitor_id
    with pytest.raises(WrongVisitorToken):
        start_visit(KEYS, token=first.token[:-1], user=None, at=NOW, days=30)


def test_that_the_identity_vector_holds_and_a_wrong_hash_is_forbidden() -> None:
    assert identity_hash("site-identity-secret", "user-42") == HASH
    for wrong in (ClaimedUser("user-43", HASH), ClaimedUser("user-42", ""), ClaimedUser("user-42", "é")):
        with pytest.raises(WrongIdentity) as refusal:
            start_visit(KEYS, token=None, user=wrong, at=NOW, days=30)
        assert refusal.value.status_code == 403
    with pytest.raises(NotSupportedByChannel):
        start_visit(KEYS, token=None, user=ClaimedUser("user-42", HASH), at=NOW, days=30)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", True),
        (None, True),
        ("https://www.pine.example", True),
        ("https://a.b.pine.example:8443", True),
        ("https://pine.example", False),
        ("https://evilpine.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("https://shop.example:444", False),
        ("null", False),
        ("", False),
        ("https://[bad", False),
        ("https://evil.example/.pine.example", False),
    ],
)
def test_that_only_listed_origins_pass(origin: str | None, allowed: bool) -> None:
    keys = replace(KEYS, allowed_origins=("https://shop.example", "*.pine.example"))
    if allowed:
        check_origin(keys, origin)
    else:
        with pytest.raises(OriginNotAllowed):
            check_origin(keys, origin)


@pytest.fixture
def widget(settings: Settings) -> LiveChat:
    return LiveChat(Database(settings))  # never asked: parsing is pure


def parse(widget: LiveChat, **fields: object) -> InboundEvent:
    [event] = widget.parse(widget_request(KEYS, json.dumps(fields).encode(), NOW))
    return event


@pytest.mark.parametrize("what", ["postback", "reaction", "location", "form"])
def test_that_what_comes_later_is_refused_by_name(widget: LiveChat, what: str) -> None:
    with pytest.raises(NotSupportedByChannel) as refusal:
        check_supported(widget.caps, parse(widget, type=what, payload="x"))
    assert refusal.value.members == {"channel": "livechat", "what": what}


def test_that_attachments_are_refused_and_not_dropped(widget: LiveChat) -> None:
    event = parse(widget, type="text", text="see this", client_msg_id="c-1", attachments=["up_1"])
    with pytest.raises(NotSupportedByChannel):
        check_supported(widget.caps, event)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "text", "text": "Hi"}, "invalid_input"),
        ({"type": "text", "text": "Hi", "client_msg_id": "with space"}, "invalid_input"),
        ({"type": "text", "text": "Hi", "client_msg_id": "x" * 101}, "invalid_input"),
        ({"type": "text", "client_msg_id": "c"}, "invalid_input"),
        ({"type": "text", "text": " \n\x00", "client_msg_id": "c"}, "invalid_input"),
        ({"type": "text", "text": 7, "client_msg_id": "c"}, "invalid_input"),
        ({"type": "text", "text": "x" * 4001, "client_msg_id": "c"}, "text_too_long"),
        ({"type": "read"}, "invalid_input"),
    ],
)
def test_that_what_cannot_be_read_is_refused_with_the_reason(
    widget: LiveChat, fields: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_supported(widget.caps, parse(widget, **fields))
    assert refusal.value.code == code


def test_that_a_message_of_exactly_the_limit_passes(widget: LiveChat) -> None:
    event = parse(widget, type="text", text="x" * 4000, client_msg_id="c")
    check_supported(widget.caps, event)
    assert len(event.text) == 4000


def test_that_the_address_of_a_page_says_whether_a_qr_code_led_there() -> None:
    assert entry_of("https://shop.example/table?utm_source=poster&utm_medium=QR#menu") == "qr_code"
    many = "&".join(f"a{n}=1" for n in range(2000))
    for other in ("", "https://shop.example/?utm_medium=email", "http://[", f"https://shop.example/?{many}"):
        assert entry_of(other) == "widget"
