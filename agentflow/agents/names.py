"""Which words of a sentence are names, so that a name the source does not hold can be seen.

A capital tells in the middle of an English or Dutch sentence. It tells nothing about a first word or about a
German noun; there `NameSense` asks the embedder, whose vectors of single words part names from things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agentflow.agents.polarity import stem
from agentflow.agents.vocabulary import (
    CURRENCIES,
    FUNCTION_WORDS,
    MONTHS,
    NUMBER_WORDS,
    ORDINALS,
    UNITS,
    WEEKDAYS,
    fold,
    words,
)
from knowledge.embedding import Embedder
from knowledge.language import detect

_TOKEN = re.compile(r"[^\W_]+(?:[-'’&.][^\W_]+)*")
_OPENING = re.compile(r"(?:^|[.!?:;\n•]|^\W*[-*])\s*[\"'“„‘«(\[]*\s*$")
_TITLE = re.compile(
    r"\b(?:herr|frau|herrn|dr|prof|mr|mrs|ms|sir|meneer|mevrouw|dhr|mevr|mijnheer|familie|firma)\.?\s*$", re.I
)
_VERB_FOLLOWERS = re.compile(
    r"\s(?:Sie|wir|Ihr|ihr|du|ich|u|je|we|wij|ik|jullie)\b"
)  # "Sagen Sie", "Annuleert u"
_NEVER = words("i i'm i'll i've i'd ok okay faq pdf sms") | set(CURRENCIES) | set(UNITS)
# In German a noun follows one of these and a name hardly ever does.
_DETERMINERS = words(
    "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner ihr ihre "
    "ihren ihrem "
    "ihrer unser unsere unseren unserem unserer mein meine meinen dein deine jede jeder jedes jeden "
    "jedem alle allen "
    "diese dieser dieses diesen diesem im am zum zur beim vom ins ans viele einige mehrere welche "
    "welcher"
)
_ENDINGS = words("s es n en e er an ans se isch ische ischen")
_SURE, _DOUBTFUL = 0.2, -0.3  # scores of NameSense above which a word counts as a name
_NOUN_ENDS = (
    "ung",
    "ungen",
    "heit",
    "heiten",
    "keit",
    "keiten",
    "schaft",
    "tion",
    "tionen",
    "tat",
    "nis",
    "ment",
    "ments",
    "ness",
    "tions",
    "ling",
)
_NAMES = (
    "Peter Anna Maria Johnson Smith Jansen Schmidt Müller Weber Berlin London Paris Amsterdam Hamburg "
    "Utrecht Google "
    "Microsoft Samsung Fatima Ahmed Wang Elena Rossi Garcia Boston Texas Germany France Spain Belgium "
    "Bakker Visser "
    "Thomas Julia Sophie Lukas Brown Taylor Rotterdam Wien Zürich Siemens Philips Volvo Toyota Oxford "
    "Chicago Miller "
    "Hofmann DHL PostNL Amazon Netflix Visa Alpine Rhine Hendrik Ingrid Pieter Claudia Sanchez Kowalski "
    "Petrov Nguyen "
    "Kim Tanaka Olsen Lindqvist Murphy Oslo Prague Dublin Geneva Toronto Nairobi Lego Ikea Nokia Renault "
    "Canon"
)
_THINGS = (
    "Customers Orders Shipping Delivery Returns Payment Members Guests Children Rooms Breakfast Parking "
    "Tickets Staff "
    "Refunds Products Batteries Repairs Training Students Employees Visitors Coffee Filters Keys "
    "Invoices Questions "
    "Changes Bookings Gifts Prices Discounts Damage Rücksendung Bestellung Lieferung Zahlung Kunden "
    "Gäste Kinder "
    "Frühstück Parkplatz Gebühr Vertrag Woche Geräte Reparatur Werkstatt Rechnung Garantie Adresse "
    "Schlüssel Filter "
    "Fragen Preise Karten Räume Zimmer Mitglieder Werkzeug Fahrräder Schäden Rabatt Termine Klanten "
    "Bestellingen "
    "Levering Betaling Leden Gasten Kinderen Kamers Ontbijt Kaartjes Kosten Medewerkers Reparaties "
    "Pakket Winkel "
    "Abonnement Sleutels Vragen Prijzen Kortingen Schade Afspraken Gereedschap Fietsen Bezoekers "
    "Rekening Wijzigingen"
)


@dataclass(frozen=True)
class Name:
    """A word with a capital. `certain` when its place or shape alone makes it a name."""

    text: str
    certain: bool


class NameSense:
    """Tells a name from a thing by the word's vector: a ridge fit over known ones, made on first use."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._weights: np.ndarray | None = None
        self._known: dict[str, float] = {}

    def score(self, word: str) -> float:
        """About 1 for a name, about -1 for a thing."""
        if word not in self._known:
            if self._weights is None:
                self._weights = self._fit()
            if len(self._known) > 5000:
                self._known.clear()
            vector = self._embedder.embed_documents([word])[0]
            self._known[word] = float(np.append(vector, 1.0) @ self._weights)
        return self._known[word]

    def _fit(self) -> np.ndarray:
        names, things = _NAMES.split(), _THINGS.split()
        vectors = self._embedder.embed_documents([*names, *things])
        inputs = np.column_stack([vectors, np.ones(len(vectors))])
        targets = np.concatenate([np.ones(len(names)), -np.ones(len(things))])
        ridge = 0.3 * np.eye(inputs.shape[1])
        solution: np.ndarray = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets)
        return solution


@lru_cache(maxsize=2048)
def names(text: str) -> tuple[Name, ...]:
    """Every word that may be a name, in order."""
    german = detect(text, "en") == "de"
    found: list[Name] = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        folded = fold(word)
        if (
            not any(char.isupper() for char in word)
            or any(char.isdigit() for char in word)
            or folded in _NEVER
        ):
            continue
        if folded in MONTHS or folded in WEEKDAYS or folded in NUMBER_WORDS or folded in ORDINALS:
            continue
        if found and _adjacent(text, found[-1].text, match.start()) and not folded.endswith(_NOUN_ENDS):
            found[-1] = Name(found[-1].text, certain=True)
            found.append(Name(word, certain=True))
            continue
        before = text[: match.start()]
        initial = bool(_OPENING.search(before)) or not before.strip(" \"'“„‘«([*-•")
        if name := _judge(word, folded, before, text[match.end() :], initial=initial, german=german):
            found.append(name)
    return tuple(found)


def _adjacent(text: str, previous: str, start: int) -> bool:
    """Two capitals in a row ("Emine Yilmaz") are a name in German too."""
    return text[:start].endswith(f"{previous} ")


def _judge(word: str, folded: str, before: str, after: str, *, initial: bool, german: bool) -> Name | None:
    shaped = (
        len(word) > 1
        and any(char.isupper() for char in word[1:])
        and not re.fullmatch(r"\w+-\w+(-\w+)*", word)
    )
    if shaped or _TITLE.search(before):
        return Name(word, certain=True)
    if folded in FUNCTION_WORDS and (initial or german or folded in ("u", "uw")):
        return None
    if not german and not initial:
        return Name(word, certain=True)
    if folded.endswith(_NOUN_ENDS):
        return None
    if initial and _VERB_FOLLOWERS.match(after):
        return None
    lead = re.search(r"([^\W\d_]+)\s+$", before)
    if german and lead and fold(lead[1]) in _DETERMINERS:
        return None
    return Name(word, certain=False)


def stranger(
    sentence: str, quote: str, context: str, sense: NameSense, seen: Callable[[], frozenset[str]] = frozenset
) -> str | None:
    """The first name of `sentence` that stands neither in `quote` nor in `context` (heading, source title).

    `seen` gives the folded words that are names for certain elsewhere in the knowledge.

    A word that may be a name is held to a stricter line when the quote has a name that the sentence leaves
    out: then one was probably put in the place of the other.
    """
    parts = _parts(quote)
    titled = _parts(context)
    stems = {stem(part) for part in parts | titled}
    said = _parts(sentence)
    left_out = any(
        (name.certain or sense.score(name.text) > _SURE) and not _known(name.text, said)
        for name in names(quote)
    )
    line = _DOUBTFUL if left_out else _SURE
    for name in names(sentence):
        if _known(name.text, parts):
            continue
        if _known(name.text, titled):
            if left_out and not any(_known(other.text, said) for other in names(quote) if other.certain):
                return name.text
            continue
        if name.certain or fold(name.text) in seen():
            return name.text
        if not _related(fold(name.text), stems) and sense.score(name.text) > line:
            return name.text
    return None


def certain_names(texts: Sequence[str]) -> frozenset[str]:
    """The folded words that are names for certain in any of the texts."""
    return frozenset(fold(name.text) for text in texts for name in names(text) if name.certain)


def _parts(text: str) -> set[str]:
    tokens = [fold(token) for token in _TOKEN.findall(text)]
    return {part for token in tokens for part in re.split(r"[-'&.]", token)} | set(tokens)


def _known(word: str, parts: set[str]) -> bool:
    """The word, or each capitalised part of it, stands among `parts`, perhaps inflected."""
    folded = re.sub(r"'s?$", "", fold(word))
    if folded in parts or any(_inflected(folded, other) for other in parts):
        return True
    pieces = [piece for piece in re.split(r"[-'&.]", word) if piece[:1].isupper()]
    return (
        len(pieces) > 0
        and any(sep in word for sep in "-&.")
        and all(_known(piece, parts) for piece in pieces)
    )


def swapped(sentence: str, quote: str) -> bool:
    """The same words with two names changed places: "Anna reports to Peter", "Peter reports to Anna"."""
    said, source = _in_order(sentence), _in_order(quote)
    if sorted(said) != sorted(source) or len(said) < 3:
        return False
    capital = {fold(name.text) for name in names(sentence)}
    return [word for word in said if word in capital] != [word for word in source if word in capital]


def _in_order(text: str) -> list[str]:
    return [fold(token) for token in _TOKEN.findall(text)]


def _inflected(word: str, other: str) -> bool:
    """Anna and Annas, Berlin and Berliner, Europe and European."""
    short, long = sorted((word, other), key=len)
    return len(short) >= 4 and long.startswith(short) and long[len(short) :] in _ENDINGS


def _related(word: str, stems: Sequence[str] | set[str]) -> bool:
    return stem(word) in stems or any(len(part) >= 4 and (part in word) for part in stems)
