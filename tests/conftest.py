"""Fixtures for every test: settings, a clock that stands still, and a fresh database in both stores."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from agentflow.kit import schema
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database, postgres_url
from agentflow.kit.files_s3 import S3Files
from agentflow.kit.jobs import migrate_jobs
from agentflow.kit.settings import FileSettings, Settings
from crm.teams import service as teams
from crm.teams.schemas import ApiKeyCreate, Scope
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp

ROOT = Path(__file__).parent.parent
PACKAGES = ("agentflow", "knowledge", "channels", "crm")
TEST_KEY = "Zm9yLXRlc3RzLW9ubHktZm9yLXRlc3RzLW9ubHktMDA="
TEMPLATE = "template_agentflow"
# One test server serves many tests at once; the limits themselves have tests of their own.
MANY = {
    "AGENTFLOW_LIVECHAT__SESSIONS_PER_MINUTE": "100000",
    "AGENTFLOW_LIVECHAT__MESSAGES_PER_MINUTE": "100000",
    "AGENTFLOW_LIVECHAT__TURNS_PER_DAY": "100000",
    "AGENTFLOW_SERVER__WRITES_PER_MINUTE": "100000",
    "AGENTFLOW_SERVER__STRANGERS_PER_PLACE": "100000",
}


def load_tables() -> None:
    """Import every module that declares tables, so that Base.metadata is whole."""
    for module in ("agentflow.kit.events", "agentflow.kit.idempotency", "agentflow.kit.rates"):
        if importlib.util.find_spec(module):
            importlib.import_module(module)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("models.py")):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def create_tables(url: str) -> None:
    """Put all tables into an empty database: ours and the durable engine's."""
    load_tables()
    migrate_jobs(Settings.model_validate({"database_url": url}))
    engine = create_engine(url)
    with engine.begin() as connection:
        schema.upgrade(connection)
    engine.dispose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's files first: they take longest, and a worker that has one left at the end works alone."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/web/"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys and settings never reach a test."""
    for name in list(os.environ):
        if name.startswith(("AGENTFLOW_", "OPENAI_")):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> ManualClock:
    """The clock of `db`; it moves only when a test moves it."""
    return ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with a home of their own; they point at the test's database if it has one."""
    has_database = "database_url" in request.fixturenames
    url = request.getfixturevalue("database_url") if has_database else None
    return Settings.model_validate({"home": tmp_path / "home", "database_url": url, "key": TEST_KEY})


@pytest.fixture
async def db(database_url: str, settings: Settings, clock: ManualClock) -> AsyncIterator[Database]:
    """An empty database with every table, once on SQLite and once on PostgreSQL."""
    assert settings.database_url == database_url
    database = Database(settings, clock=clock)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with every table, in either store."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("new_postgres_database")() as url:
            yield url


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, database_url: str, settings: Settings, tmp_path: Path
) -> Iterator[Settings]:
    """The settings of another machine with the same kind of database, which holds nothing."""
    if database_url.startswith("sqlite"):
        yield settings.model_copy(
            update={"home": tmp_path / "other", "database_url": f"sqlite:///{tmp_path}/other/db.sqlite"}
        )
    else:
        make: Callable[[], AbstractContextManager[str]] = request.getfixturevalue("new_postgres_database")
        with make() as url:
            yield settings.model_copy(update={"home": tmp_path / "other", "database_url": url})


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table and no rows."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def new_postgres_database(postgres_server: str) -> Callable[[], AbstractContextManager[str]]:
    """Makes a database from a template that has every table; it is dropped when the context ends."""
    numbers = itertools.count(1)
    with psycopg.connect(_named(postgres_server, "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}")
    create_tables(postgres_url(_named(postgres_server, TEMPLATE)))

    @contextmanager
    def make() -> Iterator[str]:
        name = f"test_{next(numbers)}"
        with psycopg.connect(_named(postgres_server, "postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            yield _named(postgres_server, name)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make


def _named(server: str, database: str) -> str:
    return server.replace("///", f"///{database}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One PostgreSQL per test process, in a folder that is gone afterwards; it may lose data in a crash."""
    spec = importlib.util.find_spec("pgserver")
    if spec is None or spec.origin is None:
        pytest.fail("the pgserver package is missing; run `make install`")
    folder = Path(tempfile.mkdtemp(prefix="agentflow-pg-"))
    folder.chmod(0o755)
    try:
        yield from _run_postgres(folder, Path(spec.origin).parents[1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_postgres(folder: Path, site_packages: Path) -> Iterator[str]:
    # PostgreSQL refuses to run as root, so root lends it the account `nobody`.
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    run = partial(subprocess.Popen[bytes], stdin=subprocess.PIPE)
    if account:
        run = partial(run, user=account.pw_uid, group=account.pw_gid, extra_groups=[])
    data = folder / "data"
    data.mkdir(mode=0o700)
    if account:
        # The environment's own folder may be closed to `nobody`.
        for part in ("pgserver/pginstall", "pgserver.libs"):
            shutil.copytree(site_packages / part, folder / part)
        site_packages = folder
        os.chown(folder, account.pw_uid, account.pw_gid)
        os.chown(data, account.pw_uid, account.pw_gid)
    programs = site_packages / "pgserver/pginstall/bin"
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    options = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]
    server = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="]
    server += [part for option in options for part in ("-c", option)]
    # The shell ends the server when this process is gone, however it went: its end of the pipe closes.
    script = '"$@" & server=$!; read _; kill -QUIT $server; wait $server'
    with open(folder / "log", "w") as log:
        run([*initdb, "--locale=C"], stdout=log, stderr=log).communicate()
        process = run(["sh", "-c", script, "sh", *server], stdout=log, stderr=log)
    url = f"postgresql:///?host={folder}&user=postgres"
    try:
        _wait_for_postgres(_named(url, "postgres"), folder / "log")
        yield url
    finally:
        process.communicate()


def _wait_for_postgres(url: str, log: Path) -> None:
    for _ in range(300):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def live_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """One running server with the demo workspace and its knowledge, on SQLite, for many tests."""
    app = LiveApp(tmp_path_factory.mktemp("live") / "home", environment=MANY).start()
    app.wait_for_knowledge()
    yield app
    app.stop()


@pytest.fixture
def fresh_app(database_url: str, tmp_path: Path) -> Iterator[LiveApp]:
    """A server of one's own on an empty database of either store; `start` it."""
    app = LiveApp(tmp_path / "home", database_url, MANY, launch=Forked)
    yield app
    app.stop()


@pytest.fixture(scope="session")
def other_workspace_key(live_app: LiveApp) -> str:
    """An API key of a second workspace on the running server, with every scope."""
    return asyncio.run(make_workspace(live_app.home))


async def make_workspace(home: Path) -> str:
    database = Database(Settings.model_validate({"home": home}))
    secret = await add_workspace(database)
    await database.close()
    return secret


async def add_workspace(database: Database) -> str:
    """Gives an API key of it, with every scope."""
    async with database.transaction() as session:
        workspace = await teams.create_workspace(session, name="Other", time_zone="UTC", locale="en")
        data = ApiKeyCreate(name="all", scopes=list(Scope))
        _, secret = await teams.create_key(session, workspace.id, data)
    return secret


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 of our own, in this process; it keeps everything in memory."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> FileSettings:
    """The settings of an empty bucket, with a prefix."""
    settings = FileSettings.model_validate(
        {
            "s3_bucket": f"bucket-{uuid.uuid4().hex}",
            "s3_endpoint": s3_server,
            "s3_access_key": "testing",
            "s3_secret_key": "testing",
            "s3_prefix": "here",
        }
    )
    files = S3Files(settings)
    files.client.create_bucket(Bucket=files.bucket)
    files.close()
    return settings
