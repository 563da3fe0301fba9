"""Which quote supports a sentence, and whether any does. No uncited fact leaves the server.

A sentence is supported by a quote when every figure and name in it stands in the quote, both say yes or no to
the same thing, and the two are alike enough: by vectors and by shared letters, against a line calibrated on
documents written for it (evals/performance/citations.py measures it on others). A sentence that stands in the
quote word for word needs no likeness. This cannot see an invented relation between things that are all in the
quote; it makes inventions rare, not impossible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from agentflow.agents import names
from agentflow.agents.binding import misplaced
from agentflow.agents.facts import Fact, facts, spelled_currency, unsupported
from agentflow.agents.polarity import content_stems, disagreement
from agentflow.agents.replies import Citation, SentenceKind
from agentflow.agents.sentences import plain
from agentflow.agents.smalltalk import is_greeting, is_open_question
from agentflow.agents.vocabulary import CURRENCIES, FUNCTION_WORDS, UNITS, fold
from knowledge.embedding import Embedder, FloatVector
from knowledge.passages import Passage, PassageSentence
from knowledge.tables.lines import LANGUAGES, row_text, statements
from knowledge.tables.query import ResultRow, TableAnswer

# likeness = COSINE_WEIGHT * cosine + (1 - COSINE_WEIGHT) * share of the sentence's letter groups in the quote
COSINE_WEIGHT = 0.5
LIKENESS = 0.43
_CANDIDATES = 8  # single sentences tried, best first
_CENTRES = 4  # of those, around which neighbours are joined
_MAX_JOINED = 3
_CITED_ROWS = 3  # of an answer from a table
# A quote this much less like the sentence than one that contradicts it cannot save it.
_DENIED_LEAD = 0.05
_PRONOUN = re.compile(
    r"\W*(?:she|he|it|they|this|these|that|those|there|zij|ze|hij|deze|dit|dat|die|er|sie|es|dies\w*|das|dort|daar)\b",
    re.I,
)
_WORD = re.compile(r"[^\W_]+")
_NAMED_UNITS = frozenset({"EUR", "USD", "GBP", "CHF", "JPY", "percent"})  # have to be spelled in the quote
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Verdict:
    """Whether a quote supports a sentence; `reason` says what is missing when it does not."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class _Quote:
    """One to three neighbouring sentences of a passage, or one row."""

    passage: Passage
    parts: tuple[PassageSentence, ...]
    text: str
    likeness: float

    @property
    def context(self) -> str:
        return f"{self.passage.heading} {self.passage.sheet or ''} {self.passage.source}"

    def citation(self) -> Citation:
        """As it is stored with the message."""
        first, last = self.parts[0], self.parts[-1]
        return Citation(
            source_id=self.passage.source_id,
            source=self.passage.source,
            version=self.passage.version,
            page=self.passage.page,
            sheet=self.passage.sheet,
            row=first.row,
            start=first.start,
            end=last.end,
            quote=self.text,
            public=self.passage.public,
            heading=self.passage.section,
        )


class CitationChecker:
    """Checks sentences against passages. Its methods compute vectors: call them off the event loop."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._sense = names.NameSense(embedder)

    def supported(self, sentence: str, quote: str, *, context: str = "") -> Verdict:
        """Whether `quote` supports `sentence`; names may also stand in `context` (heading, source title)."""
        said = plain(sentence)
        verdict = self._check(said, quote, context, likeness=1.0)
        if not verdict.ok or _contains(quote, said):
            return verdict
        vectors = self._embedder.embed_documents([said, quote])
        return self._check(
            said, quote, context, likeness=_likeness(said, quote, float(vectors[0] @ vectors[1]))
        )

    def cite(
        self, sentence: str, passages: Sequence[Passage], tables: Sequence[TableAnswer] = ()
    ) -> tuple[Citation, ...] | None:
        """What supports the sentence: this turn's answers from tables, else the best quote in `passages`.

        A number that was computed stands in no quote: it is supported only as the result of such an answer,
        and what is cited are the rows it was computed from.
        """
        said = plain(sentence)
        if not said:
            return None
        for answer in tables:
            if rows := self._told(said, answer):
                return _rows_cited(answer, rows)
        quote = self._word_for_word(said, passages) or self._alike(said, passages)
        return (quote.citation(),) if quote else None

    def quoted(self, sentence: str, passages: Sequence[Passage]) -> tuple[Citation, ...] | None:
        """What the sentence is, word for word; None when it is nothing's. Needs no vectors, so no thread."""
        wanted = _flat(plain(sentence))
        quotes = _verbatim(wanted, passages) if wanted else iter(())
        quote = next((quote for quote in quotes if _flat(quote.text) == wanted), None)
        return (quote.citation(),) if quote else None

    def _told(self, said: str, answer: TableAnswer) -> Sequence[ResultRow]:
        """The rows behind a sentence that says what a table answered: in its words, or with its result."""
        told = [line for language in LANGUAGES for line in statements(answer, language)]
        for text, rows in told:
            if _contains(text, said):
                return rows
        source = answer.table.table.source
        if answer.value is None:
            texts = {row: row_text(answer.table, row.position) for row in answer.rows}
            return [row for row, text in texts.items() if self.supported(said, text, context=source).ok][:1]
        if _missing_figure(facts(answer.value), facts(said), said, ""):
            return ()
        conditions = [f"{one.column} {_listed(one.value)}" for one in answer.query.where]
        quote = "; ".join([*(text for text, _ in told), *conditions, *(row.name for row in answer.rows)])
        return answer.rows if self.supported(said, quote, context=source).ok else ()

    def _word_for_word(self, said: str, passages: Sequence[Passage]) -> _Quote | None:
        for quote in _verbatim(said, passages):
            if _flat(quote.text) == _flat(said) or self._check(said, quote.text, quote.context, 1.0).ok:
                return quote
        return None

    def _alike(self, said: str, passages: Sequence[Passage]) -> _Quote | None:
        seen = cache(lambda: names.certain_names([p.text for passage in passages for p in passage.sentences]))
        vector = self._embedder.embed_documents([said])[0]
        singles = _singles(said, vector, passages)
        denied = 0.0  # the best likeness of a quote that says otherwise
        for quote in singles[:_CANDIDATES]:
            if quote.likeness < max(LIKENESS, denied - _DENIED_LEAD):
                break
            if self._check(said, quote.text, quote.context, quote.likeness, seen).ok:
                return quote
            denied = max(denied, quote.likeness)
        line = max(LIKENESS, denied - _DENIED_LEAD)
        for quote in _joined(said, vector, singles[:_CENTRES]):
            if (
                quote.likeness >= line
                and self._check(said, quote.text, quote.context, quote.likeness, seen).ok
            ):
                return quote
        return None

    def _check(
        self,
        said: str,
        quote: str,
        context: str,
        likeness: float,
        seen: Callable[[], frozenset[str]] = frozenset,
    ) -> Verdict:
        if not said:
            return Verdict(False, "empty")
        if likeness < LIKENESS:
            return Verdict(False, f"likeness {likeness:.2f}")
        own, quoted = facts(said), facts(quote)
        if missing := _missing_figure(own, quoted, quote, context):
            return Verdict(False, f"figure: {missing}")
        if name := names.stranger(said, quote, context, self._sense, seen):
            return Verdict(False, f"name: {name}")
        if turned := disagreement(said, quote):
            return Verdict(False, turned)
        if names.swapped(said, quote):
            return Verdict(False, "names changed places")
        if figure := misplaced(said, own, quote, quoted):
            return Verdict(False, f"figure of something else: {figure.text}")
        return Verdict(True)


def _rows_cited(answer: TableAnswer, rows: Sequence[ResultRow]) -> tuple[Citation, ...]:
    """The rows an answer comes from: the first ones, the last of them saying how many more there are."""
    stored = answer.table.table
    shown = rows[:_CITED_ROWS]
    more = answer.total - len(shown) if len(rows) == len(answer.rows) else 0
    return tuple(
        Citation(
            source_id=stored.source_id,
            source=stored.source,
            version=stored.version,
            page=stored.draft.page,
            sheet=stored.draft.sheet,
            row=row.number,
            start=None,
            end=None,
            quote=row_text(answer.table, row.position)
            + (f" … (+{more})" if more and row is shown[-1] else ""),
            public=stored.public,
        )
        for row in shown
    )


def _listed(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def classify(sentence: str, stock: Collection[str] = ()) -> SentenceKind:
    """What a sentence without a citation is; `stock` holds the catalogue's texts, ready to be shown.

    Anything that is not plainly a greeting, a question to the customer or stock text is a fact.
    """
    said = plain(sentence)
    if said in stock or sentence.strip() in stock:
        return "stock"
    if facts(said):
        return "fact"
    if is_greeting(said):
        return "greeting"
    return "question" if is_open_question(said) else "fact"


def _missing_figure(own: Sequence[Fact], quoted: Sequence[Fact], quote: str, context: str) -> str | None:
    spelled = spelled_currency(quoted) | _signs(f"{quote} {context}")
    titled = facts(context) if any(fact.kind == "code" for fact in own) else ()
    for fact in own:
        if not unsupported(fact, quoted, quote):
            if fact.unit in _NAMED_UNITS and fact.unit not in spelled:
                return fact.text
            continue
        if fact.kind != "code" or unsupported(
            fact, titled, ""
        ):  # a product's code is a name: the title may hold it
            return fact.text
    return None


def _signs(text: str) -> frozenset[str]:
    """Currencies and percent signs anywhere, such as "Price (EUR)" in a table's header."""
    found = re.findall(r"[€$£%]|[^\W\d_]+", fold(text))
    named = {**CURRENCIES, "percentage": "percent"}
    return frozenset(unit for word in found if (unit := named.get(word) or UNITS.get(word)) in _NAMED_UNITS)


def _verbatim(said: str, passages: Sequence[Passage]) -> Iterator[_Quote]:
    wanted = _flat(said)
    for passage in passages:
        if wanted not in _flat(" ".join(part.text for part in passage.sentences)):
            continue
        for length in range(1, _MAX_JOINED + 1):
            for parts in _windows(passage, length):
                if _contains(" ".join(part.text for part in parts), said):
                    yield _Quote(passage, parts, _text_of(passage, parts), 1.0)


def _singles(said: str, vector: FloatVector, passages: Sequence[Passage]) -> list[_Quote]:
    quotes = [
        _Quote(passage, (part,), part.text, _likeness(said, part.text, float(vector @ part.vector)))
        for passage in passages
        for part in passage.sentences
    ]
    return sorted(quotes, key=lambda quote: -quote.likeness)


def _joined(said: str, vector: FloatVector, centres: Sequence[_Quote]) -> list[_Quote]:
    quotes: dict[tuple[int, ...], _Quote] = {}
    for centre in centres:
        for length in range(2, _MAX_JOINED + 1):
            for parts in _windows(centre.passage, length):
                if not any(part is centre.parts[0] for part in parts) or not _all_needed(said, parts):
                    continue
                mean = np.mean([part.vector for part in parts], axis=0)
                near = float(vector @ mean / max(float(np.linalg.norm(mean)), 1e-9))
                near = max(near, *(float(vector @ part.vector) for part in parts))
                text = _text_of(centre.passage, parts)
                quotes[tuple(map(id, parts))] = _Quote(
                    centre.passage, parts, text, _likeness(said, text, near)
                )
    return sorted(quotes.values(), key=lambda quote: (len(quote.parts), -quote.likeness))


def _all_needed(said: str, parts: Sequence[PassageSentence]) -> bool:
    """Each part holds something of the sentence beside names, or names what a following "she" stands for."""
    wanted = content_stems(_without_names(said))
    for index, part in enumerate(parts):
        others = [other for other in parts if other is not part]
        elsewhere = {word for other in others for word in content_stems(other.text)}
        follows = index + 1 < len(parts) and _PRONOUN.match(parts[index + 1].text)
        if not follows and not (wanted & content_stems(part.text)) - elsewhere:
            return False
    return True


def _windows(passage: Passage, length: int) -> Iterator[tuple[PassageSentence, ...]]:
    sentences = passage.sentences
    for index in range(len(sentences) - length + 1):
        parts = sentences[index : index + length]
        if length == 1 or all(part.row is None for part in parts):
            yield parts


def _text_of(passage: Passage, parts: Sequence[PassageSentence]) -> str:
    """The quote as it stands in the passage, white space and all, where its place is known."""
    first, last = parts[0], parts[-1]
    if len(parts) > 1 and passage.start is not None and first.start is not None and last.end is not None:
        cut = passage.text[first.start - passage.start : last.end - passage.start]
        if cut.startswith(first.text) and cut.endswith(last.text):
            return cut
    return " ".join(part.text for part in parts)


@lru_cache(maxsize=2048)
def _flat(text: str) -> str:
    return " ".join(_WORD.findall(fold(text)))


def _contains(quote: str, said: str) -> bool:
    """Word for word, whatever the white space, case and punctuation."""
    wanted = _flat(said)
    return bool(wanted) and f" {wanted} " in f" {_flat(quote)} "


def _likeness(said: str, quote: str, cosine: float) -> float:
    return COSINE_WEIGHT * cosine + (1 - COSINE_WEIGHT) * _shared(_without_names(said), quote)


def _without_names(text: str) -> str:
    """Names have to stand in the quote anyway; that they do says little about the rest of the sentence."""
    certain = {name.text for name in names.names(text) if name.certain}
    rest = " ".join(word for word in _WORD.findall(text) if word not in certain)
    return rest if content_stems(rest) else text


def _shared(said: str, quote: str) -> float:
    """Share of the sentence's letter groups that the quote has too, 0 to 1."""
    wanted = _grams(said)
    return len(wanted & _grams(quote)) / len(wanted) if wanted else 0.0


@lru_cache(maxsize=2048)
def _grams(text: str) -> frozenset[str]:
    grams: set[str] = set()
    for word in _WORD.findall(fold(text)):
        if _NO_SPACES.search(word):
            grams.update(word[index : index + 2] for index in range(max(len(word) - 1, 1)))
        elif word not in FUNCTION_WORDS:
            padded = f" {word} "
            grams.update(padded[index : index + 4] for index in range(max(len(padded) - 3, 1)))
    return frozenset(grams)
