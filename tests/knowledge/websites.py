"""A web server on this machine whose pages a test writes, and which remembers who asked for what."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from agentflow.kit.egress import Egress
from agentflow.kit.settings import EgressSettings, IngestSettings, Settings, SyncSettings

ALLOWED = ("127.0.0.1",)


@dataclass
class Answer:
    """What stands at one path."""

    body: str | bytes = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Website:
    """`pages` by path; each answer has an ETag unless `tagged` is off."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.conditional: list[str] = []
        self.endless: set[str] = set()
        self.tagged = True
        self.url = ""

    def put(self, path: str, body: str | bytes, *, kind: str = "text/html; charset=utf-8") -> None:
        self.pages[path] = Answer(body, 200, {"Content-Type": kind})

    def redirect(self, path: str, target: str) -> None:
        self.pages[path] = Answer(status=302, headers={"Location": target})

    def fail(self, path: str, status: int, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = Answer("<p>no</p>", status, {"Content-Type": "text/html", **named})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.endless:
            return await self.never_end(request)
        found = self.pages.get(request.path)
        if found is None:
            return web.Response(status=404, text="nothing")
        body = found.body.encode() if isinstance(found.body, str) else found.body
        headers = dict(found.headers)
        if self.tagged and found.status == 200:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                self.conditional.append(request.path)
                return web.Response(status=304, headers={"ETag": headers["ETag"]})
        return web.Response(body=body, status=found.status, headers=headers)

    async def never_end(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": str(1 << 30)})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"<p>more</p>" * 5000)
        except (ConnectionError, OSError):
            return answer


@asynccontextmanager
async def serving(site: Website) -> AsyncIterator[Website]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()


def fetching(allow: tuple[str, ...] = ALLOWED, **changes: object) -> Settings:
    """Settings for fetching from this machine, with small caps."""
    sync = SyncSettings(answer_seconds=3.0, longest_delay_seconds=0.05, jitter=0.0)
    return Settings.model_validate(
        {
            "egress_allow": allow,
            "egress": EgressSettings(timeout_seconds=3.0),
            "ingest": IngestSettings(max_bytes=300_000),
            "sync": sync.model_copy(update=changes),
        }
    )


@asynccontextmanager
async def egress_for(settings: Settings) -> AsyncIterator[Egress]:
    egress = Egress(settings)
    try:
        yield egress
    finally:
        await egress.close()


def page(title: str, *texts: str, head: str = "", links: tuple[str, ...] = ()) -> str:
    """An HTML page."""
    body = "".join(f"<p>{text}</p>" for text in texts)
    body += "".join(f'<a href="{link}">{link}</a>' for link in links)
    return f"<html><head><title>{title}</title>{head}</head><body><h1>{title}</h1>{body}</body></html>"
