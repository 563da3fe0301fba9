"""Refusing what the knowledge does not hold, calibrated without labels on small knowledge of our own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from knowledge.embedding import Embedder, Foreignness
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.generation import echo, embedder_knows
from knowledge.lexical import LexicalIndex
from knowledge.ranking import Corpus, Evidence, Query, rank
from knowledge.refusal import Calibration, Null, calibrate

BICYCLES = (
    "A city bicycle costs nine euros for a day. An electric bicycle costs twenty-four euros for a day.",
    "You pick the bicycle up at our shed behind the station. Bring an identity card with you.",
    "Bring the bicycle back before six in the evening. We charge five euros for each hour you are late.",
    "A puncture is repaired free of charge. If you are out of town, call us and a mechanic drives out.",
    "A stolen bicycle must be reported to the police. With our insurance you pay at most a hundred euros.",
    "Children's seats can be rented for two euros. They carry a child of up to twenty-two kilos.",
    "You can cancel a booking until noon of the day before. After that we keep half of the price.",
    "Groups of more than ten people get a discount of fifteen percent. Ask for it by e-mail.",
    "The battery of an electric bicycle lasts for about eighty kilometres. A charger is in the saddle bag.",
    "In winter we are open at weekends only. Between Christmas and New Year the shed is closed.",
    "Helmets are free for children. Adults pay one euro for a helmet.",
    "Our guided tour along the river takes three hours. It starts every Saturday at ten.",
)
ASKED_OF_BICYCLES = (
    "How much is an electric bicycle per day?",
    "Where do I pick up my bicycle?",
    "What happens if I bring it back late?",
    "Who repairs a puncture?",
    "What if the bicycle is stolen?",
    "Can I rent a child seat?",
    "Until when can I cancel my booking?",
    "Is there a discount for groups?",
    "How far does the battery last?",
    "Are you open in winter?",
    "Do I have to pay for a helmet?",
    "When does the guided tour start?",
)
LIBRARY = (
    "Met een leeskaart leent u tien boeken tegelijk. De kaart kost vierendertig euro per jaar.",
    "Kinderen tot achttien jaar zijn gratis lid. Een ouder moet het formulier ondertekenen.",
    "De uitleentermijn is drie weken. Verlengen kan twee keer, als niemand het boek gereserveerd heeft.",
    "Voor te laat ingeleverde boeken betaalt u twintig cent per dag. De boete is hoogstens vijf euro.",
    "De studiezaal is op werkdagen open van negen tot negen. Op zondag is de studiezaal gesloten.",
    "Een reservering kost vijftig cent. Wij sturen een bericht zodra het boek klaarligt.",
    "U kunt bij ons printen en kopiëren voor tien cent per bladzijde. Scannen is gratis.",
    "Een beschadigd of verloren boek moet u vergoeden. De medewerker aan de balie noemt de prijs.",
    "Uw lidmaatschap opzeggen kan tot een maand voor het einde van het jaar. Dat mag per e-mail.",
    "Elke woensdagmiddag lezen vrijwilligers voor aan peuters. Aanmelden is niet nodig.",
)
ASKED_OF_LIBRARY = (
    "Hoeveel boeken mag ik tegelijk lenen?",
    "Zijn kinderen gratis lid?",
    "Hoe lang mag ik een boek houden?",
    "Wat kost het als ik boeken te laat inlever?",
    "Is de studiezaal op zondag open?",
    "Wat kost een reservering?",
    "Kan ik bij jullie printen?",
    "Ik heb een boek verloren, moet ik dat vergoeden?",
    "Hoe kan ik mijn lidmaatschap opzeggen?",
    "Wanneer wordt er voorgelezen aan peuters?",
)
STRANGE = (
    "Who composed the Moonlight Sonata?",
    "How many legs does a spider have?",
    "What is the boiling point of mercury?",
    "Which planet has the longest night?",
    "Can you recommend a thriller for the weekend?",
    "How do I bake sourdough bread?",
    "Who was the first woman in space?",
    "What is my horoscope for today?",
    "Should I buy shares of a steel company?",
    "How do I get a visa for Brazil?",
)
STRANGE_DUTCH = (
    "Wie componeerde de Mondscheinsonate?",
    "Hoeveel poten heeft een spin?",
    "Hoe bak ik zuurdesembrood?",
    "Welke planeet staat het verst van de zon?",
    "Wat zegt mijn horoscoop van vandaag?",
    "Hoe vraag ik een visum voor Brazilië aan?",
    "Wie was de eerste vrouw in de ruimte?",
    "Moet ik aandelen van een staalbedrijf kopen?",
    "Hoe vervang ik de remblokken van mijn auto?",
    "Wat is het kookpunt van kwik?",
)


class Knowledge:
    """A calibrated knowledge base of texts; each is one chunk of a few sentences."""

    def __init__(self, texts: tuple[str, ...], embedder: Embedder) -> None:
        self.embedder = embedder
        sentences = [[part.strip(". ") + "." for part in text.split(". ")] for text in texts]
        flat = [sentence for parts in sentences for sentence in parts]
        self.vectors = embedder.embed_documents(texts)
        self.corpus = Corpus(
            chunks=LexicalIndex.build(texts),
            sentences=LexicalIndex.build(flat),
            sentence_offsets=np.cumsum([0, *(len(parts) for parts in sentences)]),
            sentence_vectors=embedder.embed_documents(flat),
            from_sheet=np.zeros(len(texts), dtype=bool),
            embedder_knows_text=embedder_knows(embedder, flat),
        )
        self.calibration = calibrate(
            self.probe,
            chunks=len(texts),
            headings=[],
            sentences=flat,
            embedder_knows_text=self.corpus.embedder_knows_text,
            echo=echo(self.corpus, flat),
        )

    def probe(self, question: str) -> Evidence:
        vector = self.embedder.embed_query(question)
        query = Query(question, vector, self.embedder.foreignness(question))
        return rank(self.corpus, query, self.vectors @ vector).evidence

    def share_known(self, questions: tuple[str, ...]) -> float:
        return sum(self.calibration.known(self.probe(question)) for question in questions) / len(questions)


@pytest.fixture(scope="module")
def bicycles(embedder: OnnxEmbedder) -> Knowledge:
    return Knowledge(BICYCLES, embedder)


@pytest.fixture(scope="module")
def library(embedder: OnnxEmbedder) -> Knowledge:
    return Knowledge(LIBRARY, embedder)


def test_that_what_is_held_is_known_and_what_is_not_is_refused(bicycles: Knowledge) -> None:
    assert bicycles.share_known(ASKED_OF_BICYCLES) >= 0.9
    assert bicycles.share_known(STRANGE) <= 0.1


def test_that_a_language_the_embedder_hardly_knows_is_calibrated_too(library: Knowledge) -> None:
    assert not library.calibration.embedder_knows_text
    assert library.share_known(ASKED_OF_LIBRARY) >= 0.9
    assert library.share_known(STRANGE_DUTCH) <= 0.2


def test_that_questions_the_text_does_not_answer_in_another_language_are_refused(library: Knowledge) -> None:
    assert library.share_known(STRANGE) <= 0.1


@pytest.mark.parametrize("number", [1, 2, 5])
def test_that_very_small_knowledge_behaves(embedder: OnnxEmbedder, number: int) -> None:
    small = Knowledge(BICYCLES[:number], embedder)
    assert small.share_known(ASKED_OF_BICYCLES[:number]) >= 0.8
    assert small.share_known(STRANGE) == 0.0


@pytest.mark.parametrize("texts", [(), ("!",), ("---", "42")])
def test_that_knowledge_without_sentences_can_be_asked(
    embedder: OnnxEmbedder, texts: tuple[str, ...]
) -> None:
    bare = Knowledge(texts, embedder)
    assert bare.share_known(STRANGE) == 0.0


def test_that_the_same_text_gets_the_same_line(bicycles: Knowledge, embedder: OnnxEmbedder) -> None:
    assert Knowledge(BICYCLES, embedder).calibration == bicycles.calibration


def test_that_a_calibration_survives_storage(bicycles: Knowledge) -> None:
    stored = json.dumps(bicycles.calibration.to_json())
    assert Calibration.from_json(json.loads(stored)) == bicycles.calibration


def test_that_headings_asked_word_for_word_pass_even_where_sentences_are_poor() -> None:
    weak = Evidence(0.2, 0.3, 0.2, 0.2, 0.2, Foreignness(1.1, 0.0), from_sheet=False)
    calibration = calibrate(
        lambda _: weak,
        chunks=50,
        headings=["Opening hours"],
        sentences=["a b c d"],
        embedder_knows_text=True,
    )
    assert calibration.slack > 0
    assert calibration.known(weak)


FLAT = Null(dense=0.2, dense_spread=0.1, sentence=0.3, sentence_spread=0.1)
RULE = Calibration(40, embedder_knows_text=True, known_language=FLAT, other_language=FLAT, slack=0.0)
GOOD = Evidence(0.6, 0.7, 0.9, 0.6, 0.7, Foreignness(1.1, 0.0), from_sheet=False)


@pytest.mark.parametrize("field", ["dense", "sentence", "lexical", "sentence_lexical", "coverage"])
def test_that_less_evidence_never_makes_an_answer_likelier(field: str) -> None:
    weaker = replace(GOOD, **{field: getattr(GOOD, field) / 2})
    assert RULE.margin(weaker) < RULE.margin(GOOD)


def test_that_more_text_asks_for_more_evidence() -> None:
    assert replace(RULE, chunks=4000).margin(GOOD) < RULE.margin(GOOD)


def test_that_text_that_echoes_needs_more_and_sheets_need_less() -> None:
    assert replace(RULE, echo=0.2).margin(GOOD) < RULE.margin(GOOD)
    assert RULE.margin(replace(GOOD, from_sheet=True)) > RULE.margin(GOOD)


def test_that_a_question_in_another_language_than_the_text_is_judged_by_its_vectors() -> None:
    dutch = replace(RULE, embedder_knows_text=False)
    nothing_shared = replace(GOOD, lexical=0.1, sentence_lexical=0.1, coverage=0.1)
    assert dutch.known(nothing_shared)
    assert not dutch.known(replace(nothing_shared, dense=0.3, sentence=0.4))
    assert not dutch.known(replace(nothing_shared, foreignness=Foreignness(1.9, 0.0)))
    assert not RULE.known(nothing_shared)
