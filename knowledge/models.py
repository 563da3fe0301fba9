"""The truth about knowledge: sources, their versions, chunks with vectors, and built generations.

Qdrant and every cache are filled from these tables; nothing is ever embedded again to rebuild them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime

_UNDELETED = text("deleted_at IS NULL")


class SourceState(StrEnum):
    """Where a version of a source stands; `ready` and `failed` are final."""

    FETCHING = "fetching"  # its content is not here yet
    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"


class Origin(StrEnum):
    """Where a source's content comes from; all but `upload` are fetched again on a schedule."""

    UPLOAD = "upload"
    URL = "url"
    SITE = "site"
    GOOGLE_DOC = "google_doc"
    GOOGLE_SHEET = "google_sheet"


class GoogleAccess(StrEnum):
    """How Google is asked: as a service account, or as a person who agreed."""

    SERVICE_ACCOUNT = "service_account"
    OAUTH = "oauth"


class KnowledgeBase(Base):
    """A set of at most ten sources. `generation` grows with every change of what may be answered from."""

    __tablename__ = "knowledge_bases"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(200))
    generation: Mapped[int] = mapped_column(default=0)
    # Which embedder made the vectors; None until the first source is ready.
    embedding_name: Mapped[str | None] = mapped_column(String(200))
    embedding_dim: Mapped[int | None]
    embedding_fingerprint: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GoogleConnection(Base):
    """The right to read some documents of a Google account; what was picked stands on the sources."""

    __tablename__ = "google_connections"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(200))
    access: Mapped[GoogleAccess] = mapped_column(String(20))
    credentials: Mapped[str] = mapped_column(EncryptedText)  # JSON
    authorised: Mapped[bool]  # False until the person's code was exchanged
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Source(Base):
    """One named file, page, site or document; its name is unique among the sources not in the bin."""

    __tablename__ = "sources"
    __table_args__ = (
        Index(
            "uq_sources_name",
            "knowledge_base_id",
            "name",
            unique=True,
            sqlite_where=_UNDELETED,
            postgresql_where=_UNDELETED,
        ),
        Index(None, "next_sync_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), index=True)
    knowledge_base_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("knowledge_bases.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(255))
    public: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int]  # the newest upload
    live_version: Mapped[int | None]  # the one that answers come from
    origin: Mapped[Origin] = mapped_column(
        String(20), default=Origin.UPLOAD, server_default=Origin.UPLOAD.value
    )
    location: Mapped[str | None] = mapped_column(Text)  # an address, or the id of a Google file
    connection_id: Mapped[str | None] = mapped_column(String(40))  # of a GoogleConnection
    sync_options: Mapped[str | None] = mapped_column(Text)  # JSON: how far a site is followed
    sync_every_seconds: Mapped[int | None]
    sync_state: Mapped[str | None] = mapped_column(Text)  # JSON: what tells an unchanged answer
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last time that went well
    next_sync_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: never, or not by itself
    sync_claim: Mapped[str | None] = mapped_column(String(40))  # names the run that holds the lease
    sync_lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sync_error_code: Mapped[str | None] = mapped_column(String(60))
    sync_error_detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SourceVersion(Base):
    """One upload of a source and how far it has come. `claim` names the run that holds the lease."""

    __tablename__ = "source_versions"
    __table_args__ = (Index(None, "state", "lease_until"),)

    source_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    knowledge_base_id: Mapped[str] = mapped_column(String(40), index=True)
    file_key: Mapped[str] = mapped_column(String(300))
    filename: Mapped[str | None] = mapped_column(
        String(255)
    )  # what readers are told; None: the source's name
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[SourceState] = mapped_column(String(20))
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int] = mapped_column(default=0)
    pages: Mapped[int] = mapped_column(default=0)
    passages: Mapped[int] = mapped_column(default=0)
    warning: Mapped[str | None] = mapped_column(String(60))
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason_detail: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    embedding_fingerprint: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Chunk(Base):
    """About 180 words of one version, embedded. The sentences lie with it: they are only read together."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("source_id", "version", "position"),
        ForeignKeyConstraint(
            ["source_id", "version"],
            ["source_versions.source_id", "source_versions.version"],
            ondelete="CASCADE",
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    knowledge_base_id: Mapped[str] = mapped_column(String(40), index=True)
    source_id: Mapped[str] = mapped_column(String(40))
    version: Mapped[int]
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    heading: Mapped[str] = mapped_column(Text)
    start: Mapped[int | None]
    end: Mapped[int | None]
    page: Mapped[int | None]
    sheet: Mapped[str | None] = mapped_column(Text)
    row: Mapped[int | None]
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # float32, unit length
    sentences: Mapped[str] = mapped_column(Text)  # JSON list of [text, start, end, row]
    sentence_vectors: Mapped[bytes] = mapped_column(LargeBinary)  # float16, one row a sentence


class KnowledgeGeneration(Base):
    """What is built once per generation, so that every worker ranks and refuses alike."""

    __tablename__ = "knowledge_generations"

    knowledge_base_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("knowledge_bases.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40))
    chunk_lexical: Mapped[bytes] = mapped_column(LargeBinary)
    sentence_lexical: Mapped[bytes] = mapped_column(LargeBinary)
    calibration: Mapped[str] = mapped_column(Text)  # JSON
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
