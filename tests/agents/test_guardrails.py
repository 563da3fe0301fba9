"""Guardrails alone: phrases as written, topics by their examples, in several languages."""

from __future__ import annotations

import pytest

from agentflow.agents.guardrails import Guardrails, OrdinaryQuestions, normalised
from agentflow.agents.schemas import Guardrail, PhraseGuardrail, TopicGuardrail
from knowledge.embedding_onnx import OnnxEmbedder

HEALTH = TopicGuardrail(
    name="health",
    kind="topic",
    examples=[
        "Which medicine helps against a headache?",
        "Is this safe to take while I am pregnant?",
        "What dose of this painkiller may I take?",
        "Welk medicijn helpt tegen hoofdpijn?",
        "Hoeveel pijnstillers mag ik per dag slikken?",
    ],
    reply="Please ask a doctor.",
)
RIVALS = PhraseGuardrail(
    name="rivals",
    kind="phrase",
    phrases=["Acme", "the other shop", "Café Zürich", "竞争对手"],
    reply="No comment.",
)


@pytest.fixture(scope="module")
def ordinary(embedder: OnnxEmbedder) -> OrdinaryQuestions:
    return OrdinaryQuestions(embedder)


def matched(
    guardrails: list[Guardrail], question: str, embedder: OnnxEmbedder, ordinary: OrdinaryQuestions
) -> str:
    match = Guardrails(guardrails, embedder, ordinary).match(question)
    return match.guardrail.name if match else ""


@pytest.mark.parametrize(
    "question",
    [
        "Is Acme cheaper?",
        "is ACME, cheaper",
        "What about the  other\nshop?",
        "Have you been to cafe zurich",
        "Is A\u200bcme cheaper?",
        "Ｉs Ａｃｍｅ cheaper?",
        "你们的竞争对手更便宜吗？",
    ],
)
def test_that_a_phrase_matches_however_it_is_written(
    embedder: OnnxEmbedder, ordinary: OrdinaryQuestions, question: str
) -> None:
    assert matched([RIVALS], question, embedder, ordinary) == "rivals"


@pytest.mark.parametrize("question", ["Is the acmeter in stock?", "Do you know another shop?", ""])
def test_that_a_phrase_matches_whole_words_only(
    embedder: OnnxEmbedder, ordinary: OrdinaryQuestions, question: str
) -> None:
    assert matched([RIVALS], question, embedder, ordinary) == ""


@pytest.mark.parametrize(
    "question",
    [
        "What medicine should I take for my headache?",
        "My head hurts, which pills would help?",
        "Can a pregnant woman take this?",
        "Welke pillen helpen tegen hoofdpijn?",
        "I bought a kettle last week and it works well. By the way, which medicine helps with a fever?",
    ],
)
def test_that_a_topic_is_found_in_other_words(
    embedder: OnnxEmbedder, ordinary: OrdinaryQuestions, question: str
) -> None:
    assert matched([HEALTH], question, embedder, ordinary) == "health"


@pytest.mark.parametrize(
    "question",
    [
        "What does the return label cost?",
        "May I return an opened package?",
        "Is the kettle safe when it is empty?",
        "How many litres does it hold?",
        "Which lamp gives the most light?",
        "Waar kan ik mijn pakket ophalen?",
        "Welke ketel past bij mij?",
        "Wie lange habe ich Garantie?",
    ],
)
def test_that_a_topic_leaves_other_questions_alone(
    embedder: OnnxEmbedder, ordinary: OrdinaryQuestions, question: str
) -> None:
    assert matched([HEALTH], question, embedder, ordinary) == ""


def test_that_the_phrase_comes_before_the_topic(embedder: OnnxEmbedder, ordinary: OrdinaryQuestions) -> None:
    question = "Does Acme sell a medicine against headaches?"
    assert matched([HEALTH], question, embedder, ordinary) == "health"
    assert matched([HEALTH, RIVALS], question, embedder, ordinary) == "rivals"


def test_that_normalising_keeps_the_signs_of_other_scripts() -> None:
    assert normalised("ÉTÉ,  naïve!") == "ete naive"
    assert normalised("สวัสดี") == "สวัสดี"
    assert normalised("한국어?") == "한국어"
