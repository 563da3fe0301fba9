"""What the server sends of the widget and the pages."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.requests import Request

from agentflow.web import mount
from agentflow.web.pages import POLICY

WIDGET_BUDGET = 15 * 1024


def client(static: Path, site: str = "site_1") -> httpx.AsyncClient:
    async def demo_site(_request: Request) -> str | None:
        return site

    app = FastAPI()
    mount(app, demo_site, static=static)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_that_the_widget_stays_within_its_budget(built: Path) -> None:
    async with client(built) as http:
        response = await http.get("/widget.js", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert 0 < int(response.headers["content-length"]) <= WIDGET_BUDGET
    assert (
        response.content
        == (built / "widget.js").read_bytes()
        == gzip.decompress((built / "widget.js.gz").read_bytes())
    )


async def test_that_any_site_may_load_the_widget_and_caches_it_for_five_minutes(built: Path) -> None:
    async with client(built) as http:
        first = await http.get("/widget.js", headers={"Accept-Encoding": "identity"})
        again = await http.get("/widget.js", headers={"If-None-Match": first.headers["etag"]})
        head = await http.head("/widget.js")
    assert first.headers["cache-control"] == "public, max-age=300"
    assert first.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "content-encoding" not in first.headers
    assert (again.status_code, again.content) == (304, b"")
    assert head.status_code == 200


async def test_that_both_pages_carry_the_strict_policy_and_no_inline_script_or_style(built: Path) -> None:
    async with client(built) as http:
        pages = [await http.get("/"), await http.get("/admin")]
    for page in pages:
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == POLICY
        assert "script-src 'self';" in POLICY
        assert "require-trusted-types-for 'script'" in POLICY
        assert "<style" not in page.text
        assert " style=" not in page.text


async def test_that_the_site_key_is_put_into_the_page_as_text(built: Path) -> None:
    async with client(built, site='"><script>alert(1)</script>') as http:
        page = await http.get("/")
    assert "<script>alert" not in page.text
    assert 'data-site="&quot;&gt;&lt;script&gt;' in page.text


async def test_that_pages_say_how_to_build_them_while_the_build_is_absent(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        pages = [await http.get("/"), await http.get("/admin")]
        widget = await http.get("/widget.js")
    for page in pages:
        assert page.status_code == 503
        assert "npm --prefix web run build" in page.text
    assert widget.status_code == 404


async def test_that_only_built_files_are_served(built: Path) -> None:
    async with client(built) as http:
        names = ["pages.py", "..%2Fpages.py", ".stamp", "widget.js.gz"]
        answers = [(await http.get(f"/static/{name}")).status_code for name in names]
    assert answers == [404, 404, 404, 404]
