"""One address: asked for politely and conditionally, and every way in which it is no page has a name."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agentflow.kit.addresses import AddressRefused
from agentflow.kit.egress import Egress
from knowledge.errors import (
    AskedToWait,
    FileTooLarge,
    ForbiddenByRobots,
    LoginNeeded,
    NotReached,
    PageFailed,
    PageGone,
    SourceRefused,
    UnsupportedType,
)
from knowledge.origins.base import Fetched, State, Wanted
from knowledge.origins.html import decode, lean, normal
from knowledge.origins.web import UrlOrigin, Web, wait_seconds
from tests.kit.test_egress import Names
from tests.knowledge.websites import Website, egress_for, fetching, page, serving


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with serving(Website()) as website:
        yield website


@pytest.fixture
async def origin() -> AsyncIterator[UrlOrigin]:
    settings = fetching()
    async with egress_for(settings) as egress:
        yield UrlOrigin(Web(egress, settings), settings)


async def fetch(origin: UrlOrigin, url: str, state: State | None = None) -> Fetched:
    return await origin.fetch(Wanted(url, state or {}))


async def test_that_an_unchanged_page_is_not_sent_again(site: Website, origin: UrlOrigin) -> None:
    site.put("/help", page("Help", "We are open on Monday."))
    first = await fetch(origin, f"{site.url}/help")
    assert first.content is not None
    assert b"open on Monday" in first.content
    assert first.filename == "help.html"
    again = await fetch(origin, f"{site.url}/help", first.state)
    assert again.content is None
    assert site.conditional == ["/help"]
    site.put("/help", page("Help", "We are open on Tuesday."))
    changed = await fetch(origin, f"{site.url}/help", again.state)
    assert b"Tuesday" in (changed.content or b"")


async def test_that_a_page_whose_scripts_alone_changed_is_unchanged(site: Website, origin: UrlOrigin) -> None:
    site.tagged = False
    site.put("/", page("Shop", "Text.", head="<script>let nonce = 1</script>"))
    first = await fetch(origin, f"{site.url}/")
    assert b"nonce" not in (first.content or b"nonce")
    site.put("/", page("Shop", "Text.", head="<script>let nonce = 2</script>"))
    assert (await fetch(origin, f"{site.url}/", first.state)).content is None


@pytest.mark.parametrize(
    ("path", "kind", "body", "ending"),
    [
        ("/price", "application/pdf", b"%PDF-1.7 x", ".pdf"),
        ("/wrong", "text/html", b"%PDF-1.7 x", ".pdf"),
        ("/list", "text/csv", b"a,b\n1,2\n", ".csv"),
        ("/raw/list.csv", "text/plain", b"a,b\n1,2\n", ".csv"),
        ("/file.xlsx", "application/octet-stream", b"PK\x03\x04", ".xlsx"),
        ("/terms", "text/plain; charset=utf-8", b"Terms.", ".txt"),
    ],
)
async def test_that_a_file_is_read_as_what_it_is(
    site: Website, origin: UrlOrigin, path: str, kind: str, body: bytes, ending: str
) -> None:
    site.put(path, body, kind=kind)
    found = await fetch(origin, site.url + path)
    assert found.filename.endswith(ending)
    assert found.content == body


def arrange(site: Website, case: str) -> None:
    site.put("/login", page("Log in", head="") + '<input type="password" name="p">')
    site.put("/picture", b"\x89PNG", kind="image/png")
    site.endless.add("/endless")
    site.redirect("/to-login", "/login")
    site.redirect("/to-private", "http://10.0.0.1/secret")
    site.redirect("/to-metadata", "http://169.254.169.254/latest/meta-data/")
    site.redirect("/loop", "/loop")
    for path, status in {"/gone": 410, "/forbidden": 403, "/secret": 401, "/broken": 500}.items():
        site.fail(path, status)
    site.fail("/busy", 429, Retry_After="120")
    site.fail("/closed", 503, Retry_After="7")
    assert case.startswith("/")


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/missing", PageGone),
        ("/gone", PageGone),
        ("/forbidden", LoginNeeded),
        ("/secret", LoginNeeded),
        ("/to-login", LoginNeeded),
        ("/broken", PageFailed),
        ("/loop", PageFailed),
        ("/busy", AskedToWait),
        ("/closed", AskedToWait),
        ("/picture", UnsupportedType),
        ("/endless", FileTooLarge),
        ("/to-private", AddressRefused),
        ("/to-metadata", AddressRefused),
    ],
)
async def test_that_what_is_no_page_is_refused_by_name(
    site: Website, origin: UrlOrigin, path: str, refusal: type[SourceRefused]
) -> None:
    arrange(site, path)
    with pytest.raises(refusal) as refused:
        await fetch(origin, site.url + path)
    assert refused.value.detail.endswith(".")
    if isinstance(refused.value, AskedToWait):
        assert refused.value.seconds == {"/busy": 120, "/closed": 7}[path]


async def test_that_a_server_that_says_nothing_is_given_up() -> None:
    settings = fetching(answer_seconds=0.3)
    async with egress_for(settings) as egress, serving(Website()) as site:
        origin = UrlOrigin(Web(egress, settings), settings)
        url = site.url
        site.endless.add("/slow")
        started = time.monotonic()
        with pytest.raises((NotReached, FileTooLarge)):
            await fetch(origin, f"{url}/slow")
        assert time.monotonic() - started < 3
    with pytest.raises((NotReached, RuntimeError)):
        async with egress_for(settings) as egress:
            await fetch(UrlOrigin(Web(egress, settings), settings), f"{url}/")


async def test_that_a_name_that_moves_to_a_private_address_is_refused() -> None:
    settings = fetching(allow=())
    egress = Egress(settings, resolver=Names(["93.184.216.34"], ["127.0.0.1"]))
    await egress.check("http://shop.example/")  # when it was added
    with pytest.raises(AddressRefused):
        await fetch(UrlOrigin(Web(egress, settings), settings), "http://shop.example/")
    await egress.close()


async def test_that_robots_txt_is_obeyed(site: Website, origin: UrlOrigin) -> None:
    site.put("/robots.txt", "User-agent: AgentFlow\nDisallow: /private/*\n", kind="text/plain")
    site.put("/private/a", page("A", "Text."))
    site.put("/open", page("Open", "Text."))
    with pytest.raises(ForbiddenByRobots):
        await fetch(origin, f"{site.url}/private/a")
    assert site.asked == ["/robots.txt"]
    assert (await fetch(origin, f"{site.url}/open")).content
    site.fail("/robots.txt", 500)
    with pytest.raises(PageFailed):  # nobody knows what it allows
        await fetch(origin, f"{site.url}/open")


async def test_that_the_target_of_a_redirect_has_rules_of_its_own(site: Website, origin: UrlOrigin) -> None:
    async with serving(Website()) as other:
        other.put("/robots.txt", "User-agent: *\nDisallow: /private/\n", kind="text/plain")
        other.put("/private/a", page("A", "Text."))
        other.put("/open", page("Open", "Text."))
        site.redirect("/a", "/b")
        site.redirect("/b", f"{other.url}/private/a")
        site.redirect("/c", f"{other.url}/open")
        with pytest.raises(ForbiddenByRobots):
            await fetch(origin, f"{site.url}/a")
        assert other.asked == ["/robots.txt"]
        assert (await fetch(origin, f"{site.url}/c")).content
        site.redirect("/nowhere", "http://[broken")
        with pytest.raises((PageFailed, AddressRefused)):
            await fetch(origin, f"{site.url}/nowhere")


def test_that_text_is_decoded_as_browsers_do() -> None:
    said = '<meta charset="windows-1251"><p>Цена</p>'
    assert "Цена" in decode(said.encode("cp1251"), None)
    assert decode("Größe".encode("latin-1"), "iso-8859-1") == "Größe"
    assert decode("Größe".encode(), None) == "Größe"
    assert decode("Größe".encode("cp1252"), None) == "Größe"
    assert decode("é".encode("utf-16"), None) == "é"
    assert decode(b"x", "no-such-charset") == "x"
    assert decode(b"x", "base64") == "x"


def test_that_only_what_is_never_text_is_left_out() -> None:
    html = '<STYLE nonce="4f">a</STYLE><svgs>b</svgs><svg>c</svg><!-- c --><script>d</script>e<script>f'
    assert lean(html) == b"<STYLE>a</STYLE><svgs>b</svgs>e<script>f"


def test_that_a_million_open_scripts_cost_no_time() -> None:
    started = time.process_time()
    lean("<script" * 300_000 + "<!--" * 300_000)
    assert time.process_time() - started < 3


def test_that_one_page_has_one_spelling() -> None:
    assert normal("HTTP://Shop.Example:80#top") == "http://shop.example/"
    assert normal("https://shop.example:8443/a?b=c#d") == "https://shop.example:8443/a?b=c"
    assert normal("mailto:a@b.c") is None


def test_that_the_wait_is_read_in_both_spellings_and_bounded() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 <= wait_seconds(later) <= 100
    assert wait_seconds("30") == 30
    assert wait_seconds("99999999") == 24 * 3600
    assert wait_seconds("soon") == wait_seconds(None) == 60
