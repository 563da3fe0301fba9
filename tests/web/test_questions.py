"""The questions tab: answer what was asked in vain, dismiss and undo, and search as the agent does."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, Page, Route, ViewportSize, expect

from tests.e2e.live import LiveApp
from tests.web.browsing import PHONE, QUESTION, Visit, open_admin, violations
from tests.web.test_looks import LOOKS, fits

HARP = "Who tunes the harp in the attic?"
ANSWER = "Ms. Visser tunes the harp in the attic on the first Friday of every month."
BIKE = "Is there a rack where I can chain up my bicycle?"


def ask(app: LiveApp, question: str) -> None:
    visitor = app.visit()
    visitor.say(question, "c1")
    visitor.wait_for_answer()


async def open_questions(page: Page) -> None:
    await page.get_by_role("button", name="Questions").click()
    await page.get_by_role("heading", name="Questions without an answer").wait_for()


def group(question: str) -> str:
    return f".gaps > li:has(b:text-is('{question}'))"


async def test_that_a_question_is_answered_from_the_list_and_leaves_it(
    live_app: LiveApp, visit: Visit
) -> None:
    ask(live_app, HARP)
    page = await open_admin(visit, live_app)
    await open_questions(page)
    row = page.locator(group(HARP))
    await expect(row).to_contain_text("Asked once")
    await row.get_by_role("button", name="Write an answer").click()
    await expect(row.get_by_label("Question", exact=True)).to_have_value(HARP)
    await expect(row.get_by_label("Answer", exact=True)).to_be_focused()
    await row.locator(".near button").first.click()
    await expect(row.get_by_label("Answer", exact=True)).not_to_have_value("")
    await row.get_by_label("Answer", exact=True).fill(ANSWER)
    await row.get_by_role("button", name="Save as draft").click()
    await expect(row.locator(".state")).to_have_text("Draft")
    await page.reload()
    await row.get_by_role("button", name="Edit the answer").click()
    await expect(row.get_by_label("Answer", exact=True)).to_have_value(ANSWER)
    await row.get_by_role("button", name="Publish").click()
    await expect(row).to_have_count(0, timeout=40_000)
    visitor = live_app.visit()
    visitor.say(HARP, "c1")
    assert ANSWER in visitor.wait_for_answer()["text"]


async def test_that_a_question_is_dismissed_and_brought_back(live_app: LiveApp, visit: Visit) -> None:
    ask(live_app, BIKE)
    page = await open_admin(visit, live_app)
    await open_questions(page)
    row = page.locator(group(BIKE))
    await row.get_by_role("button", name="Dismiss").click()
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("heading", name="Questions without an answer")).to_be_focused()
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)
    await row.get_by_role("button", name="Dismiss").click()
    await expect(row).to_have_count(0)


async def test_that_an_empty_list_says_what_will_stand_there(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)

    async def nothing(route: Route) -> None:
        await route.fulfill(json={"items": [], "next_cursor": None})

    await page.route("**/gaps?*", nothing)
    await open_questions(page)
    await expect(page.locator(".gaps .nothing")).to_contain_text("Nothing is waiting.")


async def test_that_the_console_shows_what_was_found_and_why(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    await open_questions(page)
    await page.get_by_label("Question", exact=True).fill(QUESTION)
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator(".verdict .state")).to_have_text("Known")
    first = page.locator(".found li").first
    await expect(first).to_contain_text("open")
    await expect(first).to_contain_text("score")
    await expect(first).to_contain_text("Shared letters:")
    await page.get_by_label("Question", exact=True).fill("How many moons does Jupiter have?")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator(".verdict .state")).to_have_text("Not known")


async def test_that_a_new_file_is_tried_and_thrown_away(live_app: LiveApp, visit: Visit) -> None:
    ask(live_app, QUESTION)
    page = await open_admin(visit, live_app, PHONE)
    await open_questions(page)
    await page.get_by_label("Source to replace").select_option("Warranty and care.txt")
    new: FilePayload = {
        "name": "new.txt",
        "mimeType": "text/plain",
        "buffer": b"Shop and customer service\n\nOur shop is open every day from 6:00 to 7:15.\n",
    }
    await page.get_by_label("New file").set_input_files(new)
    await page.get_by_role("button", name="Compare").click()
    change = page.locator(f".changes li:has(b:text-is('{QUESTION}'))")
    await expect(change.locator(".state")).to_have_text("Different", timeout=60_000)
    await expect(change.locator(".words").last).to_contain_text("6:00 to 7:15")
    await expect(change.locator(".words").first).not_to_contain_text("6:00 to 7:15")
    assert await violations(page) == []
    assert await fits(page)
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator(".changes")).to_have_count(0)
    wrong: FilePayload = {"name": "new.pdf", "mimeType": "application/pdf", "buffer": b"x"}
    await page.get_by_label("New file").set_input_files(wrong)
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator(".preview .problem")).to_contain_text("can be replaced by a .txt file")


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_that_the_questions_tab_is_sound(
    live_app: LiveApp, visit: Visit, viewport: ViewportSize, dark: bool
) -> None:
    ask(live_app, BIKE)
    page = await open_admin(visit, live_app, viewport, dark=dark)
    found = live_app.api("GET", f"/knowledge-bases/{live_app.knowledge_base()}/gaps?state=dismissed")[1]
    for gap in found["items"]:
        live_app.api("POST", f"/gaps/{gap['id']}/reopen")
    await open_questions(page)
    row = page.locator(group(BIKE))
    await row.get_by_role("button", name="answer").click()
    await page.get_by_label("Question", exact=True).last.fill(QUESTION)
    await page.get_by_role("button", name="Search").click()
    await page.locator(".found li").first.wait_for()
    assert await violations(page) == []
    assert await fits(page)
    if viewport == PHONE:
        nav = page.get_by_role("navigation", name="Sections")
        assert await nav.evaluate("(node) => node.getBoundingClientRect().height") < 60
