"""Shapes of a preview: the question, both answers side by side, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from knowledge.schemas import Progress, Reason


class PreviewState(StrEnum):
    """How far a preview has come; `ready` and `failed` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class PreviewOrder:
    """A preview as its job takes it on; `source` is the name of what the file would replace."""

    id: str
    workspace_id: str
    knowledge_base_id: str
    source: str
    file_key: str
    questions: int


class Quoted(BaseModel):
    """Where a sentence of an answer stands."""

    model_config = ConfigDict(frozen=True)

    source: str
    page: int | None
    sheet: str | None
    row: int | None
    quote: str


class Answered(BaseModel):
    """What the agent says."""

    action: Literal["reply", "ask", "refuse", "handoff"]
    text: str
    citations: list[Quoted]


class Change(BaseModel):
    """A past question that would be answered differently."""

    question: str
    change: Literal["now_answered", "no_longer_answered", "different"]
    old: Answered
    new: Answered


class PreviewRead(BaseModel):
    """A preview as an admin sees it. `unchanged` counts the questions that are answered as before."""

    id: str
    source_id: str
    state: PreviewState
    progress: Progress
    unchanged: int
    changes: list[Change]
    reason: Reason | None
    created_at: datetime
    expires_at: datetime
