"""The demo shop belongs to whoever started it: it may be emptied for good."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.conftest import MANY
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp


@pytest.mark.timeout(180)
def test_that_sample_files_that_were_erased_do_not_come_back(fresh_app: LiveApp) -> None:
    fresh_app.start()
    assert len(fresh_app.sources()) > 1
    for source in fresh_app.sources():
        assert fresh_app.api("DELETE", f"/sources/{source['id']}")[0] == 200
        assert fresh_app.api("POST", f"/sources/{source['id']}/purge")[0] == 200
    fresh_app.restart()
    assert fresh_app.sources() == []


@pytest.mark.timeout(180)
def test_that_servers_that_start_at_once_make_one_shop(
    new_postgres_database: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with new_postgres_database() as url, ThreadPoolExecutor() as threads:
        servers = [LiveApp(tmp_path / "home", url, MANY, launch=Forked) for _ in range(3)]
        try:
            list(threads.map(LiveApp.start, servers))
            (maker,) = [server for server in servers if server.api_key]
            maker.wait_for_knowledge()
            names = [source["name"] for source in maker.sources()]
            assert names
            assert sorted(set(names)) == sorted(names)
        finally:
            for server in servers:
                server.stop()
