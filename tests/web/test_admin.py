"""The admin page: knowledge in, refusals by name, and a person who takes over."""

from __future__ import annotations

from playwright.async_api import FilePayload, Page, expect

from tests.e2e.live import LiveApp
from tests.web.browsing import NEW_PASSWORD, QUESTION, Visit, open_admin, open_demo


def text_file(name: str, words: str) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": words.encode()}


def row(page: Page, name: str) -> str:
    return f".sources li:has(b:text-is('{name}'))"


async def test_that_a_wrong_password_is_told(live_app: LiveApp, visit: Visit) -> None:
    page = await (await visit()).new_page()
    await page.goto(f"{live_app.url}/admin")
    await page.get_by_label("E-mail").fill(live_app.admin_email)
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).not_to_be_empty()


async def test_that_files_are_taken_in_watched_and_refused_by_name(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    handbook = text_file(
        "window-handbook.txt", "The roof window opens with the brass handle on the left side."
    )
    program = text_file("program.exe", "MZ")
    await page.set_input_files("#files", [handbook, program])
    refused = page.locator(row(page, "program.exe"))
    await expect(refused.locator(".problem")).not_to_be_empty()
    assert await refused.locator(".problem").get_attribute("data-code") == "unsupported_type"
    taken = page.locator(row(page, "window-handbook.txt"))
    await expect(taken.locator(".state")).to_have_text("Ready", timeout=30_000)
    await expect(taken).to_contain_text("1 passage")
    await expect(page.locator("#usage")).to_contain_text("of 10 sources")
    await expect(page.locator("#usage")).to_contain_text("of 20 MiB")
    await taken.get_by_label("Public").check()
    await page.reload()
    await expect(taken.get_by_label("Public")).to_be_checked()
    await taken.get_by_role("button", name="Delete window-handbook.txt").click()
    await expect(taken).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(taken).to_have_count(1)
    await taken.get_by_role("button", name="Delete window-handbook.txt").click()
    await expect(taken).to_have_count(0)


async def test_that_a_file_without_text_is_ready_with_a_warning(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    await page.set_input_files("#files", [text_file("blank.txt", " \n")])
    blank = page.locator(row(page, "blank.txt"))
    await expect(blank.locator(".warning")).to_contain_text("No text was found", timeout=30_000)
    await blank.get_by_role("button", name="Delete blank.txt").click()
    await expect(blank).to_have_count(0)


async def test_that_a_person_takes_over_answers_and_hands_back(live_app: LiveApp, visit: Visit) -> None:
    chat = await open_demo(await visit(), live_app)
    await chat.open()
    await chat.ask(QUESTION)
    await chat.answered()
    page = await open_admin(visit, live_app)
    await page.get_by_role("button", name="Conversations").click()
    await page.locator(".conversation").first.click()
    await expect(page.locator(".messages .bubble.contact")).to_contain_text(QUESTION)
    await page.get_by_role("button", name="Take over").click()
    await page.get_by_label("Your answer").fill("A person here: <b>hello</b>.")
    await page.get_by_role("button", name="Send").click()
    await expect(chat.find(".m.staff")).to_contain_text("A person here: <b>hello</b>.")
    await chat.ask("Thank you, person.")
    await expect(page.locator(".messages .bubble.contact")).to_have_count(2)
    await page.get_by_role("button", name="Hand back to the agent").click()
    await expect(page.get_by_role("button", name="Take over")).to_be_visible()
    await chat.ask(QUESTION)
    await chat.answered(2)
    await expect(chat.find(".m.staff")).to_have_count(1)


async def test_that_a_log_in_survives_a_reload_until_it_is_ended(live_app: LiveApp, visit: Visit) -> None:
    await open_admin(visit, live_app)  # the first password is changed from here on
    page = await (await visit()).new_page()
    await page.goto(f"{live_app.url}/admin#conversations")
    await page.get_by_label("E-mail").fill(live_app.admin_email)
    await page.get_by_label("Password").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    assert [cookie["httpOnly"] for cookie in await page.context.cookies()] == [True]
    await page.reload()
    await expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
