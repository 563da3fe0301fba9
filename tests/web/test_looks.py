"""Nothing that axe calls serious, nothing wider than the screen: light, dark and on a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, ViewportSize

from tests.e2e.live import LiveApp
from tests.web.browsing import DESKTOP, PHONE, QUESTION, Visit, open_admin, open_demo, violations

LOOKS = [
    pytest.param(DESKTOP, False, id="light"),
    pytest.param(DESKTOP, True, id="dark"),
    pytest.param(PHONE, False, id="phone"),
]


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_that_the_demo_page_and_an_open_chat_are_sound(
    live_app: LiveApp, visit: Visit, viewport: ViewportSize, dark: bool
) -> None:
    chat = await open_demo(await visit(viewport, dark=dark), live_app)
    assert await violations(chat.page) == []
    assert await fits(chat.page)
    await chat.open()
    await chat.find(".ask").first.wait_for()
    assert await violations(chat.page) == []
    await chat.ask(QUESTION)
    await chat.answered()
    await chat.find(".chip").first.click()
    assert await violations(chat.page) == []
    assert await fits(chat.page)


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_that_the_admin_pages_are_sound(
    live_app: LiveApp, visit: Visit, viewport: ViewportSize, dark: bool
) -> None:
    stranger = await (await visit(viewport, dark=dark)).new_page()
    await stranger.goto(f"{live_app.url}/admin")
    await stranger.get_by_role("heading", name="Log in").wait_for()
    assert await violations(stranger) == []
    visitor = live_app.visit()
    visitor.say(QUESTION, "c1")
    visitor.wait_for_answer()
    page = await open_admin(visit, live_app, viewport, dark=dark)
    await page.get_by_text("Recently deleted").click()
    assert await violations(page) == []
    assert await fits(page)
    await page.get_by_role("button", name="Conversations").click()
    await page.get_by_role("heading", name="Conversations").wait_for()
    assert await violations(page) == []
    assert await fits(page)
    await page.locator(f"[data-conversation='{visitor.conversation_id}']").click()
    await page.locator(".chip").first.click()
    assert await violations(page) == []
    assert await fits(page)
