"""Knowledge bases and the sources in them: upload, watch, replace by name, delete and undo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from agentflow.api.deps import App, Cursor, Deleted, KnowledgeReader, KnowledgeWriter, Limit
from agentflow.api.idempotency import IdempotentRoute
from agentflow.kit.pagination import Page, decode_cursor, page_of
from knowledge import service as knowledge
from knowledge import sync
from knowledge.limits import READABLE
from knowledge.schemas import (
    KnowledgeBaseCreate,
    KnowledgeBaseRead,
    SourceRead,
    SourceUpdate,
)

router = APIRouter(tags=["knowledge"], route_class=IdempotentRoute)


@router.get("/knowledge-bases")
async def list_knowledge_bases(
    app: App, who: KnowledgeReader, limit: Limit = 50, cursor: Cursor = None
) -> Page[KnowledgeBaseRead]:
    """Knowledge bases, oldest first."""
    async with app.db.read() as session:
        found = await knowledge.list_knowledge_bases(
            session, who.workspace_id, after=decode_cursor(cursor), limit=limit + 1
        )
    items = [knowledge.read_knowledge_base(base, app.settings.ingest) for base in found]
    return page_of(items, limit=limit, cursor_of=lambda base: base.id)


@router.post("/knowledge-bases", status_code=201)
async def create_knowledge_base(
    data: KnowledgeBaseCreate, app: App, who: KnowledgeWriter
) -> KnowledgeBaseRead:
    """A new, empty knowledge base for one or more agents."""
    async with app.db.transaction() as session:
        base = await knowledge.create_knowledge_base(session, who.workspace_id, data)
        return knowledge.read_knowledge_base(base, app.settings.ingest)


@router.get("/knowledge-bases/{knowledge_base_id}")
async def get_knowledge_base(knowledge_base_id: str, app: App, who: KnowledgeReader) -> KnowledgeBaseRead:
    """One knowledge base."""
    async with app.db.read() as session:
        base = await knowledge.get_knowledge_base(session, who.workspace_id, knowledge_base_id)
        return knowledge.read_knowledge_base(base, app.settings.ingest)


@router.get("/knowledge-bases/{knowledge_base_id}/sources")
async def list_sources(
    knowledge_base_id: str,
    app: App,
    who: KnowledgeReader,
    deleted: Deleted = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SourceRead]:
    """Sources with state, progress and the reason of a failure, oldest first."""
    async with app.db.read() as session:
        found = await knowledge.list_sources(session, who.workspace_id, knowledge_base_id, deleted=deleted)
    after = decode_cursor(cursor)
    rest = [source for source in found if after is None or source.id > after]
    return page_of(rest, limit=limit, cursor_of=lambda source: source.id)


@router.post("/knowledge-bases/{knowledge_base_id}/sources", status_code=202)
async def upload_source(
    knowledge_base_id: str,
    app: App,
    who: KnowledgeWriter,
    file: Annotated[UploadFile, File(description=", ".join(READABLE))],
    public: Annotated[bool | None, Form(description="visitors may open the file itself")] = None,
) -> SourceRead:
    """Add a file, or replace the source of the same name; it is read in the background, watch its state."""
    return await knowledge.upload(
        app.db,
        app.files,
        who.workspace_id,
        knowledge_base_id,
        name=file.filename or "",
        content=await file.read(),
        public=public,
    )


@router.get("/sources/{source_id}")
async def get_source(source_id: str, app: App, who: KnowledgeReader) -> SourceRead:
    """One source."""
    async with app.db.read() as session:
        return await knowledge.get_source(session, who.workspace_id, source_id)


@router.patch("/sources/{source_id}")
async def update_source(source_id: str, data: SourceUpdate, app: App, who: KnowledgeWriter) -> SourceRead:
    """Say whether visitors may open the file behind a citation, and how often a source is fetched."""
    given = data.model_fields_set
    async with app.db.transaction() as session:
        if "sync_every_seconds" in given:
            every = data.sync_every_seconds
            await sync.set_schedule(session, app.settings, who.workspace_id, source_id, every)
        if "public" in given:
            await knowledge.set_public(session, who.workspace_id, source_id, data.public)
        return await knowledge.get_source(session, who.workspace_id, source_id)


@router.delete("/sources/{source_id}")
async def delete_source(source_id: str, app: App, who: KnowledgeWriter) -> SourceRead:
    """Put a source into the bin: the next answer no longer uses it; it can be restored for 30 days."""
    async with app.db.transaction() as session:
        return await knowledge.delete_source(session, who.workspace_id, source_id)


@router.post("/sources/{source_id}/restore")
async def restore_source(source_id: str, app: App, who: KnowledgeWriter) -> SourceRead:
    """Take a source out of the bin."""
    async with app.db.transaction() as session:
        return await knowledge.restore_source(session, app.settings.ingest, who.workspace_id, source_id)
