"""Previews: take a file in aside, read what it would change, publish it or throw it away.

Nothing of a preview is live: the file lies under a key of its own, and what was computed from it stands in
the report alone. Publishing is an ordinary upload of the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from knowledge import service as knowledge
from knowledge.limits import check_bytes
from knowledge.models import Origin
from knowledge.previews import repository
from knowledge.previews.models import SourcePreview
from knowledge.previews.schemas import Change, PreviewOrder, PreviewRead, PreviewState
from knowledge.schemas import Progress, Reason, SourceRead

KEPT = timedelta(days=1)


async def create(
    db: Database,
    files: Files,
    workspace_id: str,
    source_id: str,
    *,
    filename: str,
    content: bytes,
    questions: int,
) -> PreviewRead:
    """Keep the file and start to compare. Raises NotFound, Conflict, InvalidInput, FileTooLarge."""
    check_bytes(len(content), db.settings.ingest.max_bytes)
    async with db.read() as session:
        source = await knowledge.get_source(session, workspace_id, source_id)
    if source.origin != Origin.UPLOAD:
        raise Conflict("This source is fetched, not uploaded; it has no file to replace.", code="not_a_file")
    expected, found = (PurePath(name).suffix.lower() for name in (source.name, filename))
    if expected != found:
        raise InvalidInput(
            f"{source.name} can be replaced by a {expected} file, not by a {found or 'nameless'} one.",
            code="other_file_type",
        )
    preview_id = new_id("prv")
    key = f"previews/{preview_id}"
    await files.put(key, content)
    async with db.transaction() as session:
        preview = SourcePreview(
            id=preview_id,
            workspace_id=workspace_id,
            knowledge_base_id=source.knowledge_base_id,
            source_id=source_id,
            base_version=source.version,
            file_key=key,
            bytes=len(content),
            state=PreviewState.QUEUED,
            questions=questions,
            progress_done=0,
            progress_total=0,
            created_at=now(session),
            expires_at=now(session) + KEPT,
        )
        session.add(preview)
        await session.flush()
        await enqueue(
            session,
            "preview",
            preview_id,
            job_id=f"preview:{preview_id}",
            partition=source.knowledge_base_id,
        )
        return read(preview)


async def get(session: AsyncSession, workspace_id: str, preview_id: str) -> PreviewRead:
    """One preview. Raises NotFound, also when its day is over."""
    return read(await _find(session, workspace_id, preview_id))


async def publish(db: Database, files: Files, workspace_id: str, preview_id: str) -> SourceRead:
    """Put the file in the source's place as any upload does. Raises NotFound, and Conflict when the source
    was replaced since, besides what an upload raises.
    """
    async with db.read() as session:
        preview = await _find(session, workspace_id, preview_id)
        source = await knowledge.get_source(session, workspace_id, preview.source_id)
    published = await knowledge.upload(
        db,
        files,
        workspace_id,
        preview.knowledge_base_id,
        name=source.name,
        content=await files.get(preview.file_key),
        replaces=preview.base_version,
    )
    await _erase(db, files, preview)
    return published


async def discard(db: Database, files: Files, workspace_id: str, preview_id: str) -> None:
    """Throw the file and the report away. Raises NotFound."""
    async with db.read() as session:
        preview = await _find(session, workspace_id, preview_id)
    await _erase(db, files, preview)


async def sweep(db: Database, files: Files) -> None:
    """Erase the previews whose day is over, in every workspace."""
    async with db.read() as session:
        previews = await repository.expired(session, now(session))
    for preview in previews:
        await _erase(db, files, preview)


async def begin(session: AsyncSession, preview_id: str) -> PreviewOrder | None:
    """What there is to do; None for a preview that is done, expired or gone."""
    preview = await repository.find_preview_of_job(session, preview_id)
    if preview is None or preview.state in (PreviewState.READY, PreviewState.FAILED):
        return None
    if preview.expires_at <= now(session):
        return None
    source = await knowledge.get_source(session, preview.workspace_id, preview.source_id)
    preview.state = PreviewState.RUNNING
    return PreviewOrder(
        preview.id,
        preview.workspace_id,
        preview.knowledge_base_id,
        source.name,
        preview.file_key,
        preview.questions,
    )


async def note(session: AsyncSession, order: PreviewOrder, values: Mapping[str, object]) -> bool:
    """Write down how far it has come; False when the preview is gone."""
    return await repository.set_values(session, order.workspace_id, order.id, values)


async def _find(session: AsyncSession, workspace_id: str, preview_id: str) -> SourcePreview:
    preview = await repository.find_preview(session, workspace_id, preview_id)
    if preview is None or preview.expires_at <= now(session):
        raise NotFound("There is no such preview.", code="preview_not_found")
    return preview


async def _erase(db: Database, files: Files, preview: SourcePreview) -> None:
    await files.delete(preview.file_key)
    async with db.transaction() as session:
        await repository.delete_preview(session, preview.workspace_id, preview.id)


def read(preview: SourcePreview) -> PreviewRead:
    """A preview as an admin sees it."""
    changes = [Change.model_validate(one) for one in json.loads(preview.report or "[]")]
    reason = (
        Reason(code=preview.reason_code, detail=preview.reason_detail or "") if preview.reason_code else None
    )
    ready = preview.state == PreviewState.READY
    return PreviewRead(
        id=preview.id,
        source_id=preview.source_id,
        state=PreviewState(preview.state),
        progress=Progress(done=preview.progress_done, total=preview.progress_total),
        unchanged=preview.progress_total // 2 - len(changes) if ready else 0,
        changes=changes,
        reason=reason,
        created_at=preview.created_at,
        expires_at=preview.expires_at,
    )
