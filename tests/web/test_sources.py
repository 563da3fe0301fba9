"""Sources by address and from Google on the admin page."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.api.test_sources import elsewhere
from tests.conftest import MANY
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp
from tests.knowledge.google_fake import DOC_ID, Google, google_here, key_file
from tests.knowledge.websites import Website, page, serving
from tests.web.browsing import Visit, open_admin, violations


@pytest.fixture
def site() -> Iterator[Website]:
    with elsewhere(serving(Website())) as website:
        yield website


@pytest.fixture
def google() -> Iterator[Google]:
    with elsewhere(google_here()) as here:
        yield here


@pytest.fixture
def app(tmp_path: Path, site: Website, google: Google) -> Iterator[LiveApp]:
    environment = {
        **MANY,
        "AGENTFLOW_EGRESS_ALLOW": "127.0.0.1",
        "AGENTFLOW_GOOGLE__API_URL": google.url,
        "AGENTFLOW_GOOGLE__TOKEN_URL": f"{google.url}/token",
    }
    app = LiveApp(tmp_path / "home", environment=environment, launch=Forked).start()
    app.wait_for_knowledge()
    yield app
    app.stop()


def checked_every(app: LiveApp, name: str, seconds: int | None) -> bool:
    (source,) = [one for one in app.sources() if one["name"] == name]
    return bool(source["sync"]["every_seconds"] == seconds)


def mails(app: LiveApp) -> list[EmailMessage]:
    files = (app.home / "mail").glob("*.eml")
    return [
        email.message_from_bytes(path.read_bytes(), EmailMessage, policy=email.policy.default)
        for path in files
    ]


async def test_that_addresses_and_google_documents_are_added_watched_and_synced(
    app: LiveApp, site: Website, google: Google, visit: Visit
) -> None:
    admin = await open_admin(visit, app)
    site.put("/lamp", page("Lamp", "The blue lamp lights when the tank is full."))
    await admin.get_by_label("Address of a page or site").fill(f"{site.url}/lamp")
    await admin.get_by_role("button", name="Add address").click()
    name = f"{site.url.removeprefix('http://')}/lamp"
    row = admin.locator(f".files li:has(b:text-is('{name}'))")
    await expect(row.locator(".state")).to_have_text("Ready", timeout=30_000)
    await expect(row).to_contain_text("Checked just now · next check in")
    every = row.get_by_label(f"How often {name} is checked")
    await expect(every.locator("option:checked")).to_have_text("every hour")
    for choice, seconds in (
        ("every 6 hours", 6 * 3600),
        ("every week", 7 * 86400),
        ("never by itself", None),
    ):
        await every.select_option(label=choice)
        app.wait_until(partial(checked_every, app, name, seconds), 10)
    await expect(row).to_contain_text("no further checks by itself")
    await admin.reload()
    await expect(every.locator("option:checked")).to_have_text("never by itself")

    site.fail("/lamp", 404)
    await row.get_by_role("button", name=f"Sync now: {name}").click()
    await expect(row.locator(".problem")).to_contain_text("there is no such page", timeout=30_000)
    await expect(row.locator(".problem")).to_contain_text("The version from before keeps answering.")
    await expect(row.locator(".state")).to_have_text("Update failed")
    await expect(row).to_contain_text("Last worked")
    app.wait_until(lambda: mails(app), 20)
    (mail,) = mails(app)
    assert mail["To"] == app.admin_email
    assert name in str(mail["Subject"])
    assert f"{app.url}/admin#knowledge" in mail.get_content()

    await admin.get_by_label("Address of a page or site").fill("http://10.0.0.1/")
    await admin.get_by_role("button", name="Add address").click()
    await expect(admin.locator("#toast")).to_contain_text("private or reserved network")

    await admin.get_by_text("Add from Google Docs or Sheets").click()
    connection = {"name": "Docs", "service_account": key_file()}
    assert app.api("POST", "/google-connections", connection)[0] == 201
    await admin.reload()
    await admin.get_by_text("Add from Google Docs or Sheets").click()
    await admin.get_by_role("button", name="Choose a file").click()
    await admin.get_by_role("button", name="More").click()
    await expect(admin.get_by_role("button", name="Add Bob's diary")).to_be_visible()
    await admin.get_by_role("button", name="Add Policies").click()
    picked = admin.locator(".files li:has(b:text-is('Policies'))")
    await expect(picked.locator(".state")).to_have_text("Ready", timeout=30_000)
    assert set(google.exported) == {DOC_ID}
    assert await violations(admin) == []
