"""A preview in both stores: what a new file would change in past answers, without touching what is live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest

from agentflow import bootstrap
from agentflow.agents import service as agents
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from agentflow.preview.run import PreviewDeps, run
from agentflow.turn import Replier
from crm.inbox import service as inbox
from knowledge import service as knowledge
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.ingest import IngestDeps, ingest
from knowledge.previews import service as previews
from knowledge.previews.schemas import PreviewRead, PreviewState
from knowledge.reading import ReaderPool
from knowledge.schemas import KnowledgeBaseCreate
from knowledge.search import Searcher
from tests.agents.conftest import SOURCES, open_shop
from tests.talk import Talk, make_talk, reply

RETURN = "How long do I have to send an order back?"
HARP = "Who tunes the harp in the attic?"
HOURS = "When is the workshop open?"
NEW_RETURNS = SOURCES["returns.txt"].replace("within 30 days", "within 60 days")
NEW_KETTLE = SOURCES["kettle.txt"] + "\nThe harp\n\nMs. Visser tunes the harp in the attic on Fridays.\n"


@dataclass
class Desk:
    """A workspace with knowledge, an agent and talk."""

    talk: Talk
    deps: PreviewDeps
    base_id: str
    agent_id: str
    sources: dict[str, str]

    async def preview(self, name: str, content: str, questions: int = 50) -> PreviewRead:
        made = await previews.create(
            self.talk.db,
            self.deps.ingest.files,
            self.talk.workspace_id,
            self.sources[name],
            filename=name,
            content=content.encode(),
            questions=questions,
        )
        await run(self.deps, made.id)
        return await self.read(made.id)

    async def read(self, preview_id: str, workspace_id: str | None = None) -> PreviewRead:
        async with self.talk.db.read() as session:
            return await previews.get(session, workspace_id or self.talk.workspace_id, preview_id)

    async def asked(self, *questions: str) -> None:
        """Visitors asked, and the agent answered something."""
        for number, question in enumerate(questions):
            await self.talk.answer(await self.talk.say(question, visitor=f"vis_{number}"), reply("Well."))


@pytest.fixture
async def desk(db: Database, settings: Settings, embedder: OnnxEmbedder) -> AsyncIterator[Desk]:
    talk = await make_talk(db, routed=False)
    reader = ReaderPool(settings.ingest)
    files = LocalFiles(settings.home / "files")
    deps = IngestDeps(db, files, reader, embedder)
    async with db.transaction() as session:
        base = await knowledge.create_knowledge_base(
            session, talk.workspace_id, KnowledgeBaseCreate(name="Shop")
        )
        data = agents.parse_agent({"name": "Robin", "knowledge_base_id": base.id})
        agent = await agents.create_agent(session, talk.workspace_id, data)
        await inbox.set_route(session, talk.workspace_id, talk.account.id, agent.id)
    sources = {}
    for name in ("returns.txt", "kettle.txt", "hours.txt"):
        content = SOURCES[name].encode()
        source = await knowledge.upload(db, files, talk.workspace_id, base.id, name=name, content=content)
        await ingest(deps, source.id, source.version)
        sources[name] = source.id

    async def open_replier(shadow: Database, searcher: Searcher, stack: AsyncExitStack) -> Replier:
        shop = open_shop(shadow, shadow.settings, embedder, (talk.workspace_id, base.id))
        return (await stack.enter_async_context(shop)).runner

    yield Desk(talk, PreviewDeps(deps, bootstrap.open_database, open_replier), base.id, agent.id, sources)
    await reader.close()


async def test_that_it_shows_what_would_be_answered_differently(desk: Desk) -> None:
    await desk.asked(RETURN, HOURS, f" {RETURN.upper()} ", HOURS)
    seen = await desk.preview("returns.txt", NEW_RETURNS)
    assert (seen.state, seen.reason, seen.unchanged) == (PreviewState.READY, None, 1)
    assert (seen.progress.done, seen.progress.total) == (4, 4)
    (change,) = seen.changes
    assert change.change == "different"
    assert "within 30 days" in change.old.text
    assert "within 60 days" in change.new.text
    assert [one.source for one in change.new.citations] == ["returns.txt"] * len(change.new.citations)
    assert any("60 days" in one.quote for one in change.new.citations)
    # Nothing of it is live.
    async with desk.talk.db.read() as session:
        source = await knowledge.get_source(session, desk.talk.workspace_id, desk.sources["returns.txt"])
    assert (source.version, source.live_version) == (1, 1)


async def test_that_answers_gained_and_lost_are_told_apart(desk: Desk) -> None:
    await desk.asked(HARP)
    (gained,) = (await desk.preview("kettle.txt", NEW_KETTLE)).changes
    assert (gained.change, "Ms. Visser tunes the harp" in gained.new.text) == ("now_answered", True)
    await desk.asked(RETURN)
    (lost,) = (await desk.preview("returns.txt", "Parrots\n\nParrots eat seeds and sleep a lot.\n")).changes
    assert (lost.question, lost.change, lost.new.citations) == (RETURN, "no_longer_answered", [])


async def test_that_publishing_puts_the_file_in_place(desk: Desk) -> None:
    await desk.asked(RETURN)
    seen = await desk.preview("returns.txt", NEW_RETURNS)
    db, files, workspace_id = desk.talk.db, desk.deps.ingest.files, desk.talk.workspace_id
    source = await previews.publish(db, files, workspace_id, seen.id)
    assert (source.id, source.version) == (desk.sources["returns.txt"], 2)
    assert await files.get(f"sources/{source.id}/2") == NEW_RETURNS.encode()
    with pytest.raises(NotFound):
        await desk.read(seen.id)
    assert f"previews/{seen.id}" not in await files.keys()


async def test_that_a_source_replaced_meanwhile_is_not_overwritten(desk: Desk) -> None:
    seen = await desk.preview("returns.txt", NEW_RETURNS)
    db, files, workspace_id = desk.talk.db, desk.deps.ingest.files, desk.talk.workspace_id
    await knowledge.upload(db, files, workspace_id, desk.base_id, name="returns.txt", content=b"Newer")
    with pytest.raises(Conflict, match="replaced meanwhile"):
        await previews.publish(db, files, workspace_id, seen.id)


async def test_that_a_bad_file_fails_with_its_reason(desk: Desk) -> None:
    await desk.asked(RETURN)
    failed = await desk.preview("returns.txt", "\x00\x01\x02" * 300)
    assert failed.state == PreviewState.FAILED
    assert failed.reason is not None
    assert failed.reason.code == "corrupt"
    with pytest.raises(InvalidInput, match="can be replaced by a .txt file"):
        await previews.create(
            desk.talk.db,
            desk.deps.ingest.files,
            desk.talk.workspace_id,
            desk.sources["returns.txt"],
            filename="returns.pdf",
            content=b"x",
            questions=5,
        )


async def test_that_a_preview_is_gone_after_a_day_or_when_discarded(desk: Desk, clock: ManualClock) -> None:
    db, files, workspace_id = desk.talk.db, desk.deps.ingest.files, desk.talk.workspace_id
    first = await desk.preview("returns.txt", NEW_RETURNS)
    await previews.discard(db, files, workspace_id, first.id)
    second = await desk.preview("returns.txt", NEW_RETURNS)
    clock.advance(timedelta(hours=25))
    for gone in (first, second):
        with pytest.raises(NotFound):
            await desk.read(gone.id)
    await previews.sweep(db, files)
    assert f"previews/{second.id}" not in await files.keys()
    await run(desk.deps, second.id)  # its job may still come


async def test_that_another_workspace_reaches_no_preview(desk: Desk) -> None:
    seen = await desk.preview("returns.txt", NEW_RETURNS)
    db, files = desk.talk.db, desk.deps.ingest.files
    with pytest.raises(NotFound):
        await desk.read(seen.id, "wsp_other")
    for refused in (previews.publish, previews.discard):
        with pytest.raises(NotFound):
            await refused(db, files, "wsp_other", seen.id)
    with pytest.raises(NotFound):
        await previews.create(
            db,
            files,
            "wsp_other",
            desk.sources["returns.txt"],
            filename="returns.txt",
            content=b"x",
            questions=5,
        )
    assert (await desk.read(seen.id)).state == PreviewState.READY
