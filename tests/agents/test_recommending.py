"""AI-20, offline: what a customer needs, with what was said before, steers what is recommended."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from agentflow.kit.files import LocalFiles
from agentflow.llm.needs import read_need
from crm.contacts import service as contacts
from crm.contacts.errors import NameTaken
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.schemas import ContactCreate, ContactSource, PropertyType
from crm.inbox.schemas import HistoryLine
from knowledge import service as knowledge
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.ingest import IngestDeps, ingest
from knowledge.reading import ReaderPool
from tests.agents.conftest import Answer, NoJobs, Shop

CATALOGUE = (
    "Product,Use,Price in euro,In stock\n"
    'Aster task lamp,"desk, study",39.95,12\n'
    'Comet spotlight,"outdoor, garden",44.50,20\n'
    'Dune lantern,"outdoor, terrace",79.00,5\n'
    'Flint path light,"outdoor, driveway",29.95,14\n'
    'Gale flood light,"outdoor, driveway",19.95,0\n'
    "Grove arc lamp,living room,129.00,3\n"
    "Haze screen bar,desk,64.00,9\n"
    'Linde hanglamp,"keuken, eettafel",89.00,4\n'
    'Moos Stehleuchte,"Wohnzimmer, Leseecke",99.00,6\n'
)


async def add_file(shop: Shop, embedder: OnnxEmbedder, folder: Path, name: str, content: str) -> None:
    """Put a file beside the shop's texts."""
    shop.db.jobs = NoJobs()
    files, reader = LocalFiles(folder / "files"), ReaderPool(shop.db.settings.ingest)
    source = await knowledge.upload(
        shop.db,
        files,
        shop.workspace_id,
        shop.knowledge_base_id,
        name=name,
        content=content.encode(),
    )
    await ingest(IngestDeps(shop.db, files, reader, embedder), source.id, source.version)
    await reader.close()


@pytest.fixture
async def lamp_shop(shop: Shop, embedder: OnnxEmbedder, tmp_path: Path) -> Shop:
    """The shop with a catalogue beside its texts."""
    await add_file(shop, embedder, tmp_path, "lamps.csv", CATALOGUE)
    return shop


async def talk(shop: Shop, *questions: str) -> Answer:
    """The answer to the last of these, all in one conversation."""
    history: tuple[HistoryLine, ...] = ()
    for question in questions:
        answer = await shop.ask(question, history=history)
        history += (HistoryLine("contact", question), HistoryLine("agent", answer.text))
    return answer


def rows(answer: Answer) -> list[int | None]:
    return [cited.row for sentence in answer.outcome.sentences for cited in sentence.citations]


async def test_that_two_needs_get_two_recommendations_from_the_catalogue(lamp_shop: Shop) -> None:
    outside = await talk(lamp_shop, "I need a lamp for outside under 50 euro")
    assert outside.text.splitlines() == [
        "Flint path light: outdoor, driveway; 29.95 (Price in euro); 14 (In stock)",
        "Comet spotlight: outdoor, garden; 44.50 (Price in euro); 20 (In stock)",
    ]
    assert rows(outside) == [5, 3]
    buiten = await talk(lamp_shop, "Ik zoek een lamp voor buiten onder de 50 euro")
    assert rows(buiten) == [5, 3]
    kitchen = await talk(lamp_shop, "I am looking for a lamp for the kitchen")
    assert rows(kitchen) == [9]
    desk = await talk(lamp_shop, "I want something for my desk")
    assert desk.text.splitlines() == [
        "Aster task lamp: desk, study; 39.95 (Price in euro); 12 (In stock)",
        "Haze screen bar: desk; 64.00 (Price in euro); 9 (In stock)",
    ]
    assert rows(desk) == [2, 8]
    cited = {one.source for sentence in outside.outcome.sentences for one in sentence.citations}
    assert cited == {"lamps.csv"}


async def customer(shop: Shop, **values: str) -> str:
    """A contact with these properties; agents are told of all but `secret`."""
    async with shop.db.transaction() as session:
        for key in values:
            data = PropertyCreate(
                key=key, name=key.title(), type=PropertyType.TEXT, for_agents=key != "secret"
            )
            with suppress(NameTaken):
                await properties.create_property(session, shop.workspace_id, data)
        made = await contacts.create_contact(
            session, shop.workspace_id, ContactCreate(properties=dict(values)), source=ContactSource.API
        )
        return made.id


async def test_that_two_profiles_get_two_recommendations_from_the_catalogue(lamp_shop: Shop) -> None:
    question = "Which lamp do you recommend?"
    gardener = await lamp_shop.ask(question, contact_id=await customer(lamp_shop, interest="my garden"))
    student = await lamp_shop.ask(
        question, contact_id=await customer(lamp_shop, plan="Premium", interest="study")
    )
    assert (rows(gardener), rows(student)) == ([3], [2]), (gardener.text, student.text)


async def test_that_what_a_customer_says_goes_before_the_profile(lamp_shop: Shop) -> None:
    who = await customer(lamp_shop, interest="garden")
    asked = "I want something for my desk"
    assert rows(await lamp_shop.ask(asked, contact_id=who)) == rows(await lamp_shop.ask(asked)) == [2, 8]


async def test_that_agents_are_told_only_what_the_admin_lets_them_know(lamp_shop: Shop) -> None:
    question = "Which lamp do you recommend?"
    kept = await customer(lamp_shop, secret="garden")
    unknown = await lamp_shop.ask(question)
    assert rows(await lamp_shop.ask(question, contact_id=kept)) == rows(unknown) != [3]


@pytest.mark.parametrize(
    ("questions", "places"),
    [
        (("I need a lamp for outside", "under 30 euro please"), [5]),
        (("I am looking for a light for the garden", "something cheaper?"), [3]),
        (("I want something for my desk, at least 50 euro", "something cheaper?"), [2]),
        (("I'm looking for something for the garden, my budget is 45 euro", "And for the terrace?"), [4]),
        (("What do you have for the driveway?", "Do you have it in stock?"), [5]),
        (("What outdoor lights do you have?", "Which is the cheapest?"), [5]),
        (("How much is the Grove arc lamp?", "something cheaper?"), [2]),
        (("Ik zoek een lamp voor de keuken, maximaal 100 euro",), [9]),
        (("Ich suche etwas für die Leseecke", "Was kostet das?"), [10]),
    ],
)
async def test_that_what_was_said_before_counts(
    lamp_shop: Shop, questions: tuple[str, ...], places: list[int]
) -> None:
    answer = await talk(lamp_shop, *questions)
    assert (answer.outcome.action, rows(answer)) == ("reply", places), answer.text


async def test_that_nothing_beyond_a_stated_limit_is_recommended(lamp_shop: Shop) -> None:
    answer = await talk(lamp_shop, "I need a lamp for the garden under 20 euro")
    assert (answer.outcome.action, rows(answer)) == ("refuse", [])


async def test_that_other_matters_are_answered_as_ever(lamp_shop: Shop) -> None:
    for question in ("I want to return my order, how long do I have?", "Do you repair by appointment?"):
        answer = await talk(lamp_shop, "I need a lamp for outside", question)
        sources = {one.source for each in answer.outcome.sentences for one in each.citations}
        assert sources & {"returns.txt", "hours.txt"}, answer.text


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("I need a desk under 1,250 euro", None, "1250"),
        ("I need a desk for at most €49.95", None, "49.95"),
        ("I want a lamp between 30 and 60 euros", "30", "60"),
        ("Ik zoek een tas vanaf 50 euro", "50", None),
        ("Ich brauche eine Lampe bis zu 49,95 €", None, "49.95"),
        ("I need a lamp for a room under 18 metres", None, None),
        ("I need it within 30 days", None, None),
    ],
)
def test_that_a_price_limit_is_read_and_other_numbers_are_not(
    text: str, least: str | None, most: str | None
) -> None:
    need = read_need(text, [])
    found = (need.least, need.most) if need else (None, None)
    assert found == (least and Decimal(least), most and Decimal(most))


@pytest.mark.parametrize(
    "text",
    [
        "What does the lamp cost?",
        "I need to return it",
        "I want to know the price",
        "Which lamp is cheapest?",
    ],
)
def test_that_other_questions_state_no_need(text: str) -> None:
    assert read_need(text, []) is None
