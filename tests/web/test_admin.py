"""The admin page: knowledge in, refusals by name, the bin, and a person who takes over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import FilePayload, Page, Route, expect

from tests.e2e.live import LiveApp
from tests.web.browsing import NEW_PASSWORD, PHONE, QUESTION, Visit, open_admin, open_demo, violations


def text_file(name: str, words: str) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": words.encode()}


async def open_conversation(page: Page, conversation_id: str) -> None:
    await page.get_by_role("button", name="Conversations").click()
    await page.locator(f"[data-conversation='{conversation_id}']").click()


def row(page: Page, name: str) -> str:
    return f".files li:has(b:text-is('{name}'))"


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
    await expect(page.locator(".drop")).to_contain_text("20 MiB (20,971,520 bytes) together")
    await taken.get_by_label("Public").check()
    await page.reload()
    await expect(taken.get_by_label("Public")).to_be_checked()
    await taken.get_by_role("button", name="Delete window-handbook.txt").click()
    await expect(taken).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(taken).to_have_count(1)
    await taken.get_by_role("button", name="Delete window-handbook.txt").click()
    await expect(taken).to_have_count(0)


async def test_that_a_file_that_failed_says_why_and_takes_no_place(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    before = await page.locator("#usage").inner_text()
    broken: FilePayload = {
        "name": "broken.pdf",
        "mimeType": "application/pdf",
        "buffer": b"%PDF-1.7 and no more",
    }
    await page.set_input_files("#files", [broken])
    failed = page.locator(row(page, "broken.pdf"))
    await expect(failed.locator(".state")).to_have_text("Failed", timeout=30_000)
    await expect(failed.locator(".problem")).to_contain_text("is damaged")
    await expect(page.locator("#usage")).to_have_text(before)
    await failed.get_by_role("button", name="Delete broken.pdf").click()
    await expect(failed).to_have_count(0)


async def test_that_a_file_without_text_is_ready_with_a_warning(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    await page.set_input_files("#files", [text_file("blank.txt", " \n")])
    blank = page.locator(row(page, "blank.txt"))
    await expect(blank.locator(".warning")).to_contain_text("No text was found", timeout=30_000)
    await blank.get_by_role("button", name="Delete blank.txt").click()
    await expect(blank).to_have_count(0)


async def test_that_a_deleted_file_is_listed_with_its_last_day_and_restored(
    live_app: LiveApp, visit: Visit
) -> None:
    page = await open_admin(visit, live_app)
    await page.set_input_files("#files", [text_file("gate.txt", "The garden gate opens at seven.")])
    taken = page.locator(row(page, "gate.txt"))
    await expect(taken.locator(".state")).to_have_text("Ready", timeout=30_000)
    await taken.get_by_role("button", name="Delete gate.txt").click()
    await page.get_by_role("button", name="Undo").wait_for()
    await page.reload()  # the toast is gone, the way back is not
    await page.get_by_text("Recently deleted").click()
    binned = page.locator(".bin li", has_text="gate.txt")
    # The page knows the browser's own day, which around midnight is not this process's.
    days = [datetime.now(UTC) + timedelta(days=30 + off) for off in (-1, 0, 1)]
    shown = await binned.inner_text()
    assert any(f"gone for good on {day.day} {day:%B}" in shown for day in days), shown
    await binned.get_by_role("button", name="Restore gate.txt").click()
    await expect(taken.locator(".state")).to_have_text("Ready")
    await expect(binned).to_have_count(0)
    await expect(page.locator(".bin summary")).to_be_focused()
    await taken.get_by_role("button", name="Delete gate.txt").click()
    await expect(binned).to_have_count(1)


async def test_that_a_bin_with_nothing_to_restore_says_so(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)

    async def expired(route: Route) -> None:
        gone = {"id": "src_1", "name": "old.txt", "deleted_at": "2020-01-01T00:00:00Z"}
        await route.fulfill(json={"items": [gone], "next_cursor": None})

    await page.route("**/sources?deleted=true*", expired)
    await page.reload()
    await page.get_by_text("Recently deleted (0)").click()
    await expect(page.locator(".bin li")).to_have_text("Nothing was deleted.")
    await expect(page.locator(".bin")).to_contain_text("It waits here for 30 days")


async def test_that_a_deleted_file_is_ended_for_good_only_when_that_is_confirmed(
    live_app: LiveApp, visit: Visit
) -> None:
    page = await open_admin(visit, live_app)
    await page.set_input_files("#files", [text_file("shed.txt", "The garden shed is painted green.")])
    taken = page.locator(row(page, "shed.txt"))
    await expect(taken.locator(".state")).to_have_text("Ready", timeout=30_000)
    await taken.get_by_role("button", name="Delete shed.txt").click()
    await page.get_by_text("Recently deleted").click()
    erase = page.get_by_role("button", name="Delete for good: shed.txt")
    await erase.click()
    dialog = page.get_by_role("dialog", name="Delete shed.txt for good?")
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(erase).to_have_count(1)
    await erase.click()
    await dialog.get_by_role("button", name="Delete for good", exact=True).click()
    report = page.get_by_role("dialog", name="shed.txt is gone for good")
    await expect(report).to_contain_text("1 file of 1 version, 33 bytes")
    await expect(report).to_contain_text("1 passage, 0 tables")
    await expect(report).to_contain_text("1 vector of passages, 1 of sentences")
    await report.get_by_role("button", name="Close").click()
    await expect(erase).to_have_count(0)
    await expect(page.locator(".bin summary")).to_be_focused()


def is_live(app: LiveApp, name: str, version: int) -> bool:
    """Whether answers come from this version of a source."""
    return any((one["name"], one["live_version"]) == (name, version) for one in app.sources())


async def test_that_a_file_of_a_known_name_is_compared_before_it_replaces_the_old_one(
    live_app: LiveApp, visit: Visit
) -> None:
    visitor = live_app.visit()
    page = await open_admin(visit, live_app)
    await page.set_input_files("#files", [text_file("boat.txt", "The boat trip starts at ten o'clock.")])
    taken = page.locator(row(page, "boat.txt"))
    await expect(taken.locator(".state")).to_have_text("Ready", timeout=30_000)
    visitor.say("When does the boat trip start?", "c1")
    assert "ten" in visitor.wait_for_answer()["text"]
    newer = text_file("boat.txt", "The boat trip starts at eleven o'clock.")
    await page.set_input_files("#files", [newer])
    await page.get_by_role("button", name="See what would change: boat.txt").click()
    change = page.locator(".changes li:has(b:text-is('When does the boat trip start?'))")
    await expect(change.locator(".words").last).to_contain_text("eleven", timeout=60_000)
    await page.get_by_role("button", name="Discard").click()
    await page.get_by_role("button", name="Knowledge", exact=True).click()
    await taken.get_by_role("button", name="New version of boat.txt").click()
    await expect(page.get_by_label("Source to replace").locator("option:checked")).to_have_text("boat.txt")
    await expect(page.get_by_label("New file")).to_be_focused()
    await page.get_by_role("button", name="Knowledge", exact=True).click()
    await taken.wait_for()
    await page.set_input_files("#files", [newer])
    await page.get_by_role("button", name="Replace now: boat.txt").click()
    await expect(page.locator(".uploads li")).to_have_count(0)
    await asyncio.to_thread(live_app.wait_until, lambda: is_live(live_app, "boat.txt", 2), 30)
    visitor.say("When does the boat trip start?", "c2")
    assert "eleven" in visitor.wait_for_answer(2)["text"]
    await taken.get_by_role("button", name="Delete boat.txt").click()
    await expect(taken).to_have_count(0)


async def test_that_a_workspace_without_a_knowledge_base_makes_one(live_app: LiveApp, visit: Visit) -> None:
    page = await open_admin(visit, live_app)
    asked: list[str | None] = []

    async def none_yet(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data)
            await route.fulfill(status=201, json={"id": "kb_1"})
        elif asked:
            await route.fallback()
        else:
            await route.fulfill(json={"items": [], "next_cursor": None})

    await page.route("**/knowledge-bases*", none_yet)
    await page.reload()
    await expect(page.locator(".drop")).to_be_hidden()
    await page.get_by_role("button", name="Make a knowledge base").click()
    await expect(page.locator(".drop")).to_be_visible()
    assert asked == ['{"name":"Knowledge"}']


async def test_that_staff_see_an_answer_with_the_numbers_and_quotes_the_visitor_sees(
    live_app: LiveApp, visit: Visit
) -> None:
    visitor = live_app.visit()
    visitor.say(QUESTION, "c1")
    answer = visitor.wait_for_answer()
    visitor.say("What does the Dune floor lamp cost?", "c2")
    price = visitor.wait_for_answer(2)
    page = await open_admin(visit, live_app)
    await open_conversation(page, visitor.conversation_id)
    bubbles = page.locator(".bubble.agent")
    await expect(bubbles).to_have_count(2)
    for bubble, message in zip(await bubbles.all(), (answer, price), strict=True):
        cited = [one for sentence in message["sentences"] for one in sentence["citations"]]
        assert await bubble.locator(".chip").all_inner_texts() == [str(one["n"]) for one in cited]
        by_number = {one["n"]: one for one in cited}
        await bubble.locator("summary").click()
        sources = bubble.locator(".sources li")
        assert await sources.locator("b").all_inner_texts() == [one["title"] for one in by_number.values()]
        assert await sources.locator("blockquote").all_inner_texts() == [
            one["quote"] for one in by_number.values()
        ]
        places = [one["place"] for one in by_number.values() if one["place"]]
        assert await sources.locator(".place").all_inner_texts() == places
    await expect(bubbles.last.locator(".place")).to_have_text("row 3")


async def test_that_an_opened_quote_stays_open_while_messages_arrive(live_app: LiveApp, visit: Visit) -> None:
    visitor = live_app.visit()
    visitor.say(QUESTION, "c1")
    visitor.wait_for_answer()
    page = await open_admin(visit, live_app)
    await open_conversation(page, visitor.conversation_id)
    chip = page.locator(".chip").first
    await chip.click()
    quote = page.locator(".sources li:visible")
    await expect(quote).to_have_count(1)
    visitor.say("I want to speak to a person", "c2")
    await expect(page.locator(".bubble.contact")).to_have_count(2)
    await expect(quote).to_have_count(1)
    await expect(chip).to_be_focused()
    await expect(page.locator(".bar")).to_contain_text("The visitor asked for a person.")


async def test_that_a_contact_is_shown_by_name_where_there_is_one(live_app: LiveApp, visit: Visit) -> None:
    visitor, nobody = live_app.visit(), live_app.visit()
    for one in (visitor, nobody):
        one.say(QUESTION, "c1")
        one.wait_for_answer()
    page = await open_admin(visit, live_app)

    async def with_name(route: Route) -> None:
        found = await (response := await route.fetch()).json()
        for one in found["items"]:
            if one["id"] == visitor.conversation_id:
                one["contact_name"] = "Ada Visser"
        await route.fulfill(response=response, json=found)

    await page.route("**/conversations?*", with_name)
    await open_conversation(page, visitor.conversation_id)
    await expect(page.locator(".bar h2")).to_have_text("Ada Visser")
    await expect(page.locator(".bubble.contact")).to_contain_text("Ada Visser · ")
    await open_conversation(page, nobody.conversation_id)
    await expect(page.locator(".bar h2")).to_have_text(f"Visitor {nobody.conversation_id[-4:]}")


async def test_that_a_phone_shows_the_list_or_one_conversation(live_app: LiveApp, visit: Visit) -> None:
    visitor = live_app.visit()
    visitor.say(QUESTION, "c1")
    visitor.wait_for_answer()
    page = await open_admin(visit, live_app, PHONE)
    await open_conversation(page, visitor.conversation_id)
    await expect(page.locator(".bubble.contact")).to_be_in_viewport()
    await expect(page.locator(".conversations")).to_be_hidden()
    await page.get_by_role("button", name="All conversations").click()
    await expect(page.locator(".thread")).to_be_hidden()
    await expect(page.locator(f"[data-conversation='{visitor.conversation_id}']")).to_be_focused()


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
