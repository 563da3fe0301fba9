"""How the tests of the web pages move about: the widget on the demo page, the admin page, axe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    BrowserContext,
    Locator,
    Page,
    Route,
    StorageState,
    ViewportSize,
    expect,
)

from tests.e2e.live import LiveApp

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "agentflow" / "web" / "static"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
QUESTION = "When is the shop open?"  # the sample knowledge has the answer
NEW_PASSWORD = "a long enough second password"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = ViewportSize(width=1200, height=800)
PHONE = ViewportSize(width=390, height=844)


expect.set_options(timeout=15_000)  # a busy machine is not a broken page

Visit = Callable[..., Awaitable[BrowserContext]]


@dataclass
class Chat:
    """The widget on a page, with its shadow root open."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    def find(self, selector: str) -> Locator:
        return self.page.locator(f"agentflow-chat {selector}")

    @property
    def messages(self) -> Locator:
        return self.find(".m:not(.dots)")

    @property
    def box(self) -> Locator:
        return self.find("textarea")

    async def open(self) -> None:
        await self.find(".launcher").click()
        await self.find("[role=dialog]").wait_for()

    async def ask(self, question: str) -> None:
        await self.box.fill(question)
        await self.box.press("Enter")

    async def answered(self, answers: int = 1) -> None:
        """Wait until that many answers are final."""
        await self.find(".m.agent:not(.dots):not([aria-busy])").nth(answers - 1).wait_for()


async def open_demo(context: BrowserContext, app: LiveApp) -> Chat:
    """The demo page with `data-debug`, so that a test can look into the shadow root."""
    page = await context.new_page()
    chat = Chat(page)
    page.on("console", lambda line: chat.troubles.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: chat.troubles.append(str(error)))

    async def debug(route: Route) -> None:
        response = await route.fetch()
        body = (await response.text()).replace("data-site", "data-debug data-site")
        await route.fulfill(response=response, body=body)

    await page.route(f"{app.url}/", debug)
    await page.goto(f"{app.url}/")
    await chat.find(".launcher").wait_for()
    return chat


async def violations(page: Page) -> list[str]:
    """What axe finds serious or critical, in shadow roots too."""
    await page.evaluate(AXE.read_text())
    found: list[dict[str, object]] = await page.evaluate("axe.run().then((result) => result.violations)")
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}"  # type: ignore[attr-defined]
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


_staff_states: dict[str, StorageState] = {}


async def open_admin(
    visit: Visit, app: LiveApp, viewport: ViewportSize = DESKTOP, *, dark: bool = False
) -> Page:
    """The admin page, logged in; the first log-in also changes the first password."""
    state = _staff_states.get(app.url)
    context = await visit(viewport, dark=dark, state=state)
    page = await context.new_page()
    await page.goto(f"{app.url}/admin")
    if state is None:
        await log_in(page, app)
        _staff_states[app.url] = await context.storage_state()
    await expect(page.locator("#usage")).not_to_be_empty()
    return page


async def log_in(page: Page, app: LiveApp) -> None:
    """Through the forms, as a person does."""
    await page.get_by_label("E-mail").fill(app.admin_email)
    await page.get_by_label("Password").fill(app.admin_password)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Choose a new password").wait_for()
    await page.get_by_label("First password").fill(app.admin_password)
    await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await page.get_by_label("New password again").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Save and continue").click()
    await page.get_by_role("heading", name="Knowledge").wait_for()
