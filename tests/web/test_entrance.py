"""The forms in front of the admin page: a second factor, and links from mails; on a desk and on a phone."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, ViewportSize, expect

from crm.teams.second_factor import totp
from tests.e2e.live import LiveApp
from tests.people import NEW, Person, add_person, browser_of, log_in, mailed_link
from tests.web.browsing import DESKTOP, PHONE, Visit, violations
from tests.web.test_looks import fits

LOOKS = [pytest.param(DESKTOP, id="light"), pytest.param(PHONE, id="phone")]


async def sound(page: Page, heading: str) -> None:
    """The form is there and fit for everybody."""
    await page.get_by_role("heading", name=heading, exact=True).wait_for()
    assert await violations(page) == []
    assert await fits(page)


async def send(page: Page, button: str, **fields: str) -> None:
    for name, value in fields.items():
        await page.locator(f"input[name={name}]").fill(value)
    await page.get_by_role("button", name=button, exact=True).click()


def wanting_a_second_factor(app: LiveApp) -> Person:
    person = add_person(app)
    with browser_of(app) as browser:
        log_in(browser, person)
        browser.patch("/workspace", json={"admins_need_second_factor": True}).raise_for_status()
    return person


def invited(app: LiveApp) -> tuple[str, str]:
    """An address, and the token that was mailed to it."""
    admin = add_person(app)
    address = f"invited-{admin.email}"
    with browser_of(app) as browser:
        log_in(browser, admin)
        browser.post("/staff", json={"email": address, "name": "Bob"}).raise_for_status()
    return address, mailed_link(app, address)


def forgotten(app: LiveApp, address: str) -> str:
    with browser_of(app) as browser:
        browser.post("/auth/reset-request", json={"email": address}).raise_for_status()
    return mailed_link(app, address, "reset")


@pytest.mark.parametrize("viewport", LOOKS)
async def test_that_a_second_factor_is_set_up_and_asked_for(
    live_app: LiveApp, visit: Visit, viewport: ViewportSize
) -> None:
    person = await asyncio.to_thread(wanting_a_second_factor, live_app)
    page = await (await visit(viewport)).new_page()

    async def enter(heading: str) -> None:
        await page.get_by_role("heading", name="Log in").wait_for()
        await send(page, "Log in", email=person.email, password=NEW)
        await sound(page, heading)

    await page.goto(f"{live_app.url}/admin")
    await enter("Second factor")
    await send(page, "Go on", password="not this one")
    await expect(page.get_by_role("alert")).to_have_text("The current password is wrong.")
    await send(page, "Go on", password=NEW)
    await page.locator("input[name=code]").wait_for()
    found = re.search(r"[A-Z2-7]{32}", await page.locator("form").inner_text())
    assert found is not None
    await sound(page, "Second factor")
    step = totp.step_at(datetime.now(UTC))
    await send(page, "Switch on", code=totp.code_of(found[0], step))
    await sound(page, "Recovery codes")
    codes = (await page.locator("pre").inner_text()).split()
    await page.get_by_role("button", name="I have kept them").click()
    for code in (totp.code_of(found[0], step + 1), codes[0]):  # a clock may be a step ahead
        await page.get_by_role("button", name="Log out").click()
        await enter("Second step")
        await send(page, "Log in", code="not-a-code")
        await expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
        await send(page, "Log in", code=code)
        await page.get_by_role("heading", name="Knowledge").wait_for()


@pytest.mark.parametrize("viewport", LOOKS)
async def test_that_links_from_mails_open_a_form_once(
    live_app: LiveApp, visit: Visit, viewport: ViewportSize
) -> None:
    address, invitation = await asyncio.to_thread(invited, live_app)
    await use_link(live_app, visit, viewport, f"invite={invitation}", NEW)
    reset = await asyncio.to_thread(forgotten, live_app, address)
    page = await use_link(live_app, visit, viewport, f"reset={reset}", f"{NEW}-again")
    await send(page, "Log in", email=address, password=f"{NEW}-again")
    await page.get_by_role("heading", name="Knowledge").wait_for()
    late = await (await visit(viewport)).new_page()
    await late.goto(f"{live_app.url}/admin#reset={reset}")
    await send(late, "Save and continue", password=NEW, repeated=NEW)
    await expect(late.get_by_role("alert")).to_contain_text("used already")


async def use_link(app: LiveApp, visit: Visit, viewport: ViewportSize, link: str, password: str) -> Page:
    page = await (await visit(viewport)).new_page()
    await page.goto(f"{app.url}/admin#{link}")
    await sound(page, "Choose a password")
    assert link not in page.url
    await send(page, "Save and continue", password=password, repeated="another one entirely")
    await expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    await send(page, "Save and continue", password=password, repeated=password)
    await sound(page, "Log in")
    return page
