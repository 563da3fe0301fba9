"""What a new file would change: see past questions answered with it, then publish it or throw it away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from agentflow.api.deps import App, InboxReader, KnowledgeReader, KnowledgeWriter
from agentflow.api.idempotency import IdempotentRoute
from knowledge.previews import service as previews
from knowledge.previews.schemas import PreviewRead
from knowledge.schemas import SourceRead

router = APIRouter(tags=["knowledge"], route_class=IdempotentRoute)

Questions = Annotated[int, Form(ge=1, le=200, description="how many different past questions to ask again")]


@router.post("/sources/{source_id}/preview", status_code=202)
async def preview_source(
    source_id: str,
    app: App,
    who: KnowledgeWriter,
    _: InboxReader,
    file: Annotated[UploadFile, File(description="what would take the source's place; of the same type")],
    questions: Questions = 50,
) -> PreviewRead:
    """Take a file in aside and ask past questions again with it, offline; watch its state. Kept for a day."""
    return await previews.create(
        app.db,
        app.files,
        who.workspace_id,
        source_id,
        filename=file.filename or "",
        content=await file.read(),
        questions=questions,
    )


@router.get("/previews/{preview_id}")
async def get_preview(preview_id: str, app: App, who: KnowledgeReader, _: InboxReader) -> PreviewRead:
    """How far it has come, and the questions that would be answered differently, old and new side by side."""
    async with app.db.read() as session:
        return await previews.get(session, who.workspace_id, preview_id)


@router.post("/previews/{preview_id}/publish", status_code=202)
async def publish_preview(preview_id: str, app: App, who: KnowledgeWriter) -> SourceRead:
    """Put the file in the source's place, as an upload does."""
    return await previews.publish(app.db, app.files, who.workspace_id, preview_id)


@router.delete("/previews/{preview_id}", status_code=204)
async def discard_preview(preview_id: str, app: App, who: KnowledgeWriter) -> None:
    """Throw the file and the report away."""
    await previews.discard(app.db, app.files, who.workspace_id, preview_id)
