"""A whole site: the pages of its sitemap or, where it has none, those its links lead to.

It is stored as one file, a JSON line {"url", "title", "html"} for each page in the order of the addresses.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from protego import Protego

from agentflow.kit.addresses import AddressRefused
from agentflow.kit.settings import Settings, SyncSettings
from knowledge.errors import (
    AskedToWait,
    FileTooLarge,
    ForbiddenByRobots,
    LoginNeeded,
    NotFetched,
    NothingFound,
    PageGone,
    SourceRefused,
    TooSlow,
)
from knowledge.limits import check_bytes
from knowledge.origins.base import Fetched, SiteLimits, State, Wanted
from knowledge.origins.html import absolute, normal, scan
from knowledge.origins.web import ROBOT, Web, page_of

FILENAME = "pages.site"
_SITEMAP_BYTES = 10 * 1024 * 1024
_SITEMAPS = 20  # of one index
# What is no page by its name is not even asked for.
_PAGES = ("", ".html", ".htm", ".xhtml", ".php", ".asp", ".aspx", ".jsp", ".cgi")


@dataclass(frozen=True)
class _Page:
    """A page as it is stored; `url` is the address it calls its own."""

    url: str
    title: str
    html: str


@dataclass(frozen=True)
class _Seen:
    """What came of one address; no page when there is none to keep."""

    url: str
    page: _Page | None = None
    validators: State = field(default_factory=dict)
    links: tuple[str, ...] = ()
    indexed: bool = True


@dataclass
class _Crawl:
    """One walk over a site. `before` and `stored` are what the last one left."""

    start: str
    limits: SiteLimits
    prefix: str
    hosts: frozenset[str]
    rules: dict[str, Protego]
    before: Mapping[str, Any]
    stored: Mapping[str, _Page]
    pages: dict[str, _Page] = field(default_factory=dict)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)

    @property
    def full(self) -> bool:
        return len(self.pages) >= self.limits.pages

    def inside(self, url: str) -> bool:
        """Whether an address is one of the site's pages."""
        parts = urlsplit(url)
        if (parts.hostname or "") not in self.hosts or PurePosixPath(parts.path).suffix.lower() not in _PAGES:
            return False
        own = _bare(parts.hostname) == _bare(urlsplit(self.start).hostname)
        return not own or parts.path.startswith(self.prefix)

    def take(self, seen: _Seen) -> tuple[str, ...]:
        """Keep a page unless it is there under another address; returns where it leads."""
        page = seen.page
        self.seen[seen.url] = {**seen.validators, "page": page.url} if page else {}
        if page is None:
            return ()
        digest = hashlib.sha256(page.html.encode()).hexdigest()
        if seen.indexed and page.url not in self.pages and digest not in self.digests and not self.full:
            self.pages[page.url] = page
            self.digests.add(digest)
        return seen.links


class SiteOrigin:
    """Walks a site with few connections and the pauses it asks for."""

    def __init__(self, web: Web, settings: Settings) -> None:
        self._web = web
        self._settings: SyncSettings = settings.sync
        self._max_bytes = settings.ingest.max_bytes

    async def fetch(self, wanted: Wanted) -> Fetched:
        """Every page once, those that did not change without asking for them again."""
        seconds = self._settings.site_seconds
        try:
            async with asyncio.timeout(seconds):
                crawl = await self._crawl(wanted)
        except TimeoutError as slow:
            raise TooSlow(f"Fetching the site took more than {seconds:g} seconds.", limit=seconds) from slow
        if not crawl.pages:
            raise NothingFound("The site has no page that may be read.")
        content = "".join(
            json.dumps({"url": page.url, "title": page.title, "html": page.html}, ensure_ascii=False) + "\n"
            for _, page in sorted(crawl.pages.items())
        ).encode()
        check_bytes(len(content), self._max_bytes, of="The site")
        digest = hashlib.sha256(content).hexdigest()
        state = {"sha256": digest, "filename": FILENAME, "pages": crawl.seen}
        return Fetched(None if wanted.state.get("sha256") == digest else content, FILENAME, state)

    async def _crawl(self, wanted: Wanted) -> _Crawl:
        start = normal(wanted.location) or wanted.location
        rules = await self._web.visit(start)
        parts = urlsplit(start)
        limits = wanted.site or SiteLimits(self._settings.site_pages, self._settings.site_depth)
        is_map = parts.path.endswith((".xml", ".xml.gz"))
        crawl = _Crawl(
            start=start,
            limits=limits,
            prefix="/" if is_map else parts.path[: parts.path.rfind("/") + 1],
            hosts=frozenset({_bare(parts.hostname), f"www.{_bare(parts.hostname)}", *limits.hosts}),
            rules={parts.netloc: rules},
            before=wanted.state.get("pages", {}),
            stored=_stored(await wanted.previous()) if wanted.state else {},
        )
        if is_map:
            listed = await self._listed(crawl, [start], must=True)
            await self._walk(crawl, listed, depth=0)
            return crawl
        links = crawl.take(await self._visit(crawl, start))
        maps = list(rules.sitemaps) or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"]
        listed = await self._listed(crawl, maps, must=False)
        if listed or limits.depth:
            await self._walk(crawl, listed or links, depth=0 if listed else limits.depth)
        return crawl

    async def _walk(self, crawl: _Crawl, links: Iterable[str], *, depth: int) -> None:
        """Level by level; `depth` more levels of links are followed from these."""
        level = self._fresh(crawl, links)
        while level and not crawl.full:
            found: list[str] = []
            step = max(1, self._settings.connections)
            for first in range(0, len(level), step):
                if crawl.full:
                    return
                batch = level[first : first + step]
                for seen in await asyncio.gather(*(self._reach(crawl, url) for url in batch)):
                    found.extend(crawl.take(seen))
            depth -= 1
            level = self._fresh(crawl, found) if depth > 0 else []

    def _fresh(self, crawl: _Crawl, links: Iterable[str]) -> list[str]:
        return sorted({url for url in links if crawl.inside(url) and url not in crawl.seen})

    async def _reach(self, crawl: _Crawl, url: str) -> _Seen:
        """One page; one that cannot be had is left out, or stays as it was."""
        try:
            await self._pause(crawl, url)
            return await self._visit(crawl, url)
        except AskedToWait:
            raise
        except (PageGone, LoginNeeded, ForbiddenByRobots, AddressRefused):
            return _Seen(url)
        except (NotFetched, FileTooLarge):
            before = crawl.before.get(url, {})
            return _Seen(url, crawl.stored.get(str(before.get("page"))), before)
        except SourceRefused:  # a picture or a program under the name of a page
            return _Seen(url)

    async def _pause(self, crawl: _Crawl, url: str) -> None:
        rules = await self._permitted(crawl, url)
        asked = rules.crawl_delay(ROBOT)
        if asked:
            await asyncio.sleep(min(float(asked), self._settings.longest_delay_seconds))

    async def _permitted(self, crawl: _Crawl, url: str) -> Protego:
        """The rules for `url`, which they allow. Raises ForbiddenByRobots."""
        rules = await self._rules(crawl, url)
        if not rules.can_fetch(url, ROBOT):
            raise ForbiddenByRobots("The robots.txt does not let programs read this page.")
        return rules

    async def _rules(self, crawl: _Crawl, url: str) -> Protego:
        netloc = urlsplit(url).netloc
        if netloc not in crawl.rules:
            crawl.rules[netloc] = await self._web.rules(url)
        return crawl.rules[netloc]

    async def _visit(self, crawl: _Crawl, url: str) -> _Seen:
        before: Mapping[str, Any] = crawl.before.get(url, {})
        known = crawl.stored.get(str(before.get("page")))
        answer = await self._web.get(
            url,
            before if known else {},
            max_bytes=self._settings.site_page_bytes,
            permit=partial(self._permitted, crawl),
        )
        if answer is None:
            return await asyncio.to_thread(_look, crawl, url, known.url if known else url, known, before)
        reached = normal(answer.url) or url
        if answer.ending != ".html" or (reached != url and not crawl.inside(reached)):
            return _Seen(url)
        html = (await asyncio.to_thread(page_of, answer, url)).decode("utf-8-sig")
        page = _Page(reached, "", html)
        return await asyncio.to_thread(_look, crawl, url, reached, page, answer.validators)

    async def _listed(self, crawl: _Crawl, maps: list[str], *, must: bool) -> list[str]:
        """The pages that sitemaps name, those of an index too. `must` raises what is wrong with the first."""
        waiting = [url for url in maps if (urlsplit(url).hostname or "") in crawl.hosts]
        pages: list[str] = []
        for number in range(_SITEMAPS):
            if number >= len(waiting):
                break
            try:
                response = await self._web.ask(waiting[number], {}, max_bytes=_SITEMAP_BYTES)
            except (SourceRefused, AddressRefused):
                if must:
                    raise
                continue
            if must and response.status != 200:
                raise PageGone(f"The sitemap was answered with {response.status}.")
            if response.status == 200:
                entries, further = await asyncio.to_thread(_read_sitemap, response.body)
                pages.extend(url for url in entries if crawl.inside(url))
                waiting.extend(url for url in further if (urlsplit(url).hostname or "") in crawl.hosts)
        return pages


def _bare(host: str | None) -> str:
    """Sites send visitors from one of these to the other."""
    return (host or "").removeprefix("www.")


def _look(crawl: _Crawl, url: str, base: str, page: _Page | None, validators: State) -> _Seen:
    """A page under the address it calls its own, with its links."""
    if page is None:
        return _Seen(url)
    found = scan(page.html, base)
    own = found.canonical if found.canonical and crawl.inside(found.canonical) else base
    links = tuple(found.links) if found.followed else ()
    return _Seen(url, _Page(own, found.title, page.html), validators, links, found.indexed)


def _read_sitemap(body: bytes) -> tuple[list[str], list[str]]:
    """(pages, further sitemaps); nothing of what is no sitemap."""
    if body.startswith(b"\x1f\x8b"):
        body = _unpacked(body)
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        return [], []
    found = [
        absolute("", (entry.text or "")) for entry in root.iter() if entry.tag.rpartition("}")[2] == "loc"
    ]
    urls = [url for url in found if url]
    return ([], urls) if root.tag.rpartition("}")[2] == "sitemapindex" else (urls, [])


def _unpacked(body: bytes) -> bytes:
    """At most as much as a sitemap may have; what is longer or damaged is no sitemap."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(body, _SITEMAP_BYTES)
    except zlib.error:
        return b""
    return b"" if unpacker.unconsumed_tail else content


def _stored(content: bytes | None) -> dict[str, _Page]:
    """The pages of the file that `fetch` made last."""
    lines = (content or b"").splitlines()  # of bytes: a text has more line ends than JSON escapes
    pages = [_Page(**json.loads(line)) for line in lines if line.strip()]
    return {page.url: page for page in pages}
