"""The job of a preview: past questions of the agents, answered offline before and after the file.

Both answers come from a copy of the knowledge base in a database that is thrown away afterwards; the file is
taken in there by the ordinary way in. So nothing can reach a customer, and only the file makes a difference.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from agentflow.agents import service as agents
from agentflow.agents.replies import CheckedSentence, Outcome, TurnRequest
from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from agentflow.kit.files import Files, LocalFiles
from agentflow.kit.settings import Settings
from agentflow.preview import repository as shadows
from agentflow.turn import Replier
from crm.inbox import service as inbox
from crm.inbox.schemas import PastQuestion
from knowledge import service as knowledge
from knowledge.errors import SourceRefused
from knowledge.ingest import IngestDeps, ingest
from knowledge.previews import service as previews
from knowledge.previews.schemas import Answered, Change, PreviewOrder, PreviewState, Quoted
from knowledge.search import Searcher

_REPORT_EVERY = 5  # answers


@dataclass(frozen=True)
class PreviewDeps:
    """What a preview needs; built in bootstrap."""

    ingest: IngestDeps
    open_database: Callable[[Settings], AbstractAsyncContextManager[Database]]
    open_replier: Callable[[Database, Searcher, AsyncExitStack], Awaitable[Replier]]


class _Gone(Exception):
    """The preview was thrown away meanwhile."""


async def run(deps: PreviewDeps, preview_id: str) -> None:
    """Fill the report of a preview. Safe to repeat; one that is done or gone is left alone."""
    async with deps.ingest.db.transaction() as session:
        order = await previews.begin(session, preview_id)
    if order is None:
        return
    try:
        changes = await _compare(deps, order)
    except _Gone:
        return
    except AppError as refused:
        await _note(
            deps, order, state=PreviewState.FAILED, reason_code=refused.code, reason_detail=refused.detail
        )
        return
    report = json.dumps([change.model_dump() for change in changes], ensure_ascii=False)
    await _note(deps, order, state=PreviewState.READY, report=report)


async def _note(deps: PreviewDeps, order: PreviewOrder, **values: object) -> bool:
    async with deps.ingest.db.transaction() as session:
        return await previews.note(session, order, values)


async def _compare(deps: PreviewDeps, order: PreviewOrder) -> list[Change]:
    db = deps.ingest.db
    async with db.read() as session:
        ids = await agents.agents_of(session, order.workspace_id, order.knowledge_base_id)
        asked = await inbox.past_questions(session, order.workspace_id, ids, limit=order.questions)
    async with _shadow(deps, order) as (shadow, replier, files):
        old = await _answers(deps, order, replier, asked, done=0)
        await _take_in(deps, order, shadow, files)
        new = await _answers(deps, order, replier, asked, done=len(asked))
    compared = zip(asked, old, new, strict=True)
    return [_change(one.question, before, after) for one, before, after in compared if before != after]


@asynccontextmanager
async def _shadow(deps: PreviewDeps, order: PreviewOrder) -> AsyncIterator[tuple[Database, Replier, Files]]:
    """A copy of the knowledge base, with an agent's replier that has no model but the offline one."""
    db = deps.ingest.db
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agentflow-preview-")))
        alone = {"home": folder, "database_url": None, "qdrant_url": None, "key": None}
        settings = db.settings.model_copy(update=alone)
        shadow = await stack.enter_async_context(deps.open_database(settings))
        await shadows.copy(db, shadow, order.workspace_id, order.knowledge_base_id)
        searcher = Searcher(shadow, deps.ingest.embedder, settings)
        stack.push_async_callback(searcher.close)
        yield shadow, await deps.open_replier(shadow, searcher, stack), LocalFiles(folder / "files")


async def _take_in(deps: PreviewDeps, order: PreviewOrder, shadow: Database, files: Files) -> None:
    """Replace the source in the copy. Raises SourceRefused with what the file lacks."""
    content = await deps.ingest.files.get(order.file_key)
    arriving = knowledge.Upload(order.source, len(content), sha256(content).hexdigest())
    async with shadow.transaction() as session:
        source, version = await knowledge.add_source(
            session, shadow.settings.ingest, order.workspace_id, order.knowledge_base_id, arriving
        )
    await files.put(version.file_key, content)
    await ingest(replace(deps.ingest, db=shadow, files=files), source.id, version.version)
    async with shadow.read() as session:
        done = await knowledge.get_source(session, order.workspace_id, source.id)
    if done.reason is not None:
        raise SourceRefused(done.reason.detail, code=done.reason.code)


async def _answers(
    deps: PreviewDeps, order: PreviewOrder, replier: Replier, asked: Sequence[PastQuestion], *, done: int
) -> list[Answered]:
    """What is said to each question, told on the way. Raises _Gone."""
    said: list[Answered] = []
    for number, one in enumerate(asked, 1):
        request = TurnRequest(
            workspace_id=order.workspace_id,
            agent_id=one.agent_id,
            conversation_id=order.id,
            contact_id="",
            question=one.question,
            locale=one.language,
        )
        said.append(_answered(await replier.reply(request, _say_nothing)))
        if number % _REPORT_EVERY == 0 or number == len(asked):
            progress = {"progress_done": done + number, "progress_total": 2 * len(asked)}
            if not await _note(deps, order, **progress):
                raise _Gone
    return said


async def _say_nothing(_sentence: CheckedSentence) -> None:
    """The answers are compared when they are whole."""


def _answered(outcome: Outcome) -> Answered:
    cited = dict.fromkeys(cited for sentence in outcome.sentences for cited in sentence.citations)
    quotes = {
        Quoted(source=one.source, page=one.page, sheet=one.sheet, row=one.row, quote=one.quote)
        for one in cited
    }
    return Answered(action=outcome.action, text=outcome.text, citations=sorted(quotes, key=str))


def _change(question: str, old: Answered, new: Answered) -> Change:
    before, after = old.action == "reply", new.action == "reply"
    if before == after:
        return Change(question=question, change="different", old=old, new=new)
    return Change(
        question=question, change="now_answered" if after else "no_longer_answered", old=old, new=new
    )
