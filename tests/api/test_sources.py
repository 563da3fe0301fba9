"""Sources by address and from Google over HTTP, from the first click to the answer and to the end."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.calling import run
from tests.conftest import MANY
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp
from tests.knowledge import files
from tests.knowledge.google_fake import (
    ACCOUNT,
    CLIENT,
    DOC_ID,
    SHEET_ID,
    Google,
    google_here,
    key_file,
)
from tests.knowledge.websites import Website, page, serving

Here = TypeVar("Here")
TEXT = "The code of the yellow locker is 4711. The yellow locker stands beside the stairs."


@contextmanager
def elsewhere(context: AbstractAsyncContextManager[Here]) -> Iterator[Here]:
    """Serve on a loop of its own while the test waits for answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Website]:
    with elsewhere(serving(Website())) as website:
        yield website


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with elsewhere(google_here()) as here:
        yield here


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, site: Website, google: Google) -> Iterator[LiveApp]:
    """A server that may call this machine and takes it for Google."""
    environment = {
        **MANY,
        "AGENTFLOW_EGRESS_ALLOW": "127.0.0.1",
        "AGENTFLOW_GOOGLE__API_URL": google.url,
        "AGENTFLOW_GOOGLE__TOKEN_URL": f"{google.url}/token",
    }
    app = LiveApp(tmp_path_factory.mktemp("sources") / "home", environment=environment, launch=Forked).start()
    app.wait_for_knowledge()
    yield app
    app.stop()


def ready(app: LiveApp, source_id: str) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        return dict(app.api("GET", f"/sources/{source_id}")[1])

    app.wait_until(lambda: read()["state"] in ("ready", "failed") and not read()["sync"]["running"], 40)
    return read()


def test_that_a_page_answers_and_its_change_does_too(app: LiveApp, site: Website) -> None:
    base = app.knowledge_base()
    site.put("/lockers", page("Lockers", TEXT))
    status, added = app.api(
        "POST", f"/knowledge-bases/{base}/sources/url", {"url": f"{site.url}/lockers#top"}
    )
    assert (status, added["state"], added["origin"]) == (202, "fetching", "url")
    assert added["location"] == f"{site.url}/lockers"
    source = ready(app, added["id"])
    assert (source["state"], source["sync"]["every_seconds"]) == ("ready", 3600)
    assert "4711" in app.search(base, "code of the yellow locker")["items"][0]["text"]
    site.put("/lockers", page("Lockers", TEXT.replace("4711", "1174")))
    assert app.api("POST", f"/sources/{added['id']}/sync")[0] == 202
    app.wait_until(lambda: app.api("GET", f"/sources/{added['id']}")[1]["live_version"] == 2, 40)
    texts = [item["text"] for item in app.search(base, "code of the yellow locker")["items"]]
    assert "1174" in texts[0]
    assert not any("4711" in text for text in texts)
    assert app.api("PATCH", f"/sources/{added['id']}", {"sync_every_seconds": None})[0] == 200
    assert app.api("GET", f"/sources/{added['id']}")[1]["sync"]["every_seconds"] is None

    opened = f"{app.url}/widget/v1/sources/{added['id']}"
    app.api("PATCH", f"/sources/{added['id']}", {"public": True})
    with urllib.request.urlopen(opened, timeout=20) as answer:  # the page itself, not our copy
        assert (answer.url, answer.status) == (f"{site.url}/lockers", 200)

    assert app.api("POST", f"/sources/{added['id']}/purge")[0] == 404
    assert app.api("DELETE", f"/sources/{added['id']}")[0] == 200
    status, report = app.api("POST", f"/sources/{added['id']}/purge")
    assert (status, report["files"], report["passages"]) == (200, 1, 1)
    assert app.api("POST", f"/sources/{added['id']}/restore")[0] == 404


def test_that_the_command_line_takes_a_whole_site(app: LiveApp, site: Website) -> None:
    site.put("/docs/", page("Docs", "The blue lamp lights when the tank is full.", links=("/docs/more",)))
    site.put("/docs/more", page("More", "The red lamp lights when the tank is empty."))
    keys = ["--api-key", app.api_key, "--url", app.url]
    done = run("ingest", "--site", f"{site.url}/docs/", *keys)
    assert (done.returncode, "ready, 2 passages" in done.stdout) == (0, True), done
    missing = run("ingest", f"{site.url}/missing", *keys)
    assert (missing.returncode, "there is no such page" in missing.stdout) == (2, True), missing
    private = run("ingest", "http://10.0.0.1/", *keys)
    assert private.returncode == 2
    assert "private or reserved network; the operator may allow it with AGENTFLOW_E" in private.stderr


def test_that_an_address_that_may_not_be_called_is_refused_at_once(app: LiveApp, site: Website) -> None:
    base = app.knowledge_base()
    before = len(app.sources())
    for url in (
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "no address",
        "http://[::1]/",
    ):
        status, problem = app.api("POST", f"/knowledge-bases/{base}/sources/url", {"url": url})
        assert (status, problem["code"]) == (422, "address_refused"), url
    status, problem = app.api("POST", f"/knowledge-bases/{base}/sources/url", {"url": "http://no.invalid/"})
    assert (status, problem["code"]) == (422, "not_reached")
    assert len(app.sources()) == before
    upload = app.sources()[0]["id"]
    status, problem = app.api("POST", f"/sources/{upload}/sync")
    assert (status, problem["code"]) == (409, "not_fetched_source")


def test_that_a_google_document_is_picked_read_and_let_go(app: LiveApp, google: Google) -> None:
    base = app.knowledge_base()
    wrong = app.api("POST", "/google-connections", {"name": "g", "service_account": {"client_email": "x"}})
    assert (wrong[0], wrong[1]["code"]) == (422, "bad_service_account")
    status, made = app.api("POST", "/google-connections", {"name": "Docs", "service_account": key_file()})
    assert (status, made["account"], made["authorised"]) == (201, ACCOUNT, True)
    assert "PRIVATE" not in str(app.api("GET", "/google-connections"))
    documents = f"/google-connections/{made['id']}/documents"
    listed = app.api("GET", documents)[1]
    assert [one["name"] for one in listed["items"]] == ["Policies", "Prices"]
    rest = app.api("GET", f"{documents}?cursor={listed['next_cursor']}")[1]
    assert [one["name"] for one in rest["items"]] == ["Bob's diary"]
    google.files[DOC_ID].content = page("Lockers", TEXT.replace("yellow", "green")).encode()
    status, added = app.api(
        "POST",
        f"/knowledge-bases/{base}/sources/google",
        {"connection_id": made["id"], "file_id": DOC_ID, "sync_every_seconds": None},
    )
    assert (status, added["name"], added["origin"]) == (202, "Policies", "google_doc")
    assert ready(app, added["id"])["state"] == "ready"
    found = app.search(base, "code of the green locker")
    assert "4711" in found["items"][0]["text"]
    assert set(google.exported) == {DOC_ID}
    assert app.api("DELETE", f"/google-connections/{made['id']}")[0] == 204
    app.api("POST", f"/sources/{added['id']}/sync")
    app.wait_until(lambda: app.api("GET", f"/sources/{added['id']}")[1]["sync"]["sync_error"], 40)
    lost = app.api("GET", f"/sources/{added['id']}")[1]
    assert (lost["state"], lost["sync"]["sync_error"]["code"]) == ("ready", "google_access_lost")


def test_that_a_person_agrees_through_the_browser(app: LiveApp, google: Google) -> None:
    status, made = app.api("POST", "/google-connections", {"name": "Mine", **CLIENT})
    assert (status, made["authorised"]) == (201, False)
    state = parse_qs(urlsplit(made["consent_url"]).query)["state"][0]
    path = f"/google-connections/{made['id']}"
    status, problem = app.api("POST", f"{path}/authorise", {"code": "good code", "state": "guessed"})
    assert (status, problem["code"]) == (422, "bad_state")
    status, problem = app.api("POST", f"{path}/authorise", {"code": "bad code", "state": state})
    assert (status, problem["code"]) == (422, "google_access_lost")
    status, done = app.api("POST", f"{path}/authorise", {"code": "good code", "state": state})
    assert (status, done["authorised"], done["consent_url"]) == (200, True, None)
    assert app.api("GET", f"{path}/documents?q=Policies")[1]["items"][0]["id"] == DOC_ID


def synced(app: LiveApp, source_id: str, code: str | None) -> dict[str, Any]:
    """Fetch a source now, and wait until its error is this one."""
    assert app.api("POST", f"/sources/{source_id}/sync")[0] == 202

    def read() -> dict[str, Any]:
        return dict(app.api("GET", f"/sources/{source_id}")[1])

    def done() -> bool:
        found = read()["sync"]
        return not found["running"] and (found["sync_error"] or {"code": None})["code"] == code

    app.wait_until(done, 40)
    return read()


FAULTS = {
    "page_gone": "there is no such page",
    "address_refused": "private or reserved network",
    "login_needed": "asks for a password",
    "too_large": "that is the limit",
    "unsupported_type": "allowed are pages",
    "forbidden_by_robots": "does not let programs read this page",
    "asked_to_wait": "wants no request for 7200 seconds",
    "page_failed": "answers 500",
}


def break_page(site: Website, code: str) -> None:
    """The page at /lost becomes what is refused under this code."""
    site.pages.pop("/robots.txt", None)
    site.endless.discard("/lost")
    site.put("/login", page("Log in") + '<input type="password" name="p">')
    match code:
        case "page_gone":
            site.fail("/lost", 404)
        case "address_refused":
            site.redirect("/lost", "http://169.254.169.254/latest/meta-data/")
        case "login_needed":
            site.redirect("/lost", "/login")
        case "too_large":
            site.endless.add("/lost")  # it announces one GB
        case "unsupported_type":
            site.put("/lost", b"\x89PNG", kind="image/png")
        case "forbidden_by_robots":
            site.put("/robots.txt", "User-agent: *\nDisallow: /lost\n", kind="text/plain")
        case "asked_to_wait":
            site.fail("/lost", 429, Retry_After="7200")
        case "page_failed":
            site.fail("/lost", 500)


def test_that_every_fault_of_a_page_has_a_name_and_leaves_the_old_answers(
    app: LiveApp, site: Website
) -> None:
    base = app.knowledge_base()
    whole = page("Locker", TEXT.replace("yellow", "violet"))
    site.put("/lost", whole)
    added = app.api("POST", f"/knowledge-bases/{base}/sources/url", {"url": f"{site.url}/lost"})[1]
    assert ready(app, added["id"])["state"] == "ready"
    for code, words in FAULTS.items():
        break_page(site, code)
        source = synced(app, added["id"], code)
        assert (source["state"], source["live_version"], source["reason"]) == ("ready", 1, None), code
        assert words in source["sync"]["sync_error"]["detail"]
        assert "4711" in app.search(base, "code of the violet locker")["items"][0]["text"], code
    break_page(site, "none of them")
    site.put("/lost", whole)
    assert synced(app, added["id"], None)["live_version"] == 1
    assert app.api("DELETE", f"/sources/{added['id']}")[0] == 200


def test_that_a_page_that_never_came_says_why(app: LiveApp, site: Website) -> None:
    base = app.knowledge_base()
    for code in ("address_refused", "login_needed", "too_large", "unsupported_type", "page_gone"):
        break_page(site, code)
        added = app.api("POST", f"/knowledge-bases/{base}/sources/url", {"url": f"{site.url}/lost"})[1]
        source = ready(app, added["id"])
        assert (source["state"], source["live_version"], source["reason"]["code"]) == ("failed", None, code)
        assert FAULTS[code] in source["reason"]["detail"]
        assert app.api("DELETE", f"/sources/{added['id']}")[0] == 200
    site.endless.discard("/lost")


def test_that_a_file_at_an_address_is_read_as_what_it_is(app: LiveApp, site: Website, tmp_path: Path) -> None:
    base = app.knowledge_base()
    manual = files.pdf(tmp_path / "a.pdf", [["The olive locker opens with the code 8812."]]).read_bytes()
    prices: dict[str, Any] = {"Prices": [["locker", "rent"], ["olive", "17 euro"], ["indigo", "19 euro"]]}
    book = files.xlsx(tmp_path / "a.xlsx", prices).read_bytes()
    site.put("/files/manual", manual, kind="application/pdf")
    site.put("/files/prices.xlsx", book, kind="application/octet-stream")
    site.put("/files/hours.csv", b"locker;hours\nmaroon;9:00-17:00\n", kind="text/csv")
    asked = {"manual": ("olive locker code", "8812"), "prices.xlsx": ("rent of the indigo locker", "19 euro")}
    asked["hours.csv"] = ("hours of the maroon locker", "17:00")
    for name, (question, answer) in asked.items():
        url = f"{site.url}/files/{name}"
        added = app.api("POST", f"/knowledge-bases/{base}/sources/url", {"url": url})[1]
        assert ready(app, added["id"])["state"] == "ready", name
        assert answer in str([one["text"] for one in app.search(base, question)["items"][:3]])
        assert app.api("DELETE", f"/sources/{added['id']}")[0] == 200


def test_that_every_fault_of_google_leaves_the_old_answers(
    app: LiveApp, google: Google, tmp_path: Path
) -> None:
    base = app.knowledge_base()
    made = app.api("POST", "/google-connections", {"name": "Faults", "service_account": key_file()})[1]
    file = google.files[SHEET_ID]
    rents: dict[str, Any] = {"Rents": [["locker", "rent"], ["turquoise", "23 euro"], ["salmon", "29 euro"]]}
    file.content = files.xlsx(tmp_path / "a.xlsx", rents).read_bytes()
    given = {"connection_id": made["id"], "file_id": SHEET_ID}
    added = app.api("POST", f"/knowledge-bases/{base}/sources/google", given)[1]
    assert ready(app, added["id"])["state"] == "ready"

    def keeps(code: str) -> dict[str, Any]:
        source = synced(app, added["id"], code)
        assert (source["state"], source["live_version"]) == ("ready", 1), code
        found = app.search(base, "rent of the salmon locker")["items"][:3]
        assert "29 euro" in str([item["text"] for item in found]), code
        return source

    file.shared = False
    assert "share it again" in keeps("google_access_lost")["sync"]["sync_error"]["detail"]
    file.shared, file.trashed = True, True
    assert "bin" in keeps("google_file_gone")["sync"]["sync_error"]["detail"]
    file.trashed = False
    del google.files[SHEET_ID]
    keeps("google_file_gone")
    google.files[SHEET_ID] = file
    google.busy = 1
    waiting = keeps("asked_to_wait")
    assert "33 seconds" in waiting["sync"]["sync_error"]["detail"]
    google.revoked.add(ACCOUNT)
    assert "connect it again" in keeps("google_access_lost")["sync"]["sync_error"]["detail"]
    google.revoked.clear()
    assert synced(app, added["id"], None)["live_version"] == 1
    assert app.api("DELETE", f"/sources/{added['id']}")[0] == 200


def test_that_the_changed_cell_of_a_google_sheet_is_what_customers_are_told(
    app: LiveApp, google: Google, tmp_path: Path
) -> None:
    def prices(hinge: str) -> bytes:
        rows: list[list[object]] = [["Part", "Price in euro"], ["Hinge H7", hinge], ["Latch L2", "3.10"]]
        return files.xlsx(tmp_path / "prices.xlsx", {"Parts": rows}).read_bytes()

    def told() -> str:
        visitor = app.visit()
        visitor.say("What does the Hinge H7 cost?", "c1")
        return str(visitor.wait_for_answer()["text"])

    file = google.files[SHEET_ID]
    file.content, file.modified = prices("12.25"), file.modified + 1
    connection = app.api("POST", "/google-connections", {"name": "Sheets", "service_account": key_file()})[1]
    picked = {"connection_id": connection["id"], "file_id": SHEET_ID, "sync_every_seconds": None}
    added = app.api("POST", f"/knowledge-bases/{app.knowledge_base()}/sources/google", picked)[1]
    assert ready(app, added["id"])["state"] == "ready"
    assert told() == "Hinge H7: 12.25 (Price in euro)"
    file.content, file.modified = prices("13.75"), file.modified + 1
    assert app.api("POST", f"/sources/{added['id']}/sync")[0] == 202
    app.wait_until(lambda: app.api("GET", f"/sources/{added['id']}")[1]["live_version"] == 2, 40)
    assert told() == "Hinge H7: 13.75 (Price in euro)"
