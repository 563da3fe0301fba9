"""Shapes of knowledge bases and sources at the doors: HTTP bodies, CLI and tools."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from knowledge.models import GoogleAccess, Origin, SourceState


class KnowledgeBaseCreate(BaseModel):
    """A new knowledge base."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)


class Limits(BaseModel):
    """What a knowledge base may hold: sources, bytes of all of them together or of each, pages of a file."""

    max_sources: int
    max_bytes: int
    max_bytes_per_file: bool
    max_pages: int


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


class SyncRead(BaseModel):
    """How a source that is fetched keeps up with the original."""

    every_seconds: int | None
    running: bool
    synced_at: datetime | None  # when what is here was last found to be what is there
    next_sync_at: datetime | None
    sync_error: Reason | None  # why the last time failed; answers come from what was there before


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
    origin: Origin
    location: str | None  # an address, or the id of a Google file
    sync: SyncRead | None  # None for an uploaded file


class PurgeRead(BaseModel):
    """What was removed with a source; none of it can be brought back."""

    source_id: str
    name: str
    versions: int
    passages: int  # with their vectors and their words in the indexes
    sentence_vectors: int
    tables: int
    files: int
    bytes: int


SyncEvery = Annotated[int | None, Field(ge=60, le=30 * 86400, description="seconds; null: only on demand")]


class SourceUpdate(BaseModel):
    """What an admin may change on a source without uploading it again; absent means unchanged."""

    model_config = ConfigDict(extra="forbid")

    public: bool = False
    sync_every_seconds: SyncEvery = None


def _one_line(name: str) -> str:
    """A name that every database and every list can hold."""
    if not name.isprintable() or not name.strip():
        raise ValueError("a name is one line of letters")
    return name.strip()


SourceName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_one_line)] | None


class _FetchedCreate(BaseModel):
    """What may be said of every source that is fetched."""

    model_config = ConfigDict(extra="forbid")

    name: SourceName = None
    public: bool | None = None
    sync_every_seconds: SyncEvery = Field(
        default=None, description="seconds; null: only on demand; left out: as the server is set, every hour"
    )

    def every_seconds(self, usual: int) -> int | None:
        """How often to fetch; `usual` where nothing was said."""
        return self.sync_every_seconds if "sync_every_seconds" in self.model_fields_set else usual


class UrlCreate(_FetchedCreate):
    """A page, a file or a whole site by its address."""

    url: str = Field(min_length=1, max_length=2000)
    site: bool = Field(default=False, description="follow the sitemap, or else links, from this address")
    max_pages: int | None = Field(default=None, ge=1, description="of a site")
    max_depth: int | None = Field(default=None, ge=0, le=20, description="links followed from the address")
    hosts: list[Annotated[str, Field(max_length=253)]] = Field(default=[], max_length=20)


GoogleFileId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{10,200}$")]


class GoogleSourceCreate(_FetchedCreate):
    """One Google document or spreadsheet; nothing else of the account is read."""

    connection_id: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    file_id: GoogleFileId


class GoogleConnectionCreate(BaseModel):
    """Either the key file of a service account, or an OAuth client whose consent page a person opens."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
    service_account: dict[str, str] | None = Field(default=None, description="the key file's JSON")
    client_id: str | None = Field(default=None, min_length=1, max_length=300)
    client_secret: str | None = Field(default=None, min_length=1, max_length=300)

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        """Exactly one kind."""
        oauth = bool(self.client_id and self.client_secret)
        if oauth == (self.service_account is not None) or bool(self.client_id) != bool(self.client_secret):
            raise ValueError("give service_account, or client_id and client_secret")
        return self


class GoogleConsent(BaseModel):
    """What Google's consent page sent the browser back with."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=2000)
    state: str = Field(min_length=1, max_length=200)


class GoogleConnectionRead(BaseModel):
    """A connection; secrets are never shown."""

    id: str
    name: str
    access: GoogleAccess
    account: str  # the service account's address or the client's id: share documents with it
    authorised: bool
    consent_url: str | None  # what a person has to open first
    created_at: datetime


class GoogleDocumentRead(BaseModel):
    """A document that may be picked."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    kind: Origin
    modified: str


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
