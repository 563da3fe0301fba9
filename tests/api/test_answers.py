"""From a source to the answer in the widget: each kind of file, an FAQ, changed prices, nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.test_knowledge import Desk, Shelf
from tests.e2e.live import LiveApp
from tests.knowledge.files import pdf, xlsx
from tests.knowledge.websites import page

FAQ = """Frequently asked questions

Can I pay with a gift card?
Yes, gift cards are accepted in the shop and online. A gift card is valid for three years.

How do I descale the machine?
Fill the tank with water and 50 grams of citric acid, and let it run through twice.

Do you ship to Norway?
We ship to all countries of the European Union. We do not ship to Norway.

Where is my serial number?
The serial number stands on a white label under the drip tray.

Can I change my delivery address?
You can change the delivery address until the parcel has left our warehouse.
"""
ASKED = [
    ("How long can I use a gift card?", "three years"),
    ("How much citric acid do I need to descale it?", "50 grams"),
    ("Is it possible to have it sent to Norway?", "do not ship to Norway"),
    ("I cannot find the serial number", "under the drip tray"),
    ("May I still change the address of the delivery?", "until the parcel has left"),
]
PRICES = "Product,Price in euro\nBrass hinge,{hinge}\nOak handle,8.40\nSteel hook,2.15\n"


def new_shelf(app: LiveApp) -> Shelf:
    status, made = app.api("POST", "/knowledge-bases", {"name": "Shelf"})
    assert status == 201
    return Shelf(app, made["id"])


def table(tmp_path: Path, rows: list[list[object]]) -> bytes:
    return xlsx(tmp_path / "table.xlsx", {"Doors": rows}).read_bytes()


@pytest.mark.parametrize("kind", ["pdf", "xlsx", "csv", "txt", "html"])
def test_that_each_kind_of_file_answers_with_the_fact_that_only_it_holds(
    live_app: LiveApp, tmp_path: Path, kind: str
) -> None:
    shelf = new_shelf(live_app)
    other = "The night bell is beside the blue gate. The blue gate is closed on Sundays."
    fact = "The code of the cellar door is 7319. The cellar door is made of steel."
    rows: list[list[object]] = [["door", "code"], ["cellar door", 7319], ["attic door", 2044]]
    made: dict[str, Callable[[], bytes]] = {
        "pdf": lambda: pdf(tmp_path / "a.pdf", [[fact]]).read_bytes(),
        "xlsx": lambda: table(tmp_path, rows),
        "csv": lambda: b"door,code\ncellar door,7319\nattic door,2044\n",
        "txt": fact.encode,
        "html": page("Doors", fact).encode,
    }
    assert shelf.add("gate.txt", other.encode())["state"] == "ready"
    desk = shelf.desk()
    assert "7319" not in desk.ask("What is the code of the cellar door?")["text"]
    assert shelf.add(f"doors.{kind}", made[kind]())["state"] == "ready"
    answer = desk.ask("What is the code of the cellar door?")
    assert "7319" in answer["text"]
    assert "2044" not in answer["text"]
    titles = {one["title"] for sentence in answer["sentences"] for one in sentence["citations"]}
    assert f"doors.{kind}" in titles


def test_that_an_faq_answers_its_questions_however_they_are_put(live_app: LiveApp) -> None:
    shelf = new_shelf(live_app)
    shelf.add("faq.txt", FAQ.encode())
    desk = shelf.desk()
    answers = {question: desk.ask(question)["text"] for question, _ in ASKED}
    assert [
        (question, answers[question]) for question, words in ASKED if words not in answers[question]
    ] == []


def test_that_a_changed_price_is_told_and_the_old_one_never_again_while_all_questions_are_answered(
    live_app: LiveApp,
) -> None:
    shelf = new_shelf(live_app)
    source = shelf.add("prices.csv", PRICES.format(hinge="12.25").encode())
    desk = shelf.desk()
    question = "What does the brass hinge cost?"
    assert desk.ask(question)["text"] == "Brass hinge: 12.25 (Price in euro)"
    told: list[str] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            told.append(desk.ask(question)["text"])

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        shelf.add("hours.txt", b"We are open on Fridays.")
        shelf.add("prices.csv", PRICES.format(hinge="13.75").encode())
        assert live_app.api("DELETE", f"/sources/{shelf.add('old.txt', b'Old news.')['id']}")[0] == 200
    finally:
        done.set()
        asking.join(30)
    old, new = (f"Brass hinge: {price} (Price in euro)" for price in ("12.25", "13.75"))
    assert told
    assert set(told) <= {old, new}
    assert told == sorted(told)  # never back to the old one
    assert desk.ask(question)["text"] == new
    assert shelf.source(source["id"])["live_version"] == 2


def test_that_an_agent_knows_nothing_of_another_agents_sources(live_app: LiveApp) -> None:
    def agent(door: str, code: int) -> Desk:
        shelf = new_shelf(live_app)
        shelf.add("doors.txt", f"The code of the {door} door is {code}. It opens outwards.".encode())
        shelf.add("garden.txt", b"The garden is watered on Mondays. The shed stands in the garden.")
        return shelf.desk()

    first, second = agent("cellar", 7319), agent("attic", 2044)
    assert "7319" in first.ask("What is the code of the cellar door?")["text"]
    assert "2044" in second.ask("What is the code of the attic door?")["text"]
    assert "7319" not in second.ask("What is the code of the cellar door?")["text"]
    assert "2044" not in first.ask("What is the code of the attic door?")["text"]
