"""An answer made of the source's own sentences: the offline model quotes, it does not write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentflow.llm.phrases import LEANS
from knowledge.embedding import FloatVector
from knowledge.lexical import held
from knowledge.passages import Passage, PassageSentence, SearchResult
from knowledge.sentences import measure

PASSAGES = 5  # best passages that sentences are taken from
PASSAGE_SHARE = 0.5  # weight of the passage's own score beside the sentence's
# A sentence whose score is this far below the best one's adds nothing, in its passage and in another one.
FALL, FALL_ELSEWHERE = 3.5, 2.25
TERSE_FALL, TERSE_FALL_ELSEWHERE = 2.5, 1.25  # "opening hours" shares a word with much that it does not ask
TERSE_WORDS, TERSE_SIGNS = 3, 6  # words, or characters of a script without spaces
ROW_FALL = 1.0  # a table's rows are alike: one that is not about as good as the best is another thing
BORROWED_FALL = 2.0  # a sentence beside what was found has to be so much better
# What a sentence holds of the question that those before it do not: a reply says little by repeating itself.
NEW_SHARE = 8.0
FOLLOWER_SHARE = 0.8  # of a question's or heading's score goes to the sentence behind it
_END = re.compile(r"[.!?:;…。！？؟।]['\"”’»)\]]*$")
_QUESTION = re.compile(r"[?？؟]['\"”’»)\]]*$")
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_TITLE_WORDS = 8  # a line without an end mark that is shorter is a heading


@dataclass(frozen=True)
class _Line:
    place: tuple[int, int, int]  # source in order of finding, offset or row, position
    text: str
    score: float
    is_row: bool
    passage: int
    before: str  # the sentence before it in the passage, or nothing


def best_sentences(found: SearchResult, question: str, *, number: int, dense_share: float) -> list[str]:
    """The sentences that answer best, in reading order; at most `number`. A row that answers comes first.

    `dense_share` is how much vectors count against letters for this question, 0 to 1.
    """
    lines = _scored(found, dense_share)
    if not lines:
        return []
    best = max(lines, key=lambda line: line.score)
    falls = (TERSE_FALL, TERSE_FALL_ELSEWHERE) if _is_terse(question) else (FALL, FALL_ELSEWHERE)
    near = [line for line in lines if line.score >= best.score - _fall(line, best, falls)]
    chosen = _with_subjects(_in_turn(near, best, question), lines, number)
    if best.is_row:
        return [line.text for line in chosen]
    return [line.text for line in sorted(chosen, key=lambda line: line.place)]


def _in_turn(lines: Sequence[_Line], best: _Line, question: str) -> list[_Line]:
    """The best first, then whichever adds most: its own score, and what none before it holds."""
    holds, rarity = held(question, [line.text for line in lines])
    scores = np.array([line.score for line in lines])
    place = lines.index(best)
    order = [place]
    missing = ~holds[place]
    while len(order) < len(lines):
        scores[place] = -np.inf
        place = int(np.argmax(scores + NEW_SHARE * ((holds & missing) @ rarity)))
        order.append(place)
        missing &= ~holds[place]
    return [lines[place] for place in order]


def _fall(line: _Line, best: _Line, falls: tuple[float, float]) -> float:
    if line.is_row:
        return ROW_FALL
    return falls[line.passage != best.passage]


def _is_terse(question: str) -> bool:
    size = measure(question)
    return size.signs <= TERSE_SIGNS if size.is_wordless else size.words <= TERSE_WORDS


def _with_subjects(wanted: Sequence[_Line], lines: Sequence[_Line], number: int) -> list[_Line]:
    """The first that fit in, each that leans on the sentence before it together with that one."""
    by_text = {line.text: line for line in lines}
    chosen: list[_Line] = []
    for line in wanted:
        group = [line]
        if LEANS.match(line.text) and line.before in by_text:
            group.insert(0, by_text[line.before])
        new = [each for each in group if each not in chosen]
        if len(chosen) + len(new) <= number or not chosen:
            chosen += new[-number:]
    return chosen


def _scored(found: SearchResult, dense_share: float) -> list[_Line]:
    passages = found.passages[:PASSAGES]
    pairs = [(passage, part) for passage in passages for part in passage.sentences]
    if not pairs:
        return []
    near = _z(np.array([float(part.vector @ found.query_vector) for _, part in pairs], dtype=np.float32))
    close = _z(np.array([part.lexical for _, part in pairs], dtype=np.float32))
    chunk = _z(np.array([passage.score for passage, _ in pairs], dtype=np.float32))
    scores = dense_share * near + (1 - dense_share) * close + PASSAGE_SHARE * chunk
    scores -= BORROWED_FALL * np.array([part.borrowed for _, part in pairs])
    sources = list(dict.fromkeys(passage.source_id for passage in passages))
    best: dict[tuple[int, int, int] | str, _Line] = {}
    carried = -np.inf
    previous: Passage | None = None
    before = ""
    for position, ((passage, part), score) in enumerate(zip(pairs, scores, strict=True)):
        if passage is not previous:
            carried, previous, before = -np.inf, passage, ""
        text = " ".join(part.text.split())
        if _leads(text, part, passage):
            carried = max(float(carried), float(score) * FOLLOWER_SHARE)
            before = ""
            continue
        total = max(float(score), float(carried))
        carried = -np.inf
        place = (sources.index(passage.source_id), _offset(part, position), position)
        known = best.get(text)
        if known is None or known.score < total:
            before = before or (known.before if known else "")
            rank = passages.index(passage)
            best[text] = _Line(place, text, total, part.row is not None, rank, before)
        before = text if part.row is None else ""
    return list(best.values())


def _offset(part: PassageSentence, position: int) -> int:
    if part.start is not None:
        return part.start
    return part.row if part.row is not None else position


def _leads(text: str, part: PassageSentence, passage: Passage) -> bool:
    """A heading or a question: it leads to an answer and is none itself."""
    if part.row is not None or _NO_SPACES.search(text):
        return bool(_QUESTION.search(text)) and part.row is None
    if _QUESTION.search(text) or text == passage.heading:
        return True
    return not _END.search(text) and len(text.split()) <= _TITLE_WORDS and not re.search(r"\d", text)


def _z(values: FloatVector) -> FloatVector:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-6 else np.zeros_like(values)
