"""The built widget and pages, as routes. Built by `npm run build` in web/ (hatch_build.py runs it).

Everything is read into memory once: a handful of small files, each with its gzip form and an ETag.
"""

from __future__ import annotations

import hashlib
import html
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

STATIC = Path(__file__).parent / "static"

# Gives the key of the site whose chat the demo page shows; None where there is no demo workspace.
DemoSite = Callable[[Request], Awaitable[str | None]]


async def no_site(_request: Request) -> str | None:
    """The demo page without a chat."""
    return None


POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
WIDGET_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
ASSET_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>AgentFlow: pages not built</title></head>
<body>
<main>
<h1>The API runs, the web pages are not built</h1>
<p>They need Node 20.19 or newer. In the project folder, type:</p>
<pre>npm --prefix web ci --ignore-scripts &amp;&amp; npm --prefix web run build</pre>
<p>and start AgentFlow again.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Asset:
    """One built file."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


def mount(app: FastAPI, demo_site: DemoSite = no_site, *, static: Path = STATIC) -> None:
    """Add `/` (demo page), `/admin`, `/widget.js` and their files to the app; none is in its OpenAPI."""
    assets = load(static)

    async def demo(request: Request) -> Response:
        return _page(assets.get("demo.html"), {"site": await demo_site(request) or ""})

    async def admin(request: Request) -> Response:
        return _page(assets.get("admin.html"), {})

    async def widget(request: Request) -> Response:
        return _file(request, assets.get("widget.js"), WIDGET_HEADERS)

    async def asset(request: Request) -> Response:
        return _file(request, assets.get(request.path_params["name"]), ASSET_HEADERS)

    app.add_route("/", demo, include_in_schema=False)
    app.add_route("/admin", admin, include_in_schema=False)
    app.add_route("/widget.js", widget, include_in_schema=False)
    app.add_route("/static/{name}", asset, include_in_schema=False)


def load(static: Path) -> dict[str, Asset]:
    """Every built file by name; empty before the first build."""
    return {
        path.with_suffix("").name: _asset(path.with_suffix(""), path)
        for path in sorted(static.glob("*.gz"))
        if path.with_suffix("").is_file()
    }


def _asset(path: Path, packed: Path) -> Asset:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, packed.read_bytes(), media_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _page(page: Asset | None, values: dict[str, str]) -> Response:
    if page is None:
        return HTMLResponse(NOT_BUILT, status_code=503, headers=PAGE_HEADERS)
    text = page.body.decode()
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", html.escape(value))
    return HTMLResponse(text, headers=PAGE_HEADERS)


def _file(request: Request, asset: Asset | None, headers: dict[str, str]) -> Response:
    if asset is None:
        return Response("Not found.\n", status_code=404, media_type="text/plain", headers=ASSET_HEADERS)
    headers = {**headers, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(asset.body, media_type=asset.media_type, headers=headers)
