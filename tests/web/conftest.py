"""A real Chromium in front of the real app. A missing browser or build fails, it never skips."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    StorageState,
    ViewportSize,
    async_playwright,
)

from tests.web.browsing import ARGUMENTS, AXE, DESKTOP, STATIC, Visit


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built pages."""
    if not (STATIC / "widget.js").is_file() or not AXE.is_file():
        pytest.fail(
            "the web pages are not built; run: "
            "npm --prefix web ci --ignore-scripts && npm --prefix web run build"
        )
    return STATIC


@pytest.fixture
async def browser(built: Path) -> AsyncIterator[Browser]:
    """The system's Chromium, else Playwright's own."""
    async with async_playwright() as playwright:
        try:
            running = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS
            )
        except Error as error:
            pytest.fail(
                f"no Chromium: install the package chromium, or run `playwright install chromium`. {error}"
            )
        yield running
        await running.close()


@pytest.fixture
def visit(browser: Browser) -> Visit:
    """Opens a fresh browser profile: one visitor or one member of staff."""

    async def new(
        viewport: ViewportSize = DESKTOP, *, dark: bool = False, state: StorageState | None = None
    ) -> BrowserContext:
        return await browser.new_context(
            viewport=viewport,
            color_scheme="dark" if dark else "light",
            storage_state=state,
            locale="en-GB",
            reduced_motion="reduce",
        )

    return new
