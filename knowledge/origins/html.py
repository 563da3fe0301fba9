"""What a crawler must know of a page, by the standard library's parser: links, and who may read it.

The text of a page is read elsewhere, by a reader in its own process.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit, urlunsplit

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_HEAD = 4096
# Never text, often new with each answer. Style sheets stay: they say what is hidden.
_DROPPED = (b"script", b"svg", b"template")
_NONCE = re.compile(rb"\snonce=(?:\"[^\"<>]*\"|'[^'<>]*')", re.IGNORECASE)


@dataclass
class Scan:
    """What was found in a page; addresses are absolute and without a fragment."""

    title: str = ""
    canonical: str | None = None
    links: list[str] = field(default_factory=list)
    asks_password: bool = False
    indexed: bool = True
    followed: bool = True


class _Scanner(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Scan()
        self._base = url
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "title":
            self._in_title = not self.found.title
        elif tag == "base" and values.get("href"):
            self._base = absolute(self._base, values["href"]) or self._base
        elif tag == "a" and "nofollow" not in values.get("rel", "").lower():
            link = absolute(self._base, values.get("href", ""))
            if link:
                self.found.links.append(link)
        elif tag == "link" and values.get("rel", "").lower() == "canonical":
            self.found.canonical = absolute(self._base, values.get("href", ""))
        elif tag == "input" and values.get("type", "").lower() == "password":
            self.found.asks_password = True
        elif tag == "meta" and values.get("name", "").lower() in ("robots", "agentflow"):
            wishes = {wish.strip() for wish in values.get("content", "").lower().split(",")}
            self.found.indexed &= not wishes & {"noindex", "none"}
            self.found.followed &= not wishes & {"nofollow", "none"}

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.found.title = (self.found.title + data)[:500]


def scan(html: str, url: str) -> Scan:
    """Look through a page that came from `url`."""
    scanner = _Scanner(url)
    scanner.feed(html)
    scanner.close()
    scanner.found.title = " ".join(scanner.found.title.split())
    return scanner.found


def absolute(base: str, link: str) -> str | None:
    """The address a link leads to, normalised; None when it is no web page's."""
    try:
        return normal(urljoin(base, link.strip()))
    except ValueError:
        return None


def normal(url: str) -> str | None:
    """One spelling for one page: no fragment, lower-case host, no default port, a path."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    port = parts.port
    usual = port is None or port == (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if usual else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))


def decode(body: bytes, charset: str | None) -> str:
    """The page as text: by its byte-order mark, the server's word, the page's own word, or as UTF-8."""
    if body.startswith(codecs.BOM_UTF8):
        return body.decode("utf-8-sig", "replace")
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    said = _CHARSET.search(body[:_HEAD])
    for name in (charset, said.group(1).decode("ascii") if said else None):
        encoding = _encoding(name)
        if encoding:
            return body.decode(encoding, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _encoding(name: str | None) -> str | None:
    """Python's name for a charset, with what browsers take the old Western names for."""
    if not name:
        return None
    if name.lower() in ("iso-8859-1", "latin1", "us-ascii", "ascii"):
        return "cp1252"
    try:
        found = codecs.lookup(name)
    except LookupError:
        return None
    return found.name if found._is_text_encoding else None


def lean(html: str) -> bytes:
    """The page as UTF-8 without scripts and drawings: smaller, and equal when the page is."""
    body = _NONCE.sub(b"", html.encode("utf-8", "replace"))
    for name in _DROPPED:
        body = _without(body, b"<" + name, b"</" + name)
    return _without(body, b"<!--", b"-->")


def _without(body: bytes, opening: bytes, closing: bytes) -> bytes:
    """Drop each element from its first mark to the end of its last; one that is never closed stays."""
    low = body.lower()
    kept: list[bytes] = []
    place = 0
    while True:
        start = low.find(opening, place)
        after = low[start + len(opening) : start + len(opening) + 1]
        while start >= 0 and opening != b"<!--" and after.isalnum():  # <styled-box> is no <style>
            start = low.find(opening, start + 1)
            after = low[start + len(opening) : start + len(opening) + 1]
        end = low.find(closing, start + len(opening)) if start >= 0 else -1
        end = low.find(b">", end) if end >= 0 else -1
        if end < 0:
            return b"".join([*kept, body[place:]])
        kept.append(body[place:start])
        place = end + 1
