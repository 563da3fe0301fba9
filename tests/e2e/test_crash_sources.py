"""kill -9 while a page is fetched or a source is erased: the newest content answers, nothing is left over."""

from __future__ import annotations

import random
import urllib.error
from collections.abc import Iterator

import pytest

from tests.api.test_sources import elsewhere
from tests.e2e.killer import PURGE_PLACES, SYNC_PLACES
from tests.e2e.live import LiveApp
from tests.e2e.test_crash import QUICK, SERVE, start_doomed, wait_for_death
from tests.knowledge.websites import Website, page, serving

FETCHING = {**QUICK, "AGENTFLOW_EGRESS_ALLOW": "127.0.0.1", "AGENTFLOW_SYNC__LEASE_SECONDS": "4"}


@pytest.fixture
def site() -> Iterator[Website]:
    with elsewhere(serving(Website())) as website:
        yield website


def attempt(app: LiveApp, method: str, path: str, body: object = None) -> None:
    """Ask a server that may die before it answers."""
    try:
        app.api(method, path, body)
    except (urllib.error.URLError, ConnectionError):
        assert app.process is not None


def files_of(app: LiveApp, source_id: str) -> list[str]:
    return sorted(path.name for path in (app.home / "files" / "sources" / source_id).glob("*"))


def wait_until_ready(app: LiveApp, source_id: str) -> None:
    app.wait_until(lambda: app.api("GET", f"/sources/{source_id}")[1]["state"] == "ready", 40)


def wait_for_answer(app: LiveApp, source_id: str, wanted: str) -> None:
    """Until this is all that is found in the source, and one file is all that is kept of it."""

    def current() -> bool:
        found = app.search(app.knowledge_base(), "code of the lamp")
        mine = [item["text"] for item in found["items"] if item["source_id"] == source_id]
        return len(mine) == 1 and wanted in mine[0] and len(files_of(app, source_id)) == 1

    app.wait_until(current, 60)


def wait_until_erased(app: LiveApp, source_id: str) -> None:
    def gone() -> bool:
        path = f"/knowledge-bases/{app.knowledge_base()}/sources?deleted=true"
        binned = [source["id"] for source in app.api("GET", path)[1]["items"]]
        return source_id not in binned and not files_of(app, source_id)

    app.wait_until(gone, 40)  # the sweep at the start ends what was begun


@pytest.mark.timeout(900)  # some ten starts
def test_that_a_page_is_kept_up_with_and_erased_whatever_dies(fresh_app: LiveApp, site: Website) -> None:
    app = fresh_app
    app.environment = {**app.environment, **FETCHING}
    app.start(SERVE)
    app.wait_for_knowledge()
    site.put("/lamp", page("Lamp", "The code of lamp 0 is 4700."))
    path = f"/knowledge-bases/{app.knowledge_base()}/sources/url"
    lamp = app.api("POST", path, {"url": f"{site.url}/lamp"})[1]["id"]
    wait_until_ready(app, lamp)
    places = random.Random().sample(SYNC_PLACES, 2)
    endings = random.Random().sample(PURGE_PLACES, 1)
    print("killed at", places, endings)
    for number, place in enumerate(places, 1):
        start_doomed(app, place)
        site.put("/lamp", page("Lamp", f"The code of lamp {number} is {number}700."))
        attempt(app, "POST", f"/sources/{lamp}/sync")
        wait_for_death(app)
        app.start(SERVE)
        wait_for_answer(app, lamp, f"{number}700")
    for place in endings:
        start_doomed(app, place)
        shed = app.upload(app.knowledge_base(), "shed.txt", b"The code of the shed is 9900.")[1]["id"]
        wait_until_ready(app, shed)
        app.api("DELETE", f"/sources/{shed}")
        attempt(app, "POST", f"/sources/{shed}/purge")
        wait_for_death(app)
        app.start(SERVE)
        assert app.api("POST", f"/sources/{shed}/restore")[0] == 404
        wait_until_erased(app, shed)
