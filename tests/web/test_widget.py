"""The live-chat widget as a visitor meets it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from playwright.async_api import BrowserContext, Page, Request, Route, expect

from tests.e2e.live import LiveApp
from tests.web.browsing import PHONE, QUESTION, Chat, Visit, open_demo

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'"
)
HOSTILE_STYLE = """
* { all: unset !important; font-size: 30px !important; color: red !important; }
body > * { transform: rotate(3deg) !important; }
div, section, button { display: none !important; }
agentflow-chat { display: none !important; opacity: 0 !important; visibility: hidden !important; }
div:empty { display: none !important; }
"""


async def inject(page: Page, events: Sequence[tuple[str, dict[str, object]]], *, streams: int = 1) -> None:
    """The next event streams bring these; those after them are the server's again."""
    body = "".join(f"event: {kind}\ndata: {json.dumps(payload)}\n\n" for kind, payload in events)
    left = streams

    async def answer(route: Route) -> None:
        nonlocal left
        if not left or "wait=" in route.request.url:
            return await route.continue_()
        left -= 1
        return await route.fulfill(status=200, content_type="text/event-stream", body=body)

    await page.route("**/widget/v1/events*", answer)


def sentence(
    n: int, text: str, *, attempt: int = 1, citations: Sequence[dict[str, object]] = ()
) -> tuple[str, dict[str, object]]:
    payload = {"message_id": "msg_x", "attempt": attempt, "n": n, "text": text, "citations": list(citations)}
    return "sentence", payload


def message(text: str, seq: int = 900, **more: object) -> tuple[str, dict[str, object]]:
    payload = {
        "message_id": "msg_x",
        "seq": seq,
        "role": "agent",
        "text": text,
        "sentences": [],
        "status": "sent",
    }
    return "message", {**payload, "created_at": "2026-03-02T09:30:00Z", **more}


async def greet(context: BrowserContext, app: LiveApp) -> Chat:
    """A visitor whose first message has been answered by nobody yet: the stream is what a test injects."""
    chat = await open_demo(context, app)
    await chat.open()
    return chat


async def test_that_the_widget_works_on_a_page_whose_style_and_policy_fight_it(
    live_app: LiveApp, visit: Visit
) -> None:
    page = await (await visit()).new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    html = (
        "<!doctype html><html lang=en><link rel=stylesheet href=/hostile.css>"
        f"<script async src=/widget.js data-debug data-site={live_app.site_key}></script><p>A shop</p>"
    )

    async def shop(route: Route) -> None:
        await route.fulfill(content_type="text/html", body=html, headers={"Content-Security-Policy": STRICT})

    async def style(route: Route) -> None:
        await route.fulfill(content_type="text/css", body=HOSTILE_STYLE)

    await page.route(f"{live_app.url}/hostile", shop)
    await page.route(f"{live_app.url}/hostile.css", style)
    await page.goto(f"{live_app.url}/hostile")
    chat = Chat(page)
    await expect(chat.find(".launcher")).to_be_visible()
    box = await chat.find(".launcher").bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["height"])) == (56, 56)
    await page.evaluate(
        "window.heard = 0; for (const name of ['keydown', 'keyup', 'keypress', 'input'])"
        " document.addEventListener(name, () => window.heard++)"
    )
    await chat.open()
    await expect(chat.box).to_be_focused()
    await page.keyboard.type("s")  # a shop may have put its search on this key
    assert await page.evaluate("window.heard") == 0
    assert await chat.find("h2").evaluate("(e) => getComputedStyle(e).fontSize") == "16px"
    assert errors == []


async def test_that_nothing_is_fetched_before_the_first_click(live_app: LiveApp, visit: Visit) -> None:
    context = await visit()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    chat = await open_demo(context, live_app)
    await chat.page.wait_for_timeout(300)
    assert [url for url in asked if "/widget/v1/" in url] == []
    await chat.open()
    await chat.find(".ask").first.wait_for()
    assert any("/config" in url for url in asked)


async def test_that_a_chat_without_its_server_still_has_a_name_and_says_so(
    live_app: LiveApp, visit: Visit
) -> None:
    context = await visit()
    await context.route("**/config*", lambda route: route.abort())
    chat = await open_demo(context, live_app)
    await chat.open()
    await expect(chat.find(".status")).to_have_text("The chat is not available right now.")
    await expect(chat.page.get_by_role("dialog", name="Conversation")).to_be_visible()
    await expect(chat.box).to_have_attribute("placeholder", "Type your question…")


async def test_that_an_answer_comes_by_checked_sentences_with_its_sources(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    await chat.page.evaluate(
        """() => {
          window.seen = [];
          const log = AgentFlow.root.querySelector('[role=log]');
          new MutationObserver(() => {
            const writing = log.querySelector('.m.agent[aria-busy]');
            if (writing) window.seen.push(writing.querySelectorAll('.sentence').length);
          }).observe(log, { childList: true, subtree: true });
        }"""
    )
    await chat.ask(QUESTION)
    await chat.answered()
    seen: list[int] = await chat.page.evaluate("window.seen")
    assert seen, "the answer appeared as a whole"
    assert seen == sorted(seen)
    await expect(chat.messages).to_have_count(2)
    chip = chat.find(".chip").first
    await expect(chip).to_have_text("1")
    await chip.focus()
    await chat.page.keyboard.press("Enter")
    await expect(chip).to_have_attribute("aria-expanded", "true")
    source = chat.find(".sources li:visible")
    await expect(source).to_have_count(1)
    assert (await source.locator("b").inner_text()).strip()
    assert (await source.locator("blockquote").inner_text()).strip()
    await chat.page.keyboard.press("Enter")
    await expect(source).to_have_count(0)
    await chat.find("summary").click()
    await expect(source).to_have_count(await chat.find(".sources li").count())
    assert chat.troubles == []


async def test_that_every_sample_question_gets_an_answer_with_a_source(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    await chat.find(".ask").nth(2).wait_for()
    questions = await chat.find(".ask").all_inner_texts()
    assert len(questions) == 3
    await chat.find(".ask").first.click()
    for number, question in enumerate(questions):
        if number > 0:
            await chat.ask(question)
        await chat.answered(number + 1)
        answer = chat.find(".m.agent:not(.dots)").nth(number)
        assert await answer.locator(".chip").count() > 0, question


async def test_that_sentences_join_an_answer_one_at_a_time_until_the_final_message(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    source = {"n": 1, "title": "Terms.pdf", "place": "page 2", "quote": "Open until 18:00.", "url": None}
    final = [
        {"text": "We close at 18:00.", "citations": [source]},
        {"text": "Even on Friday.", "citations": []},
    ]
    events = [
        ("typing", {"on": True, "role": "agent"}),
        sentence(0, "We close at noon."),
        sentence(1, "Come early."),
        sentence(0, "We close at 18:00.", attempt=2, citations=[source]),
        sentence(1, "Too late.", attempt=1),
    ]
    await inject(chat.page, events)
    await chat.ask("When do you close?")
    draft = chat.find(".m.agent[aria-busy=true]")
    await expect(draft.locator(".sentence")).to_have_text(["We close at 18:00.1"])
    await expect(chat.find(".dots")).to_be_hidden()
    # More than one: the widget may drop a stream that it had just opened by itself.
    await inject(chat.page, [message("We close at 18:00. Even on Friday.", sentences=final)] * 2, streams=3)
    await chat.page.evaluate("dispatchEvent(new Event('online'))")
    done = chat.find(".m.agent").filter(has_text="Even on Friday.")
    await expect(done).to_have_count(1)
    assert await done.get_attribute("aria-busy") is None
    await expect(done.locator(".sentence")).to_have_count(2)


async def test_that_markup_in_answers_and_sources_stays_text(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)
    attack = (
        "<img src=x onerror=window.pwned=1><script>window.pwned=1</script> [go](javascript:window.pwned=1)"
    )
    source = {"n": 1, "title": attack, "place": attack, "quote": attack, "url": "javascript:window.pwned=1"}
    body = f"{attack} **bold** [site](https://example.com/a)"
    await inject(chat.page, [message(body, sentences=[{"text": body, "citations": [source]}])])
    await chat.ask(attack)
    answer = chat.find(".m.agent").filter(has_text="bold")
    await answer.locator(".chip").click()
    await expect(answer.locator("blockquote")).to_have_text(attack)
    await expect(chat.find(".m.contact .bubble")).to_have_text(attack)
    for tag in ("img", "script", "iframe"):
        await expect(chat.find(f".log {tag}")).to_have_count(0)
    links = await answer.locator("a").evaluate_all("(all) => all.map((a) => [a.href, a.rel])")
    assert links == [["https://example.com/a", "noopener noreferrer nofollow"]]
    assert await chat.page.evaluate("window.pwned") is None


async def test_that_a_visitor_sees_for_whom_they_wait(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)
    await chat.ask("I want to talk to a human")
    await chat.answered()
    await expect(chat.find(".standing")).to_have_text("Waiting for Support")


async def test_that_staff_and_the_end_of_a_conversation_are_shown(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)
    await chat.ask(QUESTION)
    await chat.answered()
    await inject(chat.page, [message("Ada here.", role="staff"), ("closed", {})])
    await chat.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(chat.find(".m.staff")).to_contain_text("Ada here.")
    await expect(chat.find(".standing")).to_have_text("This conversation has ended.")


async def test_that_a_reload_shows_the_conversation_again(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)
    await chat.ask(QUESTION)
    await chat.answered()
    before = await chat.messages.locator(".bubble").all_inner_texts()
    await chat.page.reload()
    await chat.open()
    await chat.answered()
    await expect(chat.messages).to_have_count(2)
    assert await chat.messages.locator(".bubble").all_inner_texts() == before


async def test_that_a_second_tab_shows_the_same_and_shares_one_stream(
    live_app: LiveApp, visit: Visit
) -> None:
    context = await visit()
    first = await greet(context, live_app)
    await first.ask(QUESTION)
    await first.answered()
    streams: list[str] = []

    def note(request: Request) -> None:
        if "/widget/v1/events" in request.url and "wait=" not in request.url:
            streams.append(request.url)

    context.on("request", note)
    second = await open_demo(context, live_app)
    await second.open()
    await second.answered()
    await second.ask(QUESTION)
    await first.answered(2)
    await second.answered(2)
    await expect(first.messages).to_have_count(4)
    await expect(second.messages).to_have_count(4)
    assert streams == []
    await first.page.close()  # the second tab takes the stream over and misses nothing
    await second.ask(QUESTION)
    await second.answered(3)
    await expect(second.messages).to_have_count(6)
    assert len(streams) == 1


async def test_that_a_message_the_network_lost_is_sent_when_tapped(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)

    async def down_until_tapped(route: Route) -> None:
        if await chat.page.evaluate("window.tapped"):
            return await route.continue_()
        return await route.abort()

    await chat.page.route("**/widget/v1/messages", down_until_tapped)
    await chat.ask(QUESTION)
    retry = chat.find("button.retry")
    await expect(retry).to_be_visible()
    await retry.evaluate("(button) => { window.tapped = true; button.click(); }")
    await chat.answered()
    await expect(retry).to_have_count(0)
    await expect(chat.messages).to_have_count(2)


async def test_that_a_message_whose_receipt_was_lost_is_not_sent_twice(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    sent: list[str | None] = []

    async def lose_receipt(route: Route) -> None:
        if '"text"' not in (route.request.post_data or ""):
            return await route.continue_()
        sent.append(route.request.post_data)
        if len(sent) > 1:
            return await route.continue_()
        await route.fetch()
        return await route.abort()

    await chat.page.route("**/widget/v1/messages", lose_receipt)
    await chat.ask(QUESTION)
    await chat.answered()
    await chat.page.reload()
    await chat.open()
    await chat.answered()
    await expect(chat.messages).to_have_count(2)
    assert set(sent) == {sent[0]}


async def test_that_a_rate_limit_is_told_and_the_message_goes_out_later(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    refused = False

    async def limit(route: Route) -> None:
        nonlocal refused
        if refused or '"text"' not in (route.request.post_data or ""):
            return await route.continue_()
        refused = True
        return await route.fulfill(
            status=429, json={"status": 429, "code": "too_many_requests", "retry_after": 1}
        )

    await chat.page.route("**/widget/v1/messages", limit)
    await chat.ask(QUESTION)
    await expect(chat.find(".status")).to_contain_text("wait a moment")
    await chat.answered()
    await expect(chat.find(".m.contact")).to_have_count(1)


async def test_that_a_visitor_whose_token_no_longer_counts_starts_anew(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    await chat.page.evaluate(
        "(key) => localStorage.setItem(key, 'e30.forged')", f"agentflow:{live_app.site_key}"
    )
    await chat.page.reload()
    await chat.open()
    await chat.ask(QUESTION)
    await chat.answered()
    await expect(chat.messages).to_have_count(2)


async def test_that_a_restart_of_the_server_loses_and_doubles_nothing(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(), live_app)
    await chat.ask(QUESTION)
    await chat.answered()
    live_app.restart()
    await chat.ask(QUESTION)
    await expect(chat.find(".m.agent:not(.dots):not([aria-busy])")).to_have_count(2, timeout=40_000)
    await expect(chat.find(".m.contact")).to_have_count(2)
    await expect(chat.find(".retry")).to_have_count(0)


async def test_that_escape_closes_the_chat_and_gives_the_focus_back(live_app: LiveApp, visit: Visit) -> None:
    chat = await greet(await visit(), live_app)
    await expect(chat.box).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await expect(chat.find("[role=dialog]")).to_be_hidden()
    await expect(chat.find(".launcher")).to_be_focused()
    await chat.page.get_by_role("button", name="Start a chat").click()
    await expect(chat.box).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("button", name="Start a chat")).to_be_focused()


async def test_that_the_chat_fills_a_phone_and_its_targets_fit_a_thumb(
    live_app: LiveApp, visit: Visit
) -> None:
    chat = await greet(await visit(PHONE), live_app)
    box = await chat.find("[role=dialog]").bounding_box()
    assert box == {"x": 0, "y": 0, "width": PHONE["width"], "height": PHONE["height"]}
    for target in [".close", ".send", "textarea", ".ask"]:
        size = await chat.find(target).first.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 44, target


async def test_that_a_language_written_from_the_right_turns_the_chat_around(
    live_app: LiveApp, visit: Visit
) -> None:
    context = await visit()

    async def arabic(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, json={**await response.json(), "language": "ar"})

    await context.route("**/config*", arabic)
    chat = await greet(context, live_app)
    await chat.find(".ask").first.wait_for()
    send, box = await chat.find(".send").bounding_box(), await chat.box.bounding_box()
    assert send is not None
    assert box is not None
    assert send["x"] < box["x"]
