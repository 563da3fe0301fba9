from __future__ import annotations

from dataclasses import replace

import pytest

from agentflow.agents.citations import CitationChecker, classify
from agentflow.agents.facts import facts, unsupported
from agentflow.agents.polarity import disagreement
from agentflow.agents.sentences import SentenceSplitter, plain, split_sentences
from crm.teams import texts
from evals.performance.citations import DOCUMENTS, Judge, measure, passages_of, read_documents
from knowledge.embedding import Embedder
from knowledge.passages import PassageSentence

STOCK = frozenset({"I am sorry, I have no information about that."})


@pytest.fixture(scope="module")
def checker(embedder: Embedder) -> CitationChecker:
    return CitationChecker(embedder)


@pytest.fixture(scope="module")
def judge(embedder: Embedder) -> Judge:
    return Judge(embedder)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_that_lies_stay_in_and_true_sentences_get_out_on_documents_nothing_was_tuned_on(
    judge: Judge, seed: int
) -> None:
    figures, wrong = measure(read_documents(DOCUMENTS / "heldout"), judge, seed)
    assert figures.number_lies_out <= 0.05, wrong
    assert figures.other_lies_out <= 0.20, wrong
    assert figures.true_out >= 0.90, wrong


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("It costs 1,234.56 euro.", "Der Preis beträgt 1.234,56 €."),
        ("Het kost € 5.", "EUR 5 per stuk"),
        ("Het kost 5 euro.", "€ 5,- per stuk"),
        ("Since 12 March 2024.", "seit dem 12. März 2024"),
        ("Op 12-03-2024.", "on March 12, 2024"),
        ("Vanaf 12 maart 2024.", "2024-03-12"),
        ("In 2024.", "on 12 March 2024"),
        ("Within two weeks.", "binnen 2 weken"),
        ("Nach vierundzwanzig Stunden.", "after 24 hours"),
        ("Na vierentwintig uur.", "after twenty-four hours"),
        ("50 % korting.", "fünfzig Prozent"),
        ("At 2.30 pm.", "um 14:30 Uhr"),
        ("From 9:00 to 17:00.", "open 9 to 17"),
        ("On Tuesday.", "Montag bis Freitag"),
        ("For 5 million people.", "5.000.000 Menschen"),
        ("Between 5 and 10 euro.", "€ 5-10"),
        ("A warranty of one year.", "a year of warranty"),
        ("Mail a.b@shop.example.", "a.b@shop.example"),
        ("See https://www.shop.example/returns.", "shop.example/returns"),
        ("Call 020 123 4567.", "+31 20 1234567"),
    ],
)
def test_that_a_figure_is_found_however_it_is_written(sentence: str, quote: str) -> None:
    assert [fact.text for fact in facts(sentence) if unsupported(fact, facts(quote), quote)] == []


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Within 30 days.", "within 30 minutes"),
        ("It costs 12 euro.", "It costs 12 dollars"),
        ("On 12 March 2024.", "on 13 March 2024"),
        ("In March 2024.", "on 12 March 2023"),
        ("At 14:00.", "in 14 countries"),
        ("At 6 am.", "at 6 pm"),
        ("It costs 1.5 euro.", "it costs 15 euro"),
        ("On Sunday.", "Monday to Friday"),
        ("Three times.", "in March, on 12-03-2024"),
        ("Order AB-1235.", "order AB-1234"),
        ("Mail a@shop.example.", "b@shop.example"),
    ],
)
def test_that_another_figure_is_not_taken_for_it(sentence: str, quote: str) -> None:
    assert [fact for fact in facts(sentence) if unsupported(fact, facts(quote), quote)]


@pytest.mark.parametrize(
    ("sentence", "quote", "agree"),
    [
        ("You can't return it.", "Returning it is not possible.", True),
        ("No, dogs are not allowed.", "Dogs are not allowed.", True),
        ("The shop is closed on Sundays.", "On Sundays the shop is not open.", True),
        ("At most 5 people.", "No more than 5 people.", True),
        ("Parking is free.", "Breakfast is not included, but parking is free.", True),
        ("U betaalt niets voor parkeren.", "Parkeren is gratis.", True),
        ("You can return it.", "You can't return it.", False),
        ("Das ist erlaubt.", "Das ist verboten.", False),
        ("Honden mogen mee.", "Honden mogen niet mee.", False),
        ("Breakfast is included.", "Breakfast is not included, but parking is free.", False),
        ("At most 5 people.", "At least 5 people.", False),
        ("Only members may enter.", "Members may enter.", False),
        ("Delivery is free.", "Delivery is free, unless the order is small.", False),
        ("There is a fee for parking.", "Parking is free of charge.", False),
    ],
)
def test_that_yes_and_no_have_to_agree(sentence: str, quote: str, *, agree: bool) -> None:
    assert (disagreement(sentence, quote) is None) is agree


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Returns are accepted within 5 days.", "Returns are accepted within 30 days, refunds take 5 days."),
        ("Anna Vos reports to Peter Blom.", "Peter Blom reports to Anna Vos."),
        ("Peter runs the shop in Delft.", "Anna runs the shop in Delft."),
        ("Emine Yilmaz leitet die Schule.", "Die Schule leitet Almut Reinders."),
        ("Our penguins speak fluent Latin.", "Delivery takes two days."),
        ("It costs € 12.", "Price: 12; Colour: red"),
    ],
)
def test_that_an_invention_is_not_supported(checker: CitationChecker, sentence: str, quote: str) -> None:
    assert not checker.supported(sentence, quote).ok


def test_that_a_name_may_stand_in_the_heading_and_a_figure_may_not(checker: CitationChecker) -> None:
    quote = "The kettle switches itself off when the water boils."
    said = "The Brevik kettle switches itself off when the water boils."
    assert not checker.supported(said, quote).ok
    assert checker.supported(said, quote, context="Brevik kettle").ok
    said = "The kettle switches itself off after 3 minutes when the water boils."
    assert not checker.supported(said, quote, context="3 minutes").ok


def test_that_a_table_row_is_cited_with_its_own_row(embedder: Embedder, checker: CitationChecker) -> None:
    rows = ["Product: Kestrel 200; Price (EUR): 49", "Product: Heron 400; Price (EUR): 79"]
    vectors = embedder.embed_documents(rows)
    parts = tuple(
        PassageSentence(text, None, None, number, vector, 0.0)
        for number, (text, vector) in enumerate(zip(rows, vectors, strict=True), start=2)
    )
    bare = passages_of(rows, "", embedder)[0]
    passage = replace(bare, source="prices.xlsx", version=3, sheet="List", row=2, sentences=parts)
    citations = checker.cite("The Heron 400 costs € 79.", [passage])
    assert citations is not None
    assert [(one.row, one.sheet, one.version, one.quote) for one in citations] == [(3, "List", 3, rows[1])]
    assert checker.cite("The Heron 400 costs € 49.", [passage]) is None


def test_that_a_quote_of_two_sentences_keeps_its_place_in_the_extract(
    embedder: Embedder, checker: CitationChecker
) -> None:
    first, second = "The harbour master is Ailsa Renwick.", "She grants berths to visiting boats."
    vectors = embedder.embed_documents([first, second])
    parts = (
        PassageSentence(first, 100, 136, None, vectors[0], 0.0),
        PassageSentence(second, 138, 138 + len(second), None, vectors[1], 0.0),
    )
    bare = passages_of([first, second], "", embedder)[0]
    passage = replace(bare, page=4, start=100, end=140, text=f"{first}\n\n{second}", sentences=parts)
    citations = checker.cite("Ailsa Renwick, the harbour master, grants berths to visiting boats.", [passage])
    assert citations is not None
    assert (citations[0].start, citations[0].end, citations[0].page) == (100, 138 + len(second), 4)
    assert citations[0].quote == f"{first}\n\n{second}"


def test_that_nothing_is_cited_from_nothing(embedder: Embedder, checker: CitationChecker) -> None:
    assert checker.cite("Delivery takes two days.", []) is None
    assert checker.cite("**", passages_of(["Delivery takes two days."], "", embedder)) is None


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("I am sorry, I have no information about that.", "stock"),
        ("Hello Anna!", "greeting"),
        ("You're welcome, happy to help!", "greeting"),
        ("Graag gedaan!", "greeting"),
        ("Vielen Dank für Ihre Nachricht!", "greeting"),
        ("Could you tell me your order number?", "question"),
        ("Kunt u mij uw ordernummer geven?", "question"),
        ("Können Sie mir Ihre Bestellnummer nennen?", "question"),
        ("您能告诉我订单号吗？", "question"),
        ("Of course.", "fact"),
        ("Yes.", "fact"),
        ("We are open.", "fact"),
        ("Hello, everything is sold out!", "fact"),
        ("Did you know that we deliver everywhere?", "fact"),
        ("Are you looking for the 5 euro plan?", "fact"),
        ("Shipping is free, right?", "fact"),
        ("Is your order late because our warehouse burned down?", "fact"),
        ("Would you like to visit our shop run by Peter?", "fact"),
    ],
)
def test_that_only_small_talk_may_stand_without_a_citation(sentence: str, kind: str) -> None:
    assert classify(sentence, STOCK) == kind


@pytest.mark.parametrize("language", texts.languages())
def test_that_our_own_question_for_a_detail_passes_as_one(language: str) -> None:
    assert classify(texts.text("ask_missing", language, slot="order number")) == "question"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smit asks 3.5 euro. See www.shop.example now! OK?", 3),
        ("It opened on 12. März 2024. Der 3. Platz ist frei.", 2),
        ("Costs e.g. 5 euro, i.e. little. No. 5 is here.", 2),
        ("- one thing\n- another thing\n1. First\n2. Second.", 4),
        ("你好。可以退货吗？可以！", 3),
        ("هل يمكنني الإرجاع؟ نعم.", 2),
        ('He said "no." Then he left.', 2),
        ("We need it on Sunday. we are sure.", 1),
    ],
)
def test_that_sentences_end_where_they_end(text: str, sentences: int) -> None:
    assert len(split_sentences(text)) == sentences


def test_that_a_stream_gives_the_same_sentences_whatever_its_pieces() -> None:
    text = "Dr. Smit asks 3.5 euro. It opened on 12. März 2024!\n- See www.shop.example. Really? 可以。好"
    whole = split_sentences(text)
    for size in (1, 2, 3, 7, 50):
        splitter = SentenceSplitter()
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        found = [sentence for piece in pieces for sentence in splitter.feed(piece)]
        assert [*found, *splitter.flush()] == whole


def test_that_a_sentence_leaves_as_soon_as_its_end_is_certain() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("It costs 3.") == []
    assert splitter.feed("50 euro. ") == []
    assert splitter.feed("T") == ["It costs 3.50 euro."]


def test_that_list_marks_and_source_marks_are_not_part_of_what_is_said() -> None:
    assert plain("2. **Returns** are free [1].") == "Returns are free."
