"""What every channel must do; one member per channel file. A new channel adds a Member, not a test."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.kit.db import Database
from agentflow.kit.errors import InvalidInput
from agentflow.kit.settings import Settings
from channels import registry
from channels.base import Channel, check_supported
from channels.errors import NotSupportedByChannel
from channels.messages import (
    AccountKeys,
    EventKind,
    InboundRequest,
    MediaRef,
    Receipt,
    Signal,
    StoredMedia,
    WindowState,
)
from channels.outbox import _message_of
from channels.window import no_window
from tests.talk import Talk, widget_request

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
KEYS = AccountKeys("acc_1", "site_1", ("widget-signing-key-0001",), "site-identity-secret")


@dataclass(frozen=True)
class Member:
    """How one channel is spoken to. `examples` are bodies with the event each becomes."""

    name: str
    request: Callable[[bytes], InboundRequest]
    examples: Mapping[str, tuple[bytes, Mapping[str, object]]]
    body_is_signed: bool
    batch: Callable[[int], bytes] | None  # None where a request holds one event


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


MEMBERS = [
    Member(
        name="livechat",
        request=lambda body: widget_request(KEYS, body, NOW),
        examples={
            "text": (
                body(client_msg_id="c-7f3a", type="text", text="Hi", reply_to=None, attachments=[]),
                {
                    "kind": EventKind.MESSAGE,
                    "text": "Hi",
                    "contact_ref": "vis_1",
                    "dedupe_key": "vis_1:c-7f3a",
                },
            ),
            "read": (
                body(type="read", up_to="msg_1"),
                {"kind": EventKind.STATUS, "status": "read", "payload": "msg_1"},
            ),
            "typing": (body(type="typing", on=True), {"kind": EventKind.TYPING, "payload": "on"}),
            "opt out": (body(type="opt_out"), {"kind": EventKind.OPT_OUT}),
            "something new": (body(type="hologram"), {"kind": EventKind.UNKNOWN, "error": None}),
        },
        body_is_signed=False,  # authenticated by TLS and the bearer token
        batch=None,
    )
]


@pytest.fixture(params=MEMBERS, ids=lambda member: member.name)
def member(request: pytest.FixtureRequest) -> Member:
    found = request.param
    assert isinstance(found, Member)
    return found


@pytest.fixture
def channel(member: Member, settings: Settings) -> Channel:
    """For what is pure: its database is never asked."""
    return registry.build_channels(Database(settings))[member.name]


@pytest.fixture
def connected(member: Member, talk: Talk) -> Channel:
    return registry.build_channels(talk.db)[member.name]


def test_that_every_channel_is_a_member() -> None:
    assert [member.name for member in MEMBERS] == list(registry.NAMES)


def test_that_the_protocol_is_whole(channel: Channel, member: Member) -> None:
    assert channel.name == member.name
    wanted = {name for name, _ in inspect.getmembers(Channel, inspect.isfunction) if name[0] != "_"}
    for name in wanted:
        theirs = inspect.signature(getattr(type(channel), name))
        assert list(theirs.parameters) == list(inspect.signature(getattr(Channel, name)).parameters)


def test_that_a_genuine_request_passes_and_each_damage_to_its_proof_fails(
    channel: Channel, member: Member
) -> None:
    genuine = member.request(next(iter(member.examples.values()))[0])
    assert channel.verify(genuine).ok
    [(name, proof)] = [(k, v) for k, v in genuine.headers.items() if k == "authorization"]
    for place in range(len("Bearer "), len(proof)):
        flipped = proof[:place] + chr(ord(proof[place]) ^ 1) + proof[place + 1 :]
        assert not channel.verify(replace(genuine, headers={name: flipped})).ok
    for wrong in ("", "Bearer", "Bearer ", proof[:-1], proof + "0", "Bearer é.ü", proof.replace(".", "é")):
        assert not channel.verify(replace(genuine, headers={name: wrong})).ok
    assert not channel.verify(replace(genuine, headers={})).ok
    assert channel.verify(replace(genuine, headers={name.upper(): proof})).ok
    other_key = replace(KEYS, signing_keys=("widget-signing-key-0002",))
    assert not channel.verify(replace(genuine, account=other_key)).ok
    rotated = replace(KEYS, signing_keys=("a newer one", *KEYS.signing_keys))
    assert channel.verify(replace(genuine, account=rotated)).ok


def test_that_each_example_becomes_its_event(channel: Channel, member: Member) -> None:
    for sent, expected in member.examples.values():
        [event] = channel.parse(member.request(sent))
        assert {name: getattr(event, name) for name in expected} == expected
        assert (event.channel, event.account_ref) == (member.name, KEYS.account_ref)
        assert event.provider_ts.tzinfo is not None
        check_supported(channel.caps, event)
        assert channel.ack([event]).status == 200


def test_that_the_same_request_has_the_same_keys_and_others_have_others(
    channel: Channel, member: Member
) -> None:
    keys = [channel.parse(member.request(sent))[0].dedupe_key for sent, _ in member.examples.values()]
    again = [channel.parse(member.request(sent))[0].dedupe_key for sent, _ in member.examples.values()]
    assert keys == again
    assert len(set(keys)) == len(keys)


def test_that_no_body_makes_parse_raise(channel: Channel, member: Member) -> None:
    draw = random.Random(20260302)
    for _ in range(150):
        noise = draw.randbytes(draw.randrange(300))
        for sent, _ in member.examples.values():
            cut = sent[: draw.randrange(len(sent) + 1)]
            for broken in (noise, cut, cut + noise, sent + noise):
                for event in channel.parse(member.request(broken)):
                    assert event.kind is EventKind.UNKNOWN or event.kind in channel.caps.inbound


@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"type":"text","client_msg_id":"c","text":' + b"9" * 5000 + b"}",
        b'{"type":"text","client_msg_id":"c","text":"\\ud800 \\u0000 x"}',
        b'{"type":["text"],"text":"x"}',
        b'{"type":"read","up_to":"\\u0000"}',
        b"null",
        b"\xff\xfe",
        b'{"type":"text","client_msg_id":"c","text":"' + b"a" * 3_000_000 + b'"}',
    ],
    ids=lambda sent: sent[:24],
)
def test_that_hostile_bodies_are_taken_or_refused_by_name(
    channel: Channel, member: Member, hostile: bytes
) -> None:
    for event in channel.parse(member.request(hostile)):
        event.text.encode()
        assert "\x00" not in event.text + (event.payload or "")
        with suppress(InvalidInput):
            check_supported(channel.caps, event)


async def test_that_one_send_is_one_request_and_a_repeat_arrives_once(connected: Channel, talk: Talk) -> None:
    finished = await talk.answer(await talk.say())
    assert await talk.sender._claim(finished.outbox_id) is not None
    row = await talk.row(finished.outbox_id)
    receipts = [await connected.send(_message_of(row)) for _ in range(2)]

    assert [receipt.outcome for receipt in receipts] == ["accepted", "duplicate"]
    assert receipts[0].provider_ids
    told = await talk.events(row.conversation_id, "message")
    assert [event.payload["role"] for event in told] == ["contact", "agent"]


async def test_that_what_was_withdrawn_is_rejected_for_good(connected: Channel, talk: Talk) -> None:
    finished = await talk.answer(await talk.say())
    row = await talk.row(finished.outbox_id)  # never claimed
    receipt: Receipt = await connected.send(_message_of(row))

    assert receipt.outcome == "rejected"
    assert receipt.error is not None
    assert [one.payload["role"] for one in await talk.events(row.conversation_id, "message")] == ["contact"]


async def test_that_files_are_refused_by_name_where_there_are_none(channel: Channel) -> None:
    async def sink(_: object) -> StoredMedia:
        raise AssertionError("nothing may be stored")

    if not channel.caps.inbound_media:
        with pytest.raises(NotSupportedByChannel):
            await channel.fetch_media(MediaRef("ref", "image/png"), sink)


async def test_that_a_signal_is_shown_or_ignored(connected: Channel, talk: Talk) -> None:
    recorded = await talk.say()
    for kind in ("typing", "read"):
        await connected.signal("vis_1", Signal(kind, talk.workspace_id, recorded.conversation_id))
    shown = await talk.events(recorded.conversation_id, "typing")
    assert len(shown) == int(connected.caps.typing)


@given(
    last=st.none() | st.datetimes(timezones=st.just(UTC)), opted_out=st.booleans(), sends=st.integers(0, 50)
)
def test_that_without_a_window_only_broadcasts_to_who_opted_out_are_blocked(
    last: datetime | None, opted_out: bool, sends: int
) -> None:
    state = WindowState(last, sends, opted_out)
    assert no_window(state, "reply").mode == "free"
    assert (no_window(state, "broadcast").mode == "blocked") == opted_out
