"""Questions in en, nl and de to tables written for this: what is asked, of which rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from agentflow.llm.table_links import alike, link
from agentflow.llm.table_plans import SURE, SURE_OF_OTHERS, plan
from knowledge.pages import TableDraft
from knowledge.tables.columns import TypedTable
from knowledge.tables.lines import lines
from knowledge.tables.store import Table, packed

BRANCHES = """Branch,City,Manager,Opening hours
North,Groningen,Anna Bos,8:00-17:00
South,Maastricht,Jules Henri,9:00-18:00
"""
SAMPLE = Path(__file__).parents[2] / "agentflow" / "cli" / "sample" / "Prices.csv"
BOATS = """Boot;Bouwjaar;Lengte (m);Haven;Prijs per dag
De Zwaluw;1998;9,50;Sneek;€ 120,-
Waterlelie;2006;11,20;Heeg;€ 185,50
Oude Tjotter;1987;7,80;Sneek;€ 95,-
Noordster;2015;12,40;Lemmer;€ 1.210,-
"""
STAFF = """Name;Abteilung;Eintritt;Urlaubstage
Petra Lang;Lager;12. März 2019;28
Jonas Ruf;Verkauf;1. Mai 2021;26
Mina Vogt;Lager;3. Januar 2015;30
"""


def typed(name: str, rows: list[list[str]], sheet: str | None = None) -> TypedTable:
    numbered = tuple((number, tuple(cells)) for number, cells in enumerate(rows[1:], start=2))
    draft = TableDraft(tuple(rows[0]), numbered, sheet)
    return TypedTable(Table(name, f"src_{name}", name, 1, False, packed(draft)))


def tables() -> list[TypedTable]:
    prices = list(csv.reader(SAMPLE.read_text("utf-8").splitlines()))
    boats = list(csv.reader(BOATS.splitlines(), delimiter=";"))
    staff = list(csv.reader(STAFF.splitlines(), delimiter=";"))
    branches = list(csv.reader(BRANCHES.splitlines()))
    return [
        typed("Prices.csv", prices),
        typed("boten.csv", boats),
        typed("personal.csv", staff),
        typed("branches.csv", branches),
    ]


def said(question: str, language: str = "en") -> list[str] | None:
    planned = plan(question, tables(), SURE)
    return None if planned is None else lines(planned.answer, language)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does the Dune floor lamp cost?", ["Dune floor lamp: 129.00 (Price in euro)"]),
        ("What is the price of the Skagen bench?", ["Skagen bench: 279.00 (Price in euro)"]),
        ("Which material is the Quay wall lamp made of?", ["Quay wall lamp: Brass"]),
        ("How many Skagen chairs are in stock?", ["Skagen chair: 26 (In stock)"]),
        ("Which lamp is the cheapest?", ["Dune table lamp: 49.95 (Price in euro)"]),
        ("Which product is the most expensive?", ["Nordkapp dining table 220 cm: 899.00 (Price in euro)"]),
        (
            "How many products are made of solid oak?",
            ["3: Nordkapp dining table 180 cm; Nordkapp dining table 220 cm; Skagen bench"],
        ),
        ("How many products cost more than 700 euro?",
         ["2: Nordkapp dining table 180 cm; Nordkapp dining table 220 cm"]),
        ("What is the average price?", ["Price in euro, average: 239.95"]),
        ("How many lamps are in stock in total?", ["In stock, total: 63"]),
        ("Which products are out of stock?", ["Lantern outdoor lamp"]),
        (
            "How much more expensive is the Dune floor lamp than the Dune table lamp?",
            ["Price in euro, difference: 79.05"],
        ),
        ("Which product comes after the Skagen bench?", ["Drift linen duvet cover 140x220"]),
        ("Who manages the branch in Maastricht?", ["South: Jules Henri"]),
        ("When does the Groningen branch open?", ["North: 8:00-17:00"]),
        ("Wat kost de Waterlelie per dag?", ["Waterlelie: € 185,50"]),
        ("Welke boot is het goedkoopst?", ["Oude Tjotter: € 95,-"]),
        ("Hoeveel boten liggen in Sneek?", ["2: De Zwaluw; Oude Tjotter"]),
        ("Welke boot is de langste?", ["Noordster: 12,40 (Lengte (m))"]),
        ("Welke boot kost meer dan 1000 euro per dag?", ["Noordster"]),
        ("Welke boot is gebouwd na 2010?", ["Noordster"]),
        ("Hoeveel boten kosten minder dan 150 euro per dag?", ["2: De Zwaluw; Oude Tjotter"]),
        ("Hoeveel kost de Waterlelie per dag?", ["Waterlelie: € 185,50"]),
        ("Hoeveel euro kost de Waterlelie per dag?", ["Waterlelie: € 185,50"]),
        ("Wann ist der Eintritt von Jonas Ruf?", ["Jonas Ruf: 1. Mai 2021"]),
        ("Wie viele Urlaubstage hat Mina Vogt?", ["Mina Vogt: 30 (Urlaubstage)"]),
        ("Wer hat die meisten Urlaubstage?", ["Mina Vogt: 30 (Urlaubstage)"]),
    ],
)  # fmt: skip
def test_that_a_question_is_answered_from_its_cells(question: str, expected: list[str]) -> None:
    assert said(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which bike is the cheapest?", ["Duif: 450.25 (Price)"]),
        ("What is the most expensive bike?", ["Condor: 2100 (Price)"]),
        ("How many bikes are in stock in total?", ["In stock, total: 23"]),
        ("Which bikes are out of stock?", ["Bever"]),
        ("How many bikes cost less than 1000 euro?", ["2: Anser; Duif"]),
        ("Which boat is the cheapest?", None),
    ],
)
def test_that_a_sheet_is_asked_by_its_name(question: str, expected: list[str] | None) -> None:
    rows = ["Model,Price,In stock", "Anser,899,4", "Bever,1249.50,0", "Condor,2100,7", "Duif,450.25,12"]
    bikes = typed("list.xlsx", list(csv.reader(rows)), sheet="Bikes")
    planned = plan(question, [bikes], SURE_OF_OTHERS)
    assert (lines(planned.answer, "en") if planned else None) == expected


def test_that_the_label_of_a_result_is_in_the_language_of_the_answer() -> None:
    assert said("Wat is de gemiddelde prijs per dag?", "nl") == ["Prijs per dag, gemiddelde: €402,625"]
    assert said("Wie viele Urlaubstage sind es insgesamt?", "de") == ["Urlaubstage, Summe: 84"]


@pytest.mark.parametrize(
    "question",
    [
        "How many planets are there?",
        "Who won the world cup in 1974?",
        "How long is the warranty on a lamp?",
        "Do you ship to Belgium?",
        "Can I return an opened blanket?",
        "Hoe laat gaat de winkel open?",
        "Was kostet der Versand nach Wien?",
        "What is the price of a sofa?",
        "",
    ],
)
def test_that_other_questions_are_left_to_the_passages(question: str) -> None:
    assert said(question) is None


def test_that_words_agree_in_their_forms() -> None:
    assert alike("countries", "country")
    assert alike("lampen", "lamp")
    assert alike("priced", "price")
    assert not alike("card", "carpet")
    assert not alike("stock", "stove")


def test_that_longer_runs_of_words_win_over_their_parts() -> None:
    links = link("Is the Dune table lamp made of brass?", tables()[0])
    assert [(cell.value, cell.whole) for cell in links.cells[:2]] == [
        ("Dune table lamp", True),
        ("Brass", True),
    ]
