"""Two servers on one PostgreSQL: whoever loses one goes on at the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.conftest import MANY
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp

Seen = list[tuple[int, str, str]]  # cursor, kind, payload


@pytest.fixture
def servers(
    new_postgres_database: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> Iterator[tuple[LiveApp, LiveApp]]:
    with new_postgres_database() as url:
        both = [LiveApp(tmp_path / "home", url, MANY, launch=Forked) for _ in range(2)]
        try:
            first, second = (one.start() for one in both)
            second.api_key = first.api_key
            yield first, second
        finally:
            for one in both:
                one.stop()


def plain(payload: object) -> str:
    return json.dumps(payload, sort_keys=True)


def lasting(seen: Seen) -> Seen:
    """Without signs of typing and sentences, which are kept no longer than they are news."""
    return [one for one in seen if one[1] not in ("typing", "sentence")]


def follow(server: LiveApp, last: int, hear: Callable[[Seen], bool]) -> Seen:
    """What the stream gives after `last`, until `hear` has enough or the server is gone."""
    headers = {
        "Accept": "text/event-stream",
        "Last-Event-ID": str(last),
        "Authorization": f"Bearer {server.api_key}",
    }
    seen: Seen = []
    fields: dict[str, str] = {}
    try:
        with httpx.stream("GET", f"{server.url}/api/v1/events", headers=headers, timeout=20) as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif "id" in fields:
                    seen.append((int(fields["id"]), fields["event"], plain(json.loads(fields["data"]))))
                    fields = {}
                    if hear(seen):
                        break
    except httpx.TransportError:
        pass  # what came in half is asked for again
    return seen


def test_that_a_stream_goes_on_at_the_other_server_and_misses_and_repeats_nothing(
    servers: tuple[LiveApp, LiveApp],
) -> None:
    first, second = servers
    start = first.api("GET", "/events")[1]["cursor"]
    visitor = second.visit()
    talking = threading.Thread(target=lambda: [visitor.say(f"Number {n}", f"m-{n}") for n in range(20)])
    talking.start()

    def die(seen: Seen) -> bool:
        if len(seen) == 5:
            first.kill()
        return False

    before = follow(first, start, die)
    assert len(before) >= 5
    talking.join()
    assert second.api("POST", f"/conversations/{visitor.conversation_id}/assign", {"nobody": True})[0] == 200
    last = second.api("GET", f"/events?cursor={start}")[1]["cursor"]
    after = follow(second, before[-1][0], lambda seen: seen[-1][0] >= last)
    there: Seen = []
    cursor = start
    while cursor < last:
        page = second.api("GET", f"/events?cursor={cursor}")[1]
        there += [(one["cursor"], one["kind"], plain(one["payload"])) for one in page["events"]]
        cursor = page["cursor"]
    cursors = [cursor for cursor, _, _ in before + after]
    assert cursors == sorted(set(cursors))
    assert lasting(before + after) == lasting(there)
    assert sum('"role": "contact"' in payload for _, _, payload in there) == 20
