"""The composition root: the only file that knows everybody. It picks the vendors and wires them together.

Heavy libraries are imported here, in the branch that needs them, so that nothing else pays for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.care import erasing as people
from agentflow.care import exporting
from agentflow.kit import idempotency
from agentflow.kit.db import Database
from agentflow.kit.egress import Egress
from agentflow.kit.event_tail import EventTail
from agentflow.kit.files import Files, LocalFiles
from agentflow.kit.jobs import Jobs, Queue
from agentflow.kit.mail import MailDeps, open_mailer
from agentflow.kit.rates import Rates
from agentflow.kit.settings import Settings
from agentflow.llm import service as llm
from channels.base import Channel
from channels.outbox import Sender
from channels.registry import build_channels
from crm.audit import alerts
from crm.audit.service import AuditLog
from crm.audit.service import forget_old as forget_entries
from crm.contacts import keeping
from crm.contacts.imports import run as import_jobs
from crm.contacts.imports import service as imports
from crm.contacts.reminders import firing
from crm.inbox import service as inbox
from crm.inbox.notes import service as notes
from crm.inbox.routing import deciding
from crm.inbox.routing import service as routing
from crm.inbox.words import indexing
from crm.teams import service as teams
from crm.teams.staff import links
from crm.teams.staff import service as staff
from knowledge import erasing, notices, sync
from knowledge import service as knowledge
from knowledge.embedding import Embedder
from knowledge.gaps import service as gaps
from knowledge.index import MemoryIndex, VectorIndex
from knowledge.ingest import IngestDeps, ingest_all
from knowledge.models import Origin
from knowledge.origins.base import Fetcher
from knowledge.origins.site import SiteOrigin
from knowledge.origins.web import UrlOrigin, Web
from knowledge.previews import service as previews
from knowledge.reading import ReaderPool
from knowledge.search import Searcher

if TYPE_CHECKING:
    from agentflow.agents.runner import Runner
    from agentflow.llm.factory import ModelFactory
    from agentflow.llm.failover import Candidate
    from agentflow.llm.models import ModelConnection
    from agentflow.preview.run import PreviewDeps
    from agentflow.turn import Desk
    from knowledge.origins.google import GoogleOrigin

QUEUES = (
    Queue("turns", partitioned=True),
    Queue("sends", partitioned=True, poll_seconds=0.25),
    Queue("ingest", partitioned=True, poll_seconds=0.5),
    Queue("mails", concurrency=4, poll_seconds=0.5),
    Queue("care", partitioned=True, concurrency=2, poll_seconds=0.5),
    Queue("syncs", partitioned=True, concurrency=4, poll_seconds=0.5),
    Queue("imports", partitioned=True, concurrency=4, poll_seconds=0.5),
)
MINUTE = 60.0
HOUR = 3600.0
SNOOZE_SECONDS = 15.0  # how late a conversation that was set aside may open
REMINDER_SECONDS = 5.0
GAPS_SECONDS = 60.0  # for generations that come without an upload


@dataclass(frozen=True)
class Application:
    """Everything that is open while a process runs."""

    settings: Settings
    db: Database
    files: Files
    egress: Egress
    rates: Rates
    tail: EventTail
    jobs: Jobs | None
    searcher: Searcher
    replier: Runner
    channels: Mapping[str, Channel]
    desk: Desk
    ingest_deps: IngestDeps
    sync_deps: sync.SyncDeps
    google: GoogleOrigin | None  # only where jobs run: nothing else fetches
    table_reader: ReaderPool  # of imports, so that no upload waits for a large PDF
    audit: AuditLog
    stopping: asyncio.Event  # set when the server stops: open event streams end

    async def ingest(self, source_id: str, version: int) -> None:
        """Take one version of a source in, here and now."""
        await self.ingest_all([(source_id, version)])

    async def ingest_all(self, versions: Sequence[tuple[str, int]]) -> None:
        """Take several in: they are read and embedded side by side and go live together."""
        await ingest_all(self.ingest_deps, versions)

    async def ready(self) -> None:
        """Raise Unavailable when something we depend on does not answer."""
        await self.db.ping()
        await self.searcher.ping()
        if self.jobs is not None:
            await self.jobs.ping()


class NoJobs:
    """Takes jobs and forgets them: whoever needs the work done calls it directly (`agentflow ask`)."""

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        *ids: str | int,
        job_id: str,
        partition: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        """Forget it."""


@asynccontextmanager
async def start(settings: Settings, *, jobs: bool = True) -> AsyncIterator[Application]:
    """Open everything, work through jobs if asked to, and close it all in reverse order at the end."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_database(settings))
        embedder = await open_embedder(settings, stack)
        searcher = Searcher(db, embedder, settings, _open_index(settings))
        stack.push_async_callback(searcher.close)
        reader = ReaderPool(settings.ingest)
        stack.push_async_callback(reader.close)
        table_reader = ReaderPool(settings.ingest.model_copy(update={"processes": 1}))
        stack.push_async_callback(table_reader.close)
        egress = Egress(settings)
        stack.push_async_callback(egress.close)
        files = await open_files(settings, stack)
        replier = await _open_runner(db, searcher, embedder, egress, stack)
        tail = EventTail(db)
        stack.push_async_callback(tail.close)
        channels = build_channels(db)
        sender = Sender(db, channels, inbox.may_send, inbox.note_end)
        rates = Rates(db)
        audit = AuditLog(db)
        stack.push_async_callback(audit.close)
        deps = IngestDeps(db, files, reader, embedder)
        google = _open_google(egress, settings) if jobs else None
        application = Application(
            settings=settings,
            db=db,
            files=files,
            egress=egress,
            rates=rates,
            tail=tail,
            jobs=Jobs(db, QUEUES) if jobs else None,
            searcher=searcher,
            replier=replier,
            channels=channels,
            desk=_desk(db, replier, sender),
            ingest_deps=deps,
            sync_deps=_sync_deps(db, files, egress, google),
            google=google,
            table_reader=table_reader,
            audit=audit,
            stopping=asyncio.Event(),
        )
        db.jobs = application.jobs or NoJobs()
        db.ports[deciding.PORT] = _agent_exists()
        if application.jobs is not None:
            await _work(application, application.jobs, sender, stack)
        yield application


def load_tables() -> None:
    """Import every module that declares tables, for what works on all of them."""
    import importlib

    root = Path(__file__).parents[1]
    for package in ("agentflow", "knowledge", "channels", "crm"):
        for path in sorted((root / package).rglob("models.py")):
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database with its schema brought up to date."""
    from agentflow.kit import schema

    db = Database(settings)
    try:
        async with db.engine.begin() as connection:
            await connection.run_sync(schema.upgrade)
        yield db
    finally:
        await db.close()


async def open_files(settings: Settings, stack: AsyncExitStack) -> Files:
    """The bucket of AGENTFLOW_FILES__S3_BUCKET, else a folder in the home."""
    if settings.files.s3_bucket is None:
        return LocalFiles(settings.home / "files")
    from agentflow.kit.files_s3 import open_bucket

    files = await asyncio.to_thread(open_bucket, settings.files)
    stack.callback(files.close)
    return files


def _agent_exists() -> deciding.AgentExists:
    from agentflow.agents import service as agents

    return agents.exists


def _open_index(settings: Settings) -> VectorIndex:
    """The server of AGENTFLOW_QDRANT_URL, else the memory of this process."""
    if settings.qdrant_url is None:
        return MemoryIndex()
    from knowledge.index_qdrant import open_server

    return open_server(settings)


async def open_embedder(settings: Settings, stack: AsyncExitStack) -> Embedder:
    """The embedder that the settings choose; only its own libraries are loaded."""
    chosen = settings.embedding
    embedder: Embedder
    if chosen.base_url is not None:
        from knowledge.embedding_openai import open_openai_embedder

        embedder = await asyncio.to_thread(open_openai_embedder, settings)
    elif chosen.model == "minilm":
        from knowledge.embedding_onnx import OnnxEmbedder, is_built

        if not is_built(settings.model_cache):  # the builder's libraries are loaded only when needed
            build_default_model(settings)
        embedder = await asyncio.to_thread(
            partial(
                OnnxEmbedder, settings.model_cache, precision=chosen.precision, threads=chosen.ingest_threads
            )
        )
    else:
        from knowledge.embedding_sentence_transformers import SentenceTransformersEmbedder

        embedder = await asyncio.to_thread(
            partial(SentenceTransformersEmbedder, chosen.model, threads=chosen.ingest_threads)
        )
    stack.callback(embedder.close)
    return embedder


def build_default_model(settings: Settings) -> Path:
    """Build the default model unless it is there; returns its folder."""
    from knowledge import embedding_export

    return embedding_export.build(settings.model_cache).folder


async def connect_environment_model(session: AsyncSession, workspace_id: str, settings: Settings) -> None:
    """The model connection that OPENAI_API_KEY describes, for one workspace."""
    await llm.ensure_environment_connection(session, workspace_id, settings)


async def _open_runner(
    db: Database, searcher: Searcher, embedder: Embedder, egress: Egress, stack: AsyncExitStack
) -> Runner:
    from agentflow.agents.runner import Runner
    from agentflow.llm.offline import OfflineChatModel

    runner = Runner(
        db,
        searcher,
        embedder,
        models=_Models(egress, db.settings),
        offline=OfflineChatModel(embedder=embedder),
        mailer=open_mailer(db.settings),
    )
    stack.push_async_callback(runner.close)
    return runner


class _Models:
    """A `ModelFactory` that is loaded with the first model connection; offline there is none."""

    def __init__(self, egress: Egress, settings: Settings) -> None:
        self._egress, self._settings = egress, settings
        self._factory: ModelFactory | None = None

    async def candidate(self, connection: ModelConnection) -> Candidate:
        """The model behind a connection, ready to be tried."""
        if self._factory is None:
            loaded = await asyncio.to_thread(self._load)
            self._factory = self._factory or loaded
        return await self._factory.candidate(connection)

    async def close(self) -> None:
        """Close every HTTP client."""
        if self._factory is not None:
            await self._factory.close()

    def _load(self) -> ModelFactory:
        from agentflow.llm.factory import ModelFactory

        return ModelFactory(self._egress.resolve, self._settings.turn)


def _open_google(egress: Egress, settings: Settings) -> GoogleOrigin:
    from knowledge.origins.google import GoogleOrigin

    return GoogleOrigin(egress, settings)


def _sync_deps(db: Database, files: Files, egress: Egress, google: GoogleOrigin | None) -> sync.SyncDeps:
    web = Web(egress, db.settings)
    origins: dict[Origin, Fetcher] = {
        Origin.URL: UrlOrigin(web, db.settings),
        Origin.SITE: SiteOrigin(web, db.settings),
    }
    if google is not None:
        origins |= {Origin.GOOGLE_DOC: google, Origin.GOOGLE_SHEET: google}
    return sync.SyncDeps(db, files, origins)


def _desk(db: Database, replier: Runner, sender: Sender) -> Desk:
    from agentflow.turn import Desk

    return Desk(db, replier, sender)


def _preview_deps(app: Application) -> PreviewDeps:
    """Previews run as `agentflow ask` does, in a database of their own, but with what is open already."""
    from agentflow.preview.run import PreviewDeps

    async def open_replier(db: Database, searcher: Searcher, stack: AsyncExitStack) -> Runner:
        return await _open_runner(db, searcher, app.ingest_deps.embedder, app.egress, stack)

    return PreviewDeps(app.ingest_deps, open_database, open_replier)


def _import_contacts(app: Application, jobs: Jobs) -> None:
    give_up = partial(import_jobs.give_up, app.db)
    check, take_over = partial(import_jobs.check, app.db), partial(import_jobs.commit, app.db)
    jobs.register("contact_import_check", check, queue="imports", on_dead=give_up)
    jobs.register("contact_import", take_over, queue="imports", on_dead=give_up)
    jobs.every("imports", HOUR, partial(imports.sweep, app.db))


async def _work(app: Application, jobs: Jobs, sender: Sender, stack: AsyncExitStack) -> None:
    """Register what jobs do and what is swept, then start to work."""
    from agentflow import turn
    from agentflow.preview import run

    close_gaps = partial(gaps.sweep, app.db, app.searcher, app.ingest_deps.embedder)

    async def take_in(source_id: str, version: int) -> None:
        await app.ingest(source_id, version)
        await close_gaps()  # what a new generation answers is a gap no more

    give_up = partial(turn.give_up, app.desk)
    jobs.register("turn", partial(turn.answer, app.desk), queue="turns", on_dead=give_up)
    jobs.register("send", sender.send, queue="sends")
    jobs.register("ingest", take_in, queue="ingest")
    jobs.register("preview", partial(run.run, _preview_deps(app)), queue="ingest")
    jobs.register("sync", partial(sync.sync, app.sync_deps), queue="syncs")
    _write_mails(app, jobs)
    _keep_contacts(app, jobs)
    _import_contacts(app, jobs)

    async def sweep_sources() -> None:
        async with app.db.transaction() as session:
            await knowledge.sweep(session, app.settings.ingest)

    async def enqueue_due() -> None:
        async with app.db.transaction() as session:
            await sync.enqueue_due(session, app.settings)

    async def reconcile() -> None:
        await erasing.reconcile(app.db, app.files, app.searcher)

    async def purge() -> None:
        await erasing.purge(app.db, app.files, app.searcher.forget)

    jobs.every("sources", float(app.settings.ingest.lease_seconds) / 2, sweep_sources)
    jobs.every("syncs", app.settings.sync.poll_seconds, enqueue_due)
    jobs.every("snoozes", SNOOZE_SECONDS, partial(inbox.wake, app.db))
    jobs.every("bin", HOUR, purge)
    jobs.every("words", MINUTE, partial(indexing.sweep, app.db))
    for name, of in (("routing_rules", routing), ("notes", notes), ("model_connections", llm)):
        jobs.every(name, HOUR, partial(of.purge, app.db))
    jobs.every("orphans", 24 * HOUR, reconcile)
    jobs.every("gaps", GAPS_SECONDS, close_gaps)
    jobs.every("previews", HOUR, partial(previews.sweep, app.db, app.files))
    jobs.every("gaps_kept", HOUR, partial(gaps.forget, app.db))
    jobs.every("idempotency", HOUR, partial(idempotency.forget_old, app.db))
    jobs.every("audit", HOUR, partial(forget_entries, app.db))
    jobs.every("staff_bin", HOUR, partial(staff.forget_deleted, app.db))
    jobs.every("rates", HOUR, app.rates.forget)
    await jobs.launch()
    stack.push_async_callback(jobs.close)


def _write_mails(app: Application, jobs: Jobs) -> None:
    """What staff are told of, and links that let them in."""
    notice_deps = notices.NoticeDeps(app.db, open_mailer(app.settings), teams.staff_addresses)
    jobs.register("sync_failed", partial(notices.tell_of_failure, notice_deps), queue="syncs")
    mail_deps = MailDeps(app.db, open_mailer(app.settings))
    jobs.register("staff_mail", partial(links.mail, mail_deps), queue="mails")
    jobs.register("security_alert", partial(alerts.mail, mail_deps), queue="mails")
    jobs.register(firing.JOB, partial(firing.send_mail, mail_deps), queue="mails")


def _keep_contacts(app: Application, jobs: Jobs) -> None:
    """Reminders, and the ends of bins, of what is kept with contacts; erasure and export."""
    load_tables()  # an erasure searches all of them
    jobs.register(
        "erase",
        partial(people.erase, app.db, app.files),
        queue="care",
        on_dead=partial(people.give_up, app.db),
    )
    jobs.register(
        "export",
        partial(exporting.write, app.db, app.files),
        queue="care",
        on_dead=partial(exporting.give_up, app.db),
    )
    jobs.every("exports", HOUR, partial(exporting.sweep, app.db, app.files))
    jobs.every("reminders", REMINDER_SECONDS, partial(firing.fire_due, app.db))
    jobs.every("binned_contacts", HOUR, partial(people.empty_bin, app.db, app.files))
    jobs.every("contact_bin", HOUR, partial(keeping.purge, app.db, app.files))
    jobs.every("contact_orphans", 24 * HOUR, partial(keeping.sweep_orphans, app.db, app.files))
