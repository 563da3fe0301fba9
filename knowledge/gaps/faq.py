"""The managed text source that answers of admins go into: a heading and its text for each, one below another.

It is an ordinary source: it is uploaded, read, embedded, searched and cited like any other file, and an
admin may replace, publish or delete it as one.
"""

from __future__ import annotations

import asyncio

from agentflow.kit.db import Database
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.files import Files
from knowledge import repository
from knowledge import service as knowledge
from knowledge.gaps.schemas import Draft
from knowledge.models import SourceState
from knowledge.schemas import SourceRead

NAME = "FAQ.txt"
_TRIES = 10
_PAUSE_SECONDS = 0.1


async def append(
    db: Database, files: Files, workspace_id: str, knowledge_base_id: str, entry: Draft
) -> SourceRead:
    """Add an entry to the source and start to take it in; one that stands there already is not added again.

    Raises InvalidInput for an entry without an answer, and what an upload raises; Conflict when the
    source is not UTF-8 text, or when others replace it again and again.
    """
    if not entry.answer.strip():
        raise InvalidInput("Write an answer before you publish it.", code="draft_without_answer")
    block = f"# {entry.question}\n\n{_below_heading(entry.answer)}\n"
    for _ in range(_TRIES):
        version, text = await _present(db, files, workspace_id, knowledge_base_id)
        if text is not None:
            if block not in text:
                text = f"{text.rstrip()}\n\n{block}" if text.strip() else block
            try:
                return await knowledge.upload(
                    db,
                    files,
                    workspace_id,
                    knowledge_base_id,
                    name=NAME,
                    content=text.encode(),
                    replaces=version,
                )
            except Conflict as changed:
                if changed.code != "source_changed":
                    raise
        await asyncio.sleep(_PAUSE_SECONDS)
    raise Conflict(f"{NAME} is being replaced all the time; try again.", code="source_changed")


def _below_heading(answer: str) -> str:
    """The answer as paragraphs that no reader takes for a heading of their own."""
    lines = (line.strip() for line in answer.strip().splitlines())
    return "\n".join(line.lstrip("#").strip() if line.startswith("#") else line for line in lines)


async def _present(
    db: Database, files: Files, workspace_id: str, knowledge_base_id: str
) -> tuple[int, str | None]:
    """The newest version of the source, 0 for none, and its text; None while its file is being stored."""
    async with db.read() as session:
        await knowledge.get_knowledge_base(session, workspace_id, knowledge_base_id)
        source = await repository.find_source_named(session, workspace_id, knowledge_base_id, NAME)
        if source is None:
            return 0, ""
        newest = await repository.find_version(session, workspace_id, source.id, source.version)
        if newest is None or newest.state == SourceState.FAILED:
            if source.live_version is None:
                return source.version, ""
            newest = await repository.find_version(session, workspace_id, source.id, source.live_version)
    if newest is None:
        return source.version, ""
    try:
        content = await files.get(newest.file_key)
    except NotFound:
        return source.version, None
    try:
        return source.version, content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Conflict(
            f"{NAME} is not UTF-8 text; replace it by one that is.", code="faq_not_utf8"
        ) from wrong
