"""Shapes of knowledge gaps: what a turn hands over, and what an admin sees and sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from knowledge.embedding import FloatVector

# A heading of the managed text source: one line that its reader takes for one.
DraftQuestion = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=190)]
DraftAnswer = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000)]


class GapState(StrEnum):
    """Where a group stands; `closed` means that the knowledge has come to hold an answer."""

    OPEN = "open"
    DRAFTED = "drafted"
    DISMISSED = "dismissed"
    CLOSED = "closed"


@dataclass(frozen=True)
class Unanswered:
    """A question that ended without an answer; `known` when the search had thought to hold one."""

    knowledge_base_id: str
    question: str
    language: str
    known: bool
    vector: FloatVector = field(compare=False, repr=False)


class Draft(BaseModel):
    """An entry for the FAQ; the answer is empty until an admin has written one."""

    question: str
    answer: str


class DraftEdit(BaseModel):
    """What an admin wrote; what is left out stays, at first the question as it was asked."""

    model_config = ConfigDict(extra="forbid")

    question: DraftQuestion | None = None
    answer: DraftAnswer | None = None


class GapRead(BaseModel):
    """Questions that ask for the same: the oldest one, how many, and the newest ones as examples."""

    id: str
    knowledge_base_id: str
    state: GapState
    count: int
    question: str
    language: str
    examples: list[str]
    first_asked_at: datetime
    last_asked_at: datetime
    draft: Draft | None
    published_at: datetime | None


class SuggestedQuote(BaseModel):
    """The sentence nearest to a question, as it stands in a source."""

    source_id: str
    source: str
    page: int | None
    sheet: str | None
    row: int | None
    quote: str


class DraftRead(BaseModel):
    """The group with its draft, and what the knowledge holds nearest to it."""

    gap: GapRead
    suggestions: list[SuggestedQuote]
