"""A whole site: what belongs to it, how it is walked, and what a second walk costs."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator

import pytest

from agentflow.kit.egress import Egress
from knowledge.errors import AskedToWait, FileTooLarge, NothingFound, PageGone, TooSlow
from knowledge.origins.base import Fetched, SiteLimits, Wanted
from knowledge.origins.site import SiteOrigin
from knowledge.origins.web import Web
from tests.kit.test_egress import Names
from tests.knowledge.websites import Website, egress_for, fetching, page, serving


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with serving(Website()) as website:
        yield website


@pytest.fixture
async def origin() -> AsyncIterator[SiteOrigin]:
    settings = fetching()
    async with egress_for(settings) as egress:
        yield SiteOrigin(Web(egress, settings), settings)


async def walk(
    origin: SiteOrigin, url: str, limits: SiteLimits | None = None, last: Fetched | None = None
) -> Fetched:
    async def previous() -> bytes | None:
        return last.content if last else None

    state = last.state if last else {}
    return await origin.fetch(Wanted(url, state, site=limits or SiteLimits(50, 3), previous=previous))


def pages_of(found: Fetched) -> dict[str, str]:
    """Title by path."""
    lines = (found.content or b"").splitlines()
    return {"/" + one["url"].split("/", 3)[3]: one["title"] for one in map(json.loads, lines)}


def small_site(site: Website) -> None:
    site.put("/", page("Home", "Welcome.", links=("/help", "/shop/", "https://other.example/", "#top")))
    site.put("/help", page("Help", "Ask us.", links=("/", "/deep", "/picture.png")))
    site.put("/shop/", page("Shop", "Buy.", links=("/shop/chairs?colour=red",)))
    site.put("/shop/chairs", page("Chairs", "Sit."))
    site.put("/deep", page("Deep", "Below.", links=("/deeper",)))
    site.put("/deeper", page("Deeper", "At the bottom."))


async def test_that_links_are_followed_to_the_depth(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    found = await walk(origin, site.url, SiteLimits(50, 2))
    assert pages_of(found) == {
        "/": "Home",
        "/help": "Help",
        "/shop/": "Shop",
        "/deep": "Deep",
        "/shop/chairs?colour=red": "Chairs",
    }
    assert found.filename == "pages.site"
    assert "/picture.png" not in site.asked
    assert pages_of(await walk(origin, site.url, SiteLimits(50, 0))) == {"/": "Home"}


async def test_that_no_more_pages_than_the_limit_are_taken(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    assert len(pages_of(await walk(origin, site.url, SiteLimits(3, 9)))) == 3


async def test_that_only_what_lies_below_the_address_belongs_to_it(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    site.put("/shop/", page("Shop", "Buy.", links=("/shop/chairs", "/help")))
    assert pages_of(await walk(origin, f"{site.url}/shop/")) == {"/shop/": "Shop", "/shop/chairs": "Chairs"}


async def test_that_a_sitemap_is_taken_instead_of_links(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    entry = "<url><loc>{}</loc></url>".format
    further = f"<urlset>{entry(site.url + '/deeper')}{entry('https://other.example/x')}</urlset>"
    site.put("/maps/b.xml.gz", gzip.compress(further.encode()), kind="application/gzip")
    site.put(
        "/index.xml",
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        f"<sitemap><loc>{site.url}/maps/b.xml.gz</loc></sitemap></sitemapindex>",
        kind="application/xml",
    )
    site.put("/robots.txt", f"Sitemap: {site.url}/index.xml\n", kind="text/plain")
    assert pages_of(await walk(origin, site.url)) == {"/": "Home", "/deeper": "Deeper"}
    assert pages_of(await walk(origin, f"{site.url}/index.xml")) == {"/deeper": "Deeper"}
    with pytest.raises(PageGone):
        await walk(origin, f"{site.url}/none.xml")


async def test_that_a_sitemap_with_entities_is_no_sitemap(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    bomb = '<!DOCTYPE a [<!ENTITY b "bb">]><urlset><url><loc>&b;</loc></url></urlset>'
    site.put("/sitemap.xml", bomb, kind="application/xml")
    assert "/help" in pages_of(await walk(origin, site.url))


async def test_that_one_page_under_many_addresses_is_one(site: Website, origin: SiteOrigin) -> None:
    canonical = f'<link rel="canonical" href="{site.url}/a">'
    site.put("/", page("Home", "Welcome.", links=("/a", "/a?from=mail", "/copy", "/moved")))
    site.put("/a", page("A", "One page.", head=canonical))
    site.put("/copy", page("A", "One page.", head=canonical))
    site.redirect("/moved", "/a")
    assert pages_of(await walk(origin, site.url)) == {"/": "Home", "/a": "A"}


async def test_that_robots_and_their_pauses_are_respected(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    rules = "User-agent: *\nDisallow: /help\nCrawl-delay: 3600\n"
    site.put("/robots.txt", rules, kind="text/plain")
    site.put("/shop/chairs", page("Chairs", "Sit.", head='<meta name="robots" content="noindex">'))
    started = time.monotonic()
    assert pages_of(await walk(origin, site.url)) == {"/": "Home", "/shop/": "Shop"}
    assert 0.1 <= time.monotonic() - started < 10
    assert "/help" not in site.asked


async def test_that_a_second_walk_sends_nothing_again(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    first = await walk(origin, site.url)
    again = await walk(origin, site.url, last=first)
    assert again.content is None
    assert sorted(site.conditional) == ["/", "/deep", "/deeper", "/help", "/shop/", "/shop/chairs"]


async def test_that_a_page_that_went_is_left_out_and_a_broken_one_stays(
    site: Website, origin: SiteOrigin
) -> None:
    small_site(site)
    first = await walk(origin, site.url)
    del site.pages["/deep"]
    site.fail("/shop/", 500)
    site.put("/help", page("Help", "Ask us anything."))
    second = await walk(origin, site.url, last=first)
    assert pages_of(second) == {"/": "Home", "/help": "Help", "/shop/": "Shop"}
    assert b"Ask us anything." in (second.content or b"")


async def test_that_a_site_that_wants_a_pause_gets_it(site: Website, origin: SiteOrigin) -> None:
    small_site(site)
    site.fail("/help", 429, Retry_After="90")
    with pytest.raises(AskedToWait) as asked:
        await walk(origin, site.url)
    assert asked.value.seconds == 90


async def test_that_a_site_without_a_page_or_without_an_end_is_refused(site: Website) -> None:
    settings = fetching(site_seconds=0.5, longest_delay_seconds=0.4)
    async with egress_for(settings) as egress:
        origin = SiteOrigin(Web(egress, settings), settings)
        site.put("/", page("Home", "x", head='<meta name="robots" content="none">', links=("/a",)))
        with pytest.raises(NothingFound):
            await walk(origin, site.url)
        site.put("/robots.txt", "User-agent: *\nCrawl-delay: 9\n", kind="text/plain")
        for number in range(9):
            site.put(f"/{number}", page(str(number), "x", links=(f"/{number + 1}",)))
        with pytest.raises(TooSlow):
            await walk(origin, f"{site.url}/0", SiteLimits(50, 20))


async def test_that_a_site_is_no_larger_than_a_file_may_be(site: Website, origin: SiteOrigin) -> None:
    site.put("/", page("Home", "x" * 150_000, links=("/b",)))
    site.put("/b", page("B", "y" * 150_000))
    with pytest.raises(FileTooLarge):
        await walk(origin, site.url)


async def test_that_a_site_may_send_visitors_to_its_name_with_www() -> None:
    settings = fetching()
    egress = Egress(settings, resolver=Names(["127.0.0.1"]))
    async with serving(Website()) as site:
        bare = site.url.replace("127.0.0.1", "shop.example")
        whole = bare.replace("shop.example", "www.shop.example")
        site.redirect("/help/", f"{whole}/help/start")
        site.put("/help/start", page("Start", "Begin.", links=(f"{whole}/help/more", f"{whole}/other")))
        site.put("/help/more", page("More", "Go on."))
        site.put("/other", page("Other", "Not below the address."))
        origin = SiteOrigin(Web(egress, settings), settings)
        found = await origin.fetch(Wanted(f"{bare}/help/", site=SiteLimits(pages=10, depth=3)))
    await egress.close()
    titles = [json.loads(line)["title"] for line in (found.content or b"").splitlines()]
    assert titles == ["More", "Start"]
