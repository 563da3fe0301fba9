"""Guardrails: what is not talked about, decided before any model reads the question.

A phrase matches as written, whatever its case, accents and punctuation. A topic matches when the question is
nearer to the topic's examples than to what customers of any business ask; the margin, not the bare
similarity, is what holds across languages, because a small embedder finds any two Dutch questions alike.
Examples in the customers' languages are needed: similarity does not cross languages offline.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agentflow.agents.schemas import Guardrail, PhraseGuardrail, TopicGuardrail
from knowledge.embedding import Embedder, FloatMatrix
from knowledge.sentences import measure, sentence_spans

# With five examples a topic: 92 % of other questions on it found, 3 % of questions on 149 other topics
# wrongly (40 topics of an English intent collection). Lower finds more of both.
MIN_SIMILARITY = 0.38
MIN_MARGIN = 0.05
LETTERS_WEIGHT = 0.5  # letter triples find shared words that the embedder does not know
TOO_NEAR = 0.75  # an ordinary question as near as this to an example says nothing against the topic

ORDINARY = (
    "When are you open?", "How long does shipping take?", "How can I send something back?", "Its price?",
    "Where is my order?", "How can I pay?", "I forgot my password", "How do I reach customer service?",
    "Is there a guarantee?", "How does the product work?", "The device is broken", "Which one fits me best?",
    "Can I get a discount?", "Where are you located?", "I want to cancel my order", "Is it in stock?",
    "There is a mistake on my bill", "What is the size?", "What is your phone number?",
    "What is your e-mail address?", "How many people work at your company?", "Who are you?", "Please help me",
    "Wanneer zijn jullie open?", "Hoe lang duurt de levering?", "Hoe stuur ik iets terug?", "Wat kost het?",
    "Waar is mijn bestelling?", "Hoe kan ik betalen?", "Ik ben mijn wachtwoord vergeten",
    "Hoe bereik ik de klantenservice?", "Is er garantie?", "Hoe werkt het product?", "Het apparaat is kapot",
    "Welke past het best bij mij?", "Kan ik korting krijgen?", "Waar zitten jullie?",
    "Ik wil mijn bestelling annuleren", "Is het op voorraad?", "Er staat een fout op de factuur",
    "Wat is jullie telefoonnummer?", "Wat is jullie e-mailadres?", "Hoeveel mensen werken er bij jullie?",
    "Wie ben jij?", "Kun je me helpen?",
    "Wann haben Sie geöffnet?", "Wie lange dauert der Versand?", "Wie schicke ich etwas zurück?",
    "Was kostet das?", "Wo ist meine Bestellung?", "Wie kann ich bezahlen?", "Passwort vergessen",
    "Wie erreiche ich den Kundendienst?", "Gibt es Garantie?", "Wie funktioniert das Produkt?",
    "Das Gerät ist kaputt", "Was passt am besten zu mir?", "Bekomme ich Rabatt?", "Ich möchte stornieren",
    "Ist es auf Lager?", "Auf der Rechnung ist ein Fehler", "Wie ist Ihre Telefonnummer?", "Wer sind Sie?",
    "¿Cuándo abren?", "¿Cuánto tarda el envío?", "¿Cómo devuelvo algo?", "¿Cuánto cuesta?",
    "¿Dónde está mi pedido?", "¿Cómo puedo pagar?", "He olvidado mi contraseña", "¿Hay garantía?",
    "¿Cómo funciona el producto?", "El aparato está roto", "Quiero cancelar mi pedido", "¿Me puede ayudar?",
    "Quand êtes-vous ouverts ?", "Combien de temps prend la livraison ?", "Comment renvoyer un article ?",
    "Combien ça coûte ?", "Où est ma commande ?", "Comment puis-je payer ?", "J'ai oublié mon mot de passe",
    "Y a-t-il une garantie ?", "Comment fonctionne le produit ?", "L'appareil est cassé",
    "Je veux annuler ma commande", "Pouvez-vous m'aider ?",
)  # fmt: skip

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


@dataclass(frozen=True)
class GuardrailMatch:
    """The guardrail that applies; `score` is 1 for a phrase and the similarity for a topic."""

    guardrail: Guardrail
    score: float


@dataclass(frozen=True)
class _Topic:
    guardrail: TopicGuardrail
    vectors: FloatMatrix
    letters: tuple[frozenset[str], ...]
    against_vectors: FloatMatrix
    against_letters: tuple[frozenset[str], ...]


class OrdinaryQuestions:
    """What customers of any business ask, embedded once per process and only when a topic needs it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.letters = tuple(_letters(question) for question in ORDINARY)

    @cached_property
    def vectors(self) -> FloatMatrix:
        """One row per question."""
        rows: FloatMatrix = np.stack([self._embedder.embed_query(question) for question in ORDINARY])
        return rows


class Guardrails:
    """The guardrails of one agent version.

    Building, and matching where `needs_vectors`, compute vectors: call them in a thread.
    """

    def __init__(
        self, guardrails: Sequence[Guardrail], embedder: Embedder, ordinary: OrdinaryQuestions
    ) -> None:
        self._embedder = embedder
        self._phrases = [rule for rule in guardrails if isinstance(rule, PhraseGuardrail)]
        self._topics = [
            _topic(rule, embedder, ordinary) for rule in guardrails if isinstance(rule, TopicGuardrail)
        ]

    @property
    def needs_vectors(self) -> bool:
        """Whether there are topics; phrases are matched at once."""
        return bool(self._topics)

    def match(self, question: str) -> GuardrailMatch | None:
        """The guardrail that applies to a question: a phrase first, else the nearest topic, else None."""
        words = normalised(question)
        for rule in self._phrases:
            if any(_holds(words, normalised(phrase)) for phrase in rule.phrases):
                return GuardrailMatch(rule, 1.0)
        if not self._topics:
            return None
        matches = [match for part in _parts(question) for match in self._topics_of(part)]
        return max(matches, key=lambda match: match.score, default=None)

    def _topics_of(self, text: str) -> list[GuardrailMatch]:
        vector = self._embedder.embed_query(text)
        letters = _letters(text)
        found = []
        for topic in self._topics:
            similarity = float((topic.vectors @ vector).max())
            near = similarity + LETTERS_WEIGHT * _nearest(letters, topic.letters)
            ordinary = float((topic.against_vectors @ vector).max(initial=-1.0))
            margin = near - ordinary - LETTERS_WEIGHT * _nearest(letters, topic.against_letters)
            if similarity >= MIN_SIMILARITY and margin >= MIN_MARGIN:
                found.append(GuardrailMatch(topic.guardrail, similarity))
        return found


def normalised(text: str) -> str:
    """Words in lower case between single spaces, without Latin accents, punctuation and invisible signs."""
    folded = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)).casefold()
    bare = "".join(char for char in folded if not "\u0300" <= char <= "\u036f")
    composed = unicodedata.normalize("NFC", bare)
    return " ".join("".join(char if _is_of_a_word(char) else " " for char in composed).split())


def _is_of_a_word(char: str) -> bool:
    """Letters, digits, and the vowel and tone marks that many scripts write apart."""
    return char.isalnum() or unicodedata.category(char).startswith("M")


def _holds(words: str, phrase: str) -> bool:
    """Whole words, or any place where the script has no spaces."""
    if not phrase:
        return False
    return phrase in words if measure(phrase).is_wordless else f" {phrase} " in f" {words} "


def _parts(question: str) -> list[str]:
    """The whole and each sentence, so that a question cannot hide in a long message."""
    sentences = [question[start:end] for start, end in sentence_spans(question)]
    return [question, *sentences] if len(sentences) > 1 else [question]


def _topic(rule: TopicGuardrail, embedder: Embedder, ordinary: OrdinaryQuestions) -> _Topic:
    vectors: FloatMatrix = np.stack([embedder.embed_query(example) for example in rule.examples])
    apart = (ordinary.vectors @ vectors.T).max(axis=1) < TOO_NEAR
    return _Topic(
        guardrail=rule,
        vectors=vectors,
        letters=tuple(_letters(example) for example in rule.examples),
        against_vectors=ordinary.vectors[apart],
        against_letters=tuple(
            letters for letters, counts in zip(ordinary.letters, apart, strict=True) if counts
        ),
    )


def _letters(text: str) -> frozenset[str]:
    """Letter triples and quadruples of each word."""
    return frozenset(
        padded[start : start + size]
        for word in normalised(text).split()
        for padded in (f" {word} ",)
        for size in (3, 4)
        for start in range(len(padded) - size + 1)
    )


def _nearest(letters: frozenset[str], others: Sequence[frozenset[str]]) -> float:
    """The largest cosine of letter groups, 0 to 1."""
    return max(
        (len(letters & other) / (len(letters) * len(other)) ** 0.5 for other in others if letters and other),
        default=0.0,
    )
