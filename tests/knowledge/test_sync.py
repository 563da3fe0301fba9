"""Sources that are fetched, on both stores: added, kept up with, and what a failed fetch leaves alone."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.clock import ManualClock
from agentflow.kit.egress import Egress
from agentflow.kit.errors import Conflict
from agentflow.kit.events import read_events
from agentflow.kit.mail import open_mailer
from knowledge import ingest as ingesting
from knowledge import service, sync
from knowledge.addresses import source_at
from knowledge.errors import TooManySources
from knowledge.models import Origin, SourceState
from knowledge.notices import NoticeDeps, tell_of_failure
from knowledge.origins.base import Fetcher, SiteLimits
from knowledge.origins.site import SiteOrigin
from knowledge.origins.web import UrlOrigin, Web
from knowledge.schemas import SourceRead, UrlCreate
from knowledge.search import Searcher
from knowledge.sync import NewSource, SyncDeps
from tests.kit.test_egress import Names
from tests.knowledge.test_ingest import CountingEmbedder
from tests.knowledge.websites import Website, egress_for, fetching, page, serving
from tests.library import OPENING, WORKSPACE, Library

HOUR = 3600


async def admins(_session: AsyncSession, workspace_id: str) -> list[str]:
    """Who looks after the workspace of the tests."""
    return ["ada@example.com", "bob@example.com"] if workspace_id == WORKSPACE else []


class Synced:
    """A library whose sources come from a website, with jobs that run when a test says so."""

    def __init__(self, library: Library, deps: SyncDeps, site: Website) -> None:
        self.library, self.deps, self.site = library, deps, site
        self.embedder = CountingEmbedder(library.deps.embedder)
        self.notices = NoticeDeps(library.db, open_mailer(library.db.settings), admins)

    async def add(self, path: str = "/help", *, site: SiteLimits | None = None) -> SourceRead:
        new = NewSource(
            origin=Origin.SITE if site else Origin.URL,
            location=self.site.url + path,
            name=f"shop.example{path}",
            every_seconds=HOUR,
            site=site,
        )
        async with self.library.db.transaction() as session:
            source = await sync.add(session, self.library.db.settings, WORKSPACE, self.library.id, new)
        await self.run()
        return source

    async def request(self, source: SourceRead) -> SourceRead:
        """Sync on demand, with all that follows."""
        async with self.library.db.transaction() as session:
            await sync.request_sync(session, self.library.db.settings, WORKSPACE, source.id)
        await self.run()
        return await self.library.source(source.id)

    async def due(self) -> int:
        """Start what is due, and run it."""
        async with self.library.db.transaction() as session:
            count = await sync.enqueue_due(session, self.library.db.settings)
        await self.run()
        return count

    async def run(self) -> None:
        """Run every waiting job, and those they add."""
        jobs = self.library.jobs.enqueued
        while jobs:
            name, ids = jobs.pop(0)
            if name == "sync":
                await sync.sync(self.deps, str(ids[0]), int(ids[1]))
            elif name == "sync_failed":
                await tell_of_failure(self.notices, str(ids[0]))
            else:
                deps = replace(self.library.deps, embedder=self.embedder)
                await ingesting.ingest(deps, str(ids[0]), int(ids[1]))

    async def generation(self) -> int:
        async with self.library.db.read() as session:
            return (await service.get_knowledge_base(session, WORKSPACE, self.library.id)).generation

    def mails(self) -> list[tuple[str, str, str]]:
        """Recipients, subject and text of each mail."""
        files = sorted((self.library.db.settings.home / "mail").glob("*.eml"))
        read = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return [(mail["To"], mail["Subject"], mail.get_content()) for mail in read]

    async def news(self) -> list[tuple[str, str | None]]:
        async with self.library.db.read() as session:
            events = await read_events(session, WORKSPACE, after=0, limit=100)
        return [(event.kind, event.payload.get("code")) for event in events]


@pytest.fixture
async def synced(library: Library) -> AsyncIterator[Synced]:
    settings = fetching()
    async with serving(Website()) as site, egress_for(settings) as egress:
        web = Web(egress, settings)
        origins: dict[Origin, Fetcher] = {
            Origin.URL: UrlOrigin(web, settings),
            Origin.SITE: SiteOrigin(web, settings),
        }
        yield Synced(library, SyncDeps(library.db, library.files, origins), site)


def manual(machines: int, *, changed: int | None = None) -> str:
    """A page of so many sections."""
    sections = [
        f"<h2>Machine {number}</h2>"
        + "".join(
            f"<p>Part {part} of machine {number} is checked every "
            f"{99 if (number, part) == (changed, 1) else part + number} weeks by the crew.</p>"
            for part in range(1, 9)
        )
        for number in range(1, machines + 1)
    ]
    return f"<html><body><main><h1>Manual</h1>{''.join(sections)}</main></body></html>"


async def test_that_an_address_becomes_a_source_and_is_kept_up_with(
    synced: Synced, searcher: Searcher, clock: ManualClock
) -> None:
    library = synced.library
    synced.site.put("/help", manual(2))
    added = await synced.add()
    assert (added.state, added.origin, added.version) == (SourceState.FETCHING, Origin.URL, 1)
    first = await library.source(added.id)
    assert (first.state, first.live_version) == (SourceState.READY, 1)
    assert first.sync is not None
    assert first.sync.synced_at == clock.now()
    assert not first.sync.running
    assert first.sync.next_sync_at is not None
    wait = (first.sync.next_sync_at - clock.now()).total_seconds()
    assert 0.9 * HOUR <= wait <= 1.1 * HOUR
    found = await searcher.search(WORKSPACE, library.id, "How often is part 3 of machine 2 checked?")
    assert any("part 3 of machine 2 is checked every 5 weeks" in one.text.lower() for one in found.passages)

    assert await synced.due() == 0
    clock.advance(timedelta(hours=2))
    generation, texts = await synced.generation(), synced.embedder.texts
    assert await synced.due() == 1
    unchanged = await library.source(added.id)
    assert (unchanged.version, await synced.generation(), synced.embedder.texts) == (1, generation, texts)
    assert unchanged.sync is not None
    assert unchanged.sync.synced_at == clock.now()

    clock.advance(timedelta(hours=2))
    synced.site.put("/help", manual(2, changed=2))
    await synced.due()
    changed = await library.source(added.id)
    assert (changed.version, changed.live_version) == (2, 2)
    found = await searcher.search(WORKSPACE, library.id, "How often is part 1 of machine 2 checked?")
    # Which of two passages that differ in figures alone comes first is the processor's to say.
    assert any("every 99 weeks" in one.text for one in found.passages)
    assert not any("machine 2 is checked every 3 weeks" in one.text for one in found.passages)
    assert len(library.stored_files()) == 1


async def test_that_only_what_changed_is_embedded_again(synced: Synced) -> None:
    synced.site.put("/help", manual(12))
    source = await synced.add()
    everything = synced.embedder.texts
    synced.embedder.texts = 0
    synced.site.put("/help", manual(12, changed=7))
    after = await synced.request(source)
    assert after.live_version == 2
    assert after.passages >= 12
    assert 1 <= synced.embedder.texts <= 4  # one sentence and the passages it stands in
    assert everything > 100


async def test_that_an_upload_is_embedded_anew_only_where_it_changed(synced: Synced) -> None:
    library = synced.library
    await library.upload("opening.txt", OPENING)
    await synced.run()
    synced.embedder.texts = 0
    await library.upload("opening.txt", OPENING + "\nParking\n\nThe car park costs 2 euro an hour.\n")
    await synced.run()
    assert 1 <= synced.embedder.texts <= 4


async def test_that_a_failed_fetch_leaves_the_old_answers_and_is_told_once(
    synced: Synced, searcher: Searcher, clock: ManualClock
) -> None:
    library, site = synced.library, synced.site
    site.put("/help", manual(2))
    source = await synced.add()
    generation = await synced.generation()
    site.fail("/help", 404)
    for _ in range(2):
        clock.advance(timedelta(hours=2))
        await synced.due()
    failed = await library.source(source.id)
    assert (failed.state, failed.live_version) == (SourceState.READY, 1)
    assert failed.sync is not None
    assert failed.sync.sync_error is not None
    assert failed.sync.sync_error.code == "page_gone"
    assert await synced.generation() == generation
    assert await synced.news() == [("source_sync_failed", "page_gone")]
    found = await searcher.search(WORKSPACE, library.id, "How often is part 3 of machine 2 checked?")
    assert found.passages

    site.fail("/help", 429, Retry_After="7200")
    clock.advance(timedelta(hours=2))
    await synced.due()
    waiting = (await library.source(source.id)).sync
    assert waiting is not None
    assert waiting.next_sync_at == clock.now() + timedelta(hours=2)

    site.put("/help", manual(2))
    healed = await synced.request(source)
    assert healed.sync is not None
    assert healed.sync.sync_error is None
    assert (await synced.news())[-1] == ("source_sync_recovered", None)
    assert await synced.generation() == generation


async def test_that_a_name_that_moves_inside_leaves_the_old_answers(
    synced: Synced, searcher: Searcher
) -> None:
    library, site = synced.library, synced.site
    names = Names(["127.0.0.1"], ["10.0.0.5"])  # when the connection was made, and from then on
    settings = fetching()
    egress = Egress(settings, resolver=names)
    web = UrlOrigin(Web(egress, settings), settings)
    moving = Synced(library, replace(synced.deps, origins={Origin.URL: web}), Website())
    moving.site.url = site.url.replace("127.0.0.1", "shop.example")
    site.put("/help", manual(2))
    site.pages["/help"].headers["Connection"] = "close"
    source = await moving.add()
    moved = await moving.request(source)
    await egress.close()
    assert (moved.state, moved.live_version) == (SourceState.READY, 1)
    assert moved.sync is not None
    assert moved.sync.sync_error is not None
    assert moved.sync.sync_error.code == "address_refused"
    found = await searcher.search(WORKSPACE, library.id, "How often is part 3 of machine 2 checked?")
    assert "every 5 weeks" in found.passages[0].text


async def test_that_the_admins_get_one_mail_for_a_run_of_failures(synced: Synced, clock: ManualClock) -> None:
    site = synced.site
    never = await synced.add("/missing")
    site.put("/help", manual(2))
    await synced.add()
    assert (never.live_version, synced.mails()) == (None, [])  # nothing was there to keep up with
    await synced.library.delete(never.id)
    for status in (404, 404, 500):
        site.fail("/help", status)
        clock.advance(timedelta(hours=2))
        await synced.due()
    ((to, subject, text),) = synced.mails()
    assert to == "ada@example.com, bob@example.com"
    assert subject == "A source could not be updated: shop.example/help"
    assert "there is no such page" in text
    assert f"{site.url}/help" in text
    assert "keeps answering" in text
    assert "tried again by itself" in text
    site.put("/help", manual(2))
    clock.advance(timedelta(hours=2))
    await synced.due()
    assert len(synced.mails()) == 1
    site.put("/help", b"%PDF-1.7 but nothing else", kind="application/pdf")  # refused by the reader
    clock.advance(timedelta(hours=2))
    await synced.due()
    assert len(synced.mails()) == 2
    assert "damaged" in synced.mails()[1][2]


async def test_that_nobody_is_told_of_what_was_put_right_meanwhile(synced: Synced) -> None:
    synced.site.put("/help", manual(1))
    source = await synced.add()
    synced.site.fail("/help", 404)
    async with synced.library.db.transaction() as session:
        await sync.request_sync(session, synced.library.db.settings, WORKSPACE, source.id)
    jobs = synced.library.jobs.enqueued
    await sync.sync(synced.deps, source.id, 1)
    late = [job for job in jobs if job[0] == "sync_failed"]
    jobs[:] = []
    synced.site.put("/help", manual(1))
    await synced.request(source)
    jobs += late
    await synced.run()
    assert (len(late), synced.mails()) == (1, [])


async def test_that_new_content_that_cannot_be_read_leaves_the_old(
    synced: Synced, clock: ManualClock
) -> None:
    site = synced.site
    site.put("/help", manual(2))
    source = await synced.add()
    site.put("/help", b"%PDF-1.7 but nothing else", kind="application/pdf")
    broken = await synced.request(source)
    assert (broken.state, broken.version, broken.live_version) == (SourceState.FAILED, 2, 1)
    assert await synced.news() == [("source_sync_failed", "corrupt")]
    clock.advance(timedelta(hours=2))
    await synced.due()  # the same bytes are not read again by themselves
    again = await synced.library.source(source.id)
    assert again.version == 2
    assert again.sync is not None
    assert again.sync.sync_error is not None
    assert (await synced.request(source)).version == 3  # but when asked to
    site.put("/help", manual(2))
    healed = await synced.request(source)
    assert (healed.state, healed.live_version) == (SourceState.READY, 4)
    assert healed.sync is not None
    assert healed.sync.sync_error is None


async def test_that_an_address_that_never_answered_takes_no_place(synced: Synced) -> None:
    source = await synced.add("/missing")
    failed = await synced.library.source(source.id)
    assert (failed.state, failed.live_version) == (SourceState.FAILED, None)
    assert failed.reason is not None
    assert failed.reason.code == "page_gone"
    for number in range(10):
        await synced.library.upload(f"{number}.txt", "text")
    synced.site.put("/missing", manual(1))
    full = await synced.request(source)  # it is there now, but the places are taken
    assert full.live_version is None
    assert full.sync is not None
    assert full.sync.sync_error is not None
    assert full.sync.sync_error.code == "too_many_sources"
    with pytest.raises(TooManySources):
        await synced.add("/another")


async def test_that_the_same_address_again_is_the_same_source(synced: Synced) -> None:
    synced.site.put("/help", manual(1))
    first = await synced.add()
    assert (await synced.add()).id == first.id
    taken = NewSource(Origin.URL, "http://other.example/", "shop.example/help")
    with pytest.raises(Conflict):
        async with synced.library.db.transaction() as session:
            await sync.add(session, synced.library.db.settings, WORKSPACE, synced.library.id, taken)
    upload = await synced.library.upload("a.txt", "text")
    with pytest.raises(Conflict):
        await synced.request(upload)


async def test_that_a_run_that_died_is_taken_up_again(
    synced: Synced, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = synced.library
    synced.site.put("/help", manual(2))

    async def die(key: str, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(library.files, "put", die)
        with pytest.raises(KeyboardInterrupt):
            await synced.add()
    (source,) = await library.sources()
    assert source.sync is not None
    assert source.sync.running
    assert await synced.due() == 0  # its lease still holds
    clock.advance(timedelta(seconds=library.db.settings.sync.lease_seconds))
    assert await synced.due() == 1
    done = await library.source(source.id)
    assert (done.state, done.version, done.live_version) == (SourceState.READY, 1, 1)


async def test_that_a_deleted_source_is_not_fetched_and_a_restored_one_is(
    synced: Synced, clock: ManualClock
) -> None:
    synced.site.put("/help", manual(1))
    source = await synced.add()
    await synced.library.delete(source.id)
    clock.advance(timedelta(hours=2))
    asked = len(synced.site.asked)
    assert await synced.due() == 0
    await sync.sync(synced.deps, source.id)  # a job that was waiting
    assert len(synced.site.asked) == asked
    await synced.library.restore(source.id)
    assert await synced.due() == 1


async def test_that_a_site_is_one_source_whose_pages_are_found(synced: Synced, searcher: Searcher) -> None:
    site = synced.site
    text = "The warehouse in Utrecht takes returns until five in the afternoon on working days."
    site.put("/", page("Home", "Welcome to our shop, we sell chairs and tables.", links=("/returns",)))
    site.put("/returns", page("Returns", text))
    source = await synced.add("/", site=SiteLimits(20, 2))
    ready = await synced.library.source(source.id)
    assert (ready.state, ready.pages) == (SourceState.READY, 2)
    found = await searcher.search(WORKSPACE, synced.library.id, "Until when can I bring returns to Utrecht?")
    assert text in found.passages[0].text
    assert (found.passages[0].page, found.passages[0].section) == (None, "Returns")
    generation = await synced.generation()
    await synced.request(source)
    assert await synced.generation() == generation
    assert "/returns" in site.conditional


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, 2 * HOUR), ({"sync_every_seconds": None}, None), ({"sync_every_seconds": 600}, 600)],
)
async def test_that_the_server_says_how_often_where_nobody_else_does(
    said: dict[str, int | None], expected: int | None
) -> None:
    settings = fetching(every_seconds=2 * HOUR)
    create = UrlCreate.model_validate({"url": "http://127.0.0.1/help", **said})
    async with egress_for(settings) as egress:
        new = await source_at(egress, settings, create)
    assert new.every_seconds == expected


async def test_that_a_schedule_can_be_changed_or_ended(synced: Synced, clock: ManualClock) -> None:
    synced.site.put("/help", manual(1))
    source = await synced.add()
    for seconds, expected in ((10, synced.library.db.settings.sync.least_seconds), (None, None)):
        async with synced.library.db.transaction() as session:
            changed = await sync.set_schedule(
                session, synced.library.db.settings, WORKSPACE, source.id, seconds
            )
        assert changed.sync is not None
        assert changed.sync.every_seconds == expected
    clock.advance(timedelta(days=9))
    assert await synced.due() == 0
    assert (await synced.request(source)).sync is not None
    assert await synced.due() == 0
