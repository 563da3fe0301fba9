"""Sources that are fetched: pages, sites and Google documents; and the end of a source in the bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from agentflow.api.deps import App, Cursor, KnowledgeReader, KnowledgeWriter
from agentflow.api.idempotency import IdempotentRoute
from agentflow.bootstrap import Application
from agentflow.kit.errors import Unavailable
from agentflow.kit.pagination import Page, decode_cursor, encode_cursor
from knowledge import addresses, erasing, sync
from knowledge import google as connections
from knowledge import service as knowledge
from knowledge.schemas import (
    GoogleConnectionCreate,
    GoogleConnectionRead,
    GoogleConsent,
    GoogleDocumentRead,
    GoogleSourceCreate,
    PurgeRead,
    SourceRead,
    UrlCreate,
)

if TYPE_CHECKING:
    from knowledge.origins.google import GoogleOrigin

router = APIRouter(tags=["knowledge"], route_class=IdempotentRoute)


def opened_google(app: Application) -> GoogleOrigin:
    """What speaks to Google in this process."""
    if app.google is None:
        raise Unavailable("This process fetches nothing; ask the server.")
    return app.google


@router.post("/knowledge-bases/{knowledge_base_id}/sources/url", status_code=202)
async def add_url(knowledge_base_id: str, data: UrlCreate, app: App, who: KnowledgeWriter) -> SourceRead:
    """Add a page, a file or a whole site by its address; it is fetched in the background and kept up with."""
    async with app.db.read() as session:
        await knowledge.get_knowledge_base(session, who.workspace_id, knowledge_base_id)
    new = await addresses.source_at(app.egress, app.settings, data)
    async with app.db.transaction() as session:
        return await sync.add(session, app.settings, who.workspace_id, knowledge_base_id, new)


@router.post("/knowledge-bases/{knowledge_base_id}/sources/google", status_code=202)
async def add_google(
    knowledge_base_id: str, data: GoogleSourceCreate, app: App, who: KnowledgeWriter
) -> SourceRead:
    """Add one document or spreadsheet of a Google connection; nothing else of the account is read."""
    async with app.db.read() as session:
        await knowledge.get_knowledge_base(session, who.workspace_id, knowledge_base_id)
    new = await connections.pick(app.db, opened_google(app), who.workspace_id, data)
    async with app.db.transaction() as session:
        return await sync.add(session, app.settings, who.workspace_id, knowledge_base_id, new)


@router.post("/sources/{source_id}/sync", status_code=202)
async def sync_source(source_id: str, app: App, who: KnowledgeWriter) -> SourceRead:
    """Fetch a source now instead of when its time comes."""
    async with app.db.transaction() as session:
        return await sync.request_sync(session, app.settings, who.workspace_id, source_id)


@router.post("/sources/{source_id}/purge")
async def purge_source(source_id: str, app: App, who: KnowledgeWriter) -> PurgeRead:
    """Erase a source in the bin for good, now; the answer says what was removed."""
    return await erasing.purge_source(app.db, app.files, app.searcher.forget, who.workspace_id, source_id)


@router.get("/google-connections")
async def list_google_connections(app: App, who: KnowledgeReader) -> Page[GoogleConnectionRead]:
    """The Google accounts that documents may be picked from, oldest first."""
    async with app.db.read() as session:
        found = await connections.list_connections(session, who.workspace_id)
    items = [connections.read_connection(one, opened_google(app)) for one in found]
    return Page(items=items, next_cursor=None)


@router.post("/google-connections", status_code=201)
async def create_google_connection(
    data: GoogleConnectionCreate, app: App, who: KnowledgeWriter
) -> GoogleConnectionRead:
    """Connect a service account at once; or an OAuth client, whose `consent_url` a person opens first."""
    google = opened_google(app)
    async with app.db.transaction() as session:
        made = await connections.connect(session, app.settings, google, who.workspace_id, data)
        return connections.read_connection(made, google)


@router.post("/google-connections/{google_connection_id}/authorise")
async def authorise_google_connection(
    google_connection_id: str, data: GoogleConsent, app: App, who: KnowledgeWriter
) -> GoogleConnectionRead:
    """Hand over the code that Google's consent page sent the browser back with."""
    google = opened_google(app)
    made = await connections.authorise(app.db, google, who.workspace_id, google_connection_id, data)
    return connections.read_connection(made, google)


@router.delete("/google-connections/{google_connection_id}", status_code=204)
async def delete_google_connection(google_connection_id: str, app: App, who: KnowledgeWriter) -> None:
    """Forget a connection; what was read through it stays until its sources are deleted."""
    async with app.db.transaction() as session:
        await connections.disconnect(session, who.workspace_id, google_connection_id)


@router.get("/google-connections/{google_connection_id}/documents")
async def list_google_documents(
    google_connection_id: str,
    app: App,
    who: KnowledgeReader,
    q: Annotated[str | None, Query(max_length=200, description="part of the name")] = None,
    cursor: Cursor = None,
) -> Page[GoogleDocumentRead]:
    """Documents and spreadsheets to pick from, the latest changed first."""
    found, further = await connections.documents(
        app.db,
        opened_google(app),
        who.workspace_id,
        google_connection_id,
        named=q,
        page=decode_cursor(cursor),
    )
    items = [GoogleDocumentRead.model_validate(one) for one in found]
    return Page(items=items, next_cursor=encode_cursor(further) if further else None)
