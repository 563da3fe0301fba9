"""Shapes of knowledge bases and sources at the doors: HTTP bodies, CLI and tools."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from knowledge.models import SourceState


class KnowledgeBaseCreate(BaseModel):
    """A new knowledge base."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)


class Limits(BaseModel):
    """What a knowledge base may hold: sources, and bytes of all of them together or of each."""

    max_sources: int
    max_bytes: int
    max_bytes_per_file: bool


class KnowledgeBaseRead(BaseModel):
    """A knowledge base as callers see it."""

    id: str
    name: str
    generation: int
    embedding_name: str | None
    created_at: datetime
    limits: Limits


class Progress(BaseModel):
    """Passages embedded so far, of how many; 0 of 0 until the file is read."""

    done: int
    total: int


class Reason(BaseModel):
    """Why the newest version failed."""

    code: str
    detail: str


class SourceRead(BaseModel):
    """A source: the state of its newest version, and which version answers come from."""

    id: str
    knowledge_base_id: str
    name: str
    state: SourceState
    progress: Progress
    reason: Reason | None
    warning: str | None  # `no_text`: ready, but nothing to answer from
    pages: int
    passages: int
    bytes: int
    version: int
    live_version: int | None
    public: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class SourceUpdate(BaseModel):
    """What an admin may change on a source without uploading it again."""

    model_config = ConfigDict(extra="forbid")

    public: bool


class PassageRead(BaseModel):
    """A passage with its place and the scores that chose it."""

    model_config = ConfigDict(from_attributes=True)

    chunk_id: str
    source_id: str
    source: str
    version: int
    page: int | None
    sheet: str | None
    row: int | None
    start: int | None
    end: int | None
    heading: str
    text: str
    score: float
    dense: float
    lexical: float
    sentence: float


class SearchRead(BaseModel):
    """Passages, best first. `known` is False when they probably hold no answer."""

    known: bool
    items: list[PassageRead]
