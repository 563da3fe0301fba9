"""What one search found and why, for people who tune knowledge: the API and `agentflow search` show it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from knowledge.explain import best_sentence, matched_letters
from knowledge.passages import Passage, PassageSentence, SearchResult
from knowledge.ranking import dense_share
from knowledge.schemas import PassageRead
from knowledge.search import Searcher

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class SearchOrder(BaseModel):
    """A question and how many passages to show."""

    model_config = ConfigDict(extra="forbid")

    question: Question
    limit: int = Field(default=10, ge=1, le=50)


class BestSentence(BaseModel):
    """The sentence that speaks most for a passage; `start` and `end` are code points in the extract."""

    text: str
    row: int | None
    start: int | None
    end: int | None
    cosine: float
    lexical: float


class RankedPassage(PassageRead):
    """A passage with its rank and what chose it. `score` is the fused one, comparable within one search."""

    rank: int
    best_sentence: BestSentence | None
    matched: list[str]  # stretches of the question's letters that stand in it


class EvidenceRead(BaseModel):
    """What the refusal weighs. `margin` is how far the question is above its line; below 0 it is refused."""

    margin: float
    dense: float  # best cosine of a passage
    sentence: float  # best cosine of a sentence
    lexical: float  # best letter score as a share of what the question could reach
    sentence_lexical: float
    coverage: float  # share of the question's rare letters in the first passage
    vector_share: float  # how much vectors count against letters for this question


class Explanation(BaseModel):
    """One search, explained. Milliseconds: `open`, `embed`, `rank`."""

    question: str
    known: bool
    evidence: EvidenceRead | None
    topics: list[str]
    timings_ms: dict[str, float]
    items: list[RankedPassage]


async def explain(
    searcher: Searcher, workspace_id: str, knowledge_base_id: str, order: SearchOrder
) -> Explanation:
    """Search, and say why. Raises what a search raises."""
    found = await searcher.search(workspace_id, knowledge_base_id, order.question, limit=order.limit)
    return Explanation(
        question=order.question,
        known=found.known,
        evidence=_evidence(found),
        topics=list(found.topics),
        timings_ms={name: round(spent, 2) for name, spent in found.timings_ms.items()},
        items=[
            _ranked(rank, passage, order.question, found) for rank, passage in enumerate(found.passages, 1)
        ],
    )


def _ranked(rank: int, passage: Passage, question: str, found: SearchResult) -> RankedPassage:
    best = best_sentence(passage, found.query_vector)
    return RankedPassage(
        **PassageRead.model_validate(passage).model_dump(),
        rank=rank,
        best_sentence=_sentence(best, found) if best else None,
        matched=matched_letters(question, f"{passage.heading}\n{passage.text}"),
    )


def _sentence(best: PassageSentence, found: SearchResult) -> BestSentence:
    return BestSentence(
        text=best.text,
        row=best.row,
        start=best.start,
        end=best.end,
        cosine=float(best.vector @ found.query_vector),
        lexical=best.lexical,
    )


def _evidence(found: SearchResult) -> EvidenceRead | None:
    if found.evidence is None:
        return None
    share = dense_share(found.evidence.foreignness)
    return EvidenceRead.model_validate(
        {**asdict(found.evidence), "margin": found.margin, "vector_share": share}
    )
