"""kill -9 while knowledge is taken in, replaced, fetched and erased, at places drawn at random.

A search always shows each document whole and in one edition, the old or the new; once the server is back and
has come to rest, the newest answers and nothing is left over. `python -m evals.durability` draws more places.
"""

from __future__ import annotations

import os
import random
import re
import threading
import urllib.error
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

import pytest

from tests.api.test_sources import elsewhere
from tests.e2e.dying import Dying
from tests.e2e.killer import DELETE_PLACES, FETCH_PLACES, UPLOAD_PLACES
from tests.e2e.leftovers import half_visible, orphans
from tests.e2e.live import LiveApp
from tests.knowledge.websites import Website, page, serving

PARTS = 6
PAGE = "page"
ACTS = {"add": UPLOAD_PLACES, "swap": UPLOAD_PLACES, "fetch": FETCH_PLACES, "delete": DELETE_PLACES}
MARK = re.compile(r"the entry is (\w+)-(\d+)-(\d+)")

View = dict[str, set[tuple[int, int]]]


def parts(name: str, edition: int) -> list[str]:
    """What a document says, in sections that name it, their edition and their number."""
    return [
        f"In edition {edition} of the ledger of {name} the entry is {name}-{edition}-{number}. "
        f"The desk keeps it for {number * edition} years."
        for number in range(1, PARTS + 1)
    ]


def document(name: str, edition: int) -> bytes:
    """A file of PARTS passages."""
    sections = (f"# Part {number}\n\n{text}" for number, text in enumerate(parts(name, edition), 1))
    return "\n\n".join(sections).encode()


def web_page(edition: int) -> str:
    """The same as a page, with as much between the parts that it has as many passages."""
    return page(
        "Ledger", *(part + " Nobody may take it away from there." * 26 for part in parts(PAGE, edition))
    )


@dataclass
class World:
    """What must be found, and what may be found as long as one change is under way."""

    dying: Dying
    site: Website
    base: str
    truth: dict[str, int] = field(default_factory=dict)  # edition by document
    change: tuple[str, int | None] | None = None
    ids: dict[str, str] = field(default_factory=dict)  # source by document

    @property
    def app(self) -> LiveApp:
        return self.dying.app

    def seen(self) -> View:
        """All that a search finds."""
        found: View = defaultdict(set)
        for item in self.app.search(self.base, "What is the entry in the ledger?", 50)["items"]:
            for name, edition, number in MARK.findall(item["text"]):
                found[name].add((int(edition), int(number)))
        return dict(found)

    def lawful(self, view: View) -> bool:
        """Each document is whole, in the edition it has or the one it is changed to."""
        allowed: dict[str, list[int | None]] = {name: [edition] for name, edition in self.truth.items()}
        if self.change is not None:
            name, edition = self.change
            allowed.setdefault(name, [None]).append(edition)
        return view.keys() <= allowed.keys() and all(
            view.get(name, set()) in [whole(edition) for edition in editions]
            for name, editions in allowed.items()
        )

    def settled(self) -> bool:
        """The change is made."""
        seen = self.seen()
        assert self.lawful(seen), (self.truth, self.change, seen)
        assert self.change is not None
        return seen.get(self.change[0], set()) == whole(self.change[1])

    def finish(self) -> None:
        """The change has become the truth."""
        assert self.change is not None
        name, edition = self.change
        self.change = None
        if edition is None:
            del self.truth[name], self.ids[name]
        else:
            self.truth[name] = edition

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Search all the time; every answer is lawful."""
        end, unlawful = threading.Event(), list[View]()

        def watch() -> None:
            while not end.wait(0.2):
                try:
                    view = self.seen()
                except (urllib.error.URLError, ConnectionError, HTTPException, TimeoutError):
                    continue  # it is dead, or dies
                if not self.lawful(view):
                    unlawful.append(view)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            end.set()
            watching.join()
        assert unlawful == [], (self.truth, self.change)

    def act(self) -> bool:
        """Ask for the change; False when the server died before it said yes."""
        assert self.change is not None
        name, edition = self.change
        if edition is None:
            return self._erase(self.ids[name])
        if name == PAGE:
            self.site.put("/ledger", web_page(edition))
            answer = self.dying.attempt(lambda: self.app.api("POST", f"/sources/{self.ids[PAGE]}/sync"))
        else:
            content = document(name, edition)
            answer = self.dying.attempt(lambda: self.app.upload(self.base, f"{name}.md", content))
            if answer is not None:
                self.ids[name] = answer[1]["id"]
        assert answer is None or answer[0] in (200, 202), answer
        return answer is not None

    def _erase(self, source_id: str) -> bool:
        """Into the bin and out of the world; who asks again may hear that it is gone."""
        for method, path in (("DELETE", ""), ("POST", "/purge")):
            answer = self.dying.attempt(lambda: self.app.api(method, f"/sources/{source_id}{path}"))  # noqa: B023
            if answer is None:
                return False
            assert answer[0] in (200, 404), answer
        return True

    def at_rest(self) -> bool:
        """Nothing half-visible is stored, and nothing that stands for nothing."""
        assert half_visible(self.app) == []
        return orphans(self.app) == []


def whole(edition: int | None) -> set[tuple[int, int]]:
    """All parts of an edition; of none, nothing."""
    return set() if edition is None else {(edition, number) for number in range(1, PARTS + 1)}


def drawn(dice: random.Random, points: int) -> Iterator[tuple[str, str]]:
    """Each kind of change in turn, in an order that is drawn, each time at another of its places."""
    decks = {act: dice.sample(places, len(places)) for act, places in ACTS.items()}
    while True:
        for act in dice.sample(list(ACTS), len(ACTS)):
            decks[act] = decks[act] or dice.sample(ACTS[act], len(ACTS[act]))
            yield act, decks[act].pop()
            points -= 1
            if not points:
                return


@pytest.fixture
def world(fresh_app: LiveApp) -> Iterator[World]:
    """A server with a knowledge base of two documents and a page."""
    with elsewhere(serving(Website())) as site:
        dying = Dying(fresh_app)
        fresh_app.start()
        fresh_app.wait_for_knowledge()
        base = fresh_app.api("POST", "/knowledge-bases", {"name": "Ledgers"})[1]["id"]
        made = World(dying, site, base)
        site.put("/ledger", web_page(1))
        address = {"url": f"{site.url}/ledger"}
        made.ids[PAGE] = fresh_app.api("POST", f"/knowledge-bases/{base}/sources/url", address)[1]["id"]
        made.truth[PAGE] = 1
        for name in ("alder", "birch"):
            made.ids[name] = fresh_app.upload(base, f"{name}.md", document(name, 1))[1]["id"]
            made.truth[name] = 1
        fresh_app.wait_until(lambda: made.lawful(made.seen()), 60)
        yield made


@pytest.mark.timeout(0)  # each wait has a limit of its own
def test_that_knowledge_is_whole_and_clean_whatever_dies(
    world: World, points: int, dice: random.Random
) -> None:
    for number, (act, place) in enumerate(drawn(dice, points), 1):
        uploads = sorted(world.truth.keys() - {PAGE})
        name = {"add": f"new{number}", "fetch": PAGE}.get(act) or dice.choice(uploads)
        world.change = (name, None if act == "delete" else world.truth.get(name, 0) + 1)
        print(f"{number}: {act} {name} killed at {place}", flush=True)
        with world.watched():
            world.dying.doom(place)
            said_yes = world.act()
            world.dying.bury()
            assert half_visible(world.app) == []
            for path in (world.app.home / "files").rglob("*"):
                os.utime(path, (0, 0))  # long ago: what is young may still be arriving
            world.app.start()
            if not said_yes:
                assert world.act()
            world.app.wait_until(world.settled, 60)
            world.app.wait_until(world.at_rest, 60)
        world.finish()
    assert world.lawful(world.seen())
