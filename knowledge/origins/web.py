"""One page or file by its address: asked for politely, conditionally and within caps."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

from protego import Protego

from agentflow.kit.egress import AnswerTooLarge, CallFailed, CallTimedOut, Egress, Response
from agentflow.kit.settings import Settings
from knowledge.errors import (
    AskedToWait,
    FileTooLarge,
    ForbiddenByRobots,
    LoginNeeded,
    NotReached,
    PageFailed,
    PageGone,
    UnsupportedType,
)
from knowledge.limits import READABLE
from knowledge.origins.base import Fetched, State, Wanted
from knowledge.origins.html import decode, lean, scan

Permit = Callable[[str], Awaitable[object]]  # raises when an address may not be read

ROBOT = "AgentFlow"
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_ROBOTS_BYTES = 512 * 1024
_WAIT_SECONDS, _LONGEST_WAIT = 60, 24 * 3600
_ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,*/*;q=0.5"
_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-excel.sheet.macroenabled.12": ".xlsm",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": ".xlsb",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
}
# Said of any file by servers that do not know its type; then the name decides.
_VAGUE = ("", "application/octet-stream", "binary/octet-stream", "text/plain")


@dataclass(frozen=True)
class Answer:
    """A page that came. `validators` make the next request conditional."""

    url: str
    ending: str
    body: bytes
    charset: str | None
    validators: State


class Web:
    """Asks web servers for pages; robots.txt is read once for each call of `visit`."""

    def __init__(self, egress: Egress, settings: Settings) -> None:
        self._egress = egress
        self._settings = settings

    async def get(self, url: str, validators: State, *, max_bytes: int, permit: Permit) -> Answer | None:
        """None when the page is what it was; `permit` is asked before each address it redirects to.

        Raises AddressRefused or an error of knowledge.errors.
        """
        headers = {"Accept": _ACCEPT}
        if validators.get("etag"):
            headers["If-None-Match"] = str(validators["etag"])
        if validators.get("last_modified"):
            headers["If-Modified-Since"] = str(validators["last_modified"])
        response = await self._follow(url, headers, max_bytes, permit)
        if response.status == 304 and len(headers) > 1:
            return None
        check_status(response, url)
        said = Message()
        said["Content-Type"] = response.headers.get("content-type", "")
        kept = {"etag": response.headers.get("etag"), "last_modified": response.headers.get("last-modified")}
        return Answer(
            response.url,
            _ending(response, said.get_content_type() if said["Content-Type"] else ""),
            response.body,
            said.get_content_charset(),
            {name: value for name, value in kept.items() if value},
        )

    async def _follow(self, url: str, headers: Mapping[str, str], max_bytes: int, permit: Permit) -> Response:
        response = await self.ask(url, headers, max_bytes=max_bytes, max_redirects=0)
        for _ in range(_REDIRECTS):
            target = response.headers.get("location")
            if response.status not in _MOVED or not target:
                break
            try:
                following = urljoin(response.url, target)
            except ValueError as wrong:
                raise PageFailed("The address redirects to something that is no address.") from wrong
            await permit(following)
            response = await self.ask(following, headers, max_bytes=max_bytes, max_redirects=0)
        return response

    async def ask(
        self, url: str, headers: Mapping[str, str], *, max_bytes: int, max_redirects: int = _REDIRECTS
    ) -> Response:
        """One request, whatever its status."""
        host = urlsplit(url).hostname
        seconds = self._settings.sync.answer_seconds
        try:
            return await self._egress.request(
                "GET",
                url,
                headers=headers,
                max_bytes=max_bytes,
                timeout_seconds=seconds,
                max_redirects=max_redirects,
            )
        except AnswerTooLarge as endless:
            raise FileTooLarge(
                f"{host} sent more than {max_bytes:,} bytes; that is the limit.", limit=max_bytes
            ) from endless
        except CallTimedOut as slow:
            raise NotReached(f"{host} gave no whole answer within {seconds:g} seconds.") from slow
        except CallFailed as broken:
            raise NotReached(broken.detail) from broken

    async def rules(self, url: str) -> Protego:
        """The robots.txt that holds for `url`. Raises PageFailed when the server cannot say (RFC 9309)."""
        parts = urlsplit(url)
        address = f"{parts.scheme}://{parts.netloc}/robots.txt"
        try:
            response = await self.ask(address, {}, max_bytes=_ROBOTS_BYTES)
        except FileTooLarge:
            response = Response(404, {}, b"", address)
        if response.status == 429 or response.status >= 500:
            check_status(response, address)
        text = response.body.decode("utf-8", "replace") if response.status == 200 else ""
        return Protego.parse(text)

    async def visit(self, url: str) -> Protego:
        """The rules for `url`, which they allow. Raises ForbiddenByRobots."""
        rules = await self.rules(url)
        if not rules.can_fetch(url, ROBOT):
            raise ForbiddenByRobots(
                f"The robots.txt of {urlsplit(url).hostname} does not let programs read this page."
            )
        return rules


class UrlOrigin:
    """A page, or whatever file stands at an address."""

    def __init__(self, web: Web, settings: Settings) -> None:
        self._web = web
        self._max_bytes = settings.ingest.max_bytes

    async def fetch(self, wanted: Wanted) -> Fetched:
        """The page without its scripts, or the file as it is."""
        await self._web.visit(wanted.location)
        before = wanted.state
        answer = await self._web.get(
            wanted.location, before, max_bytes=self._max_bytes, permit=self._web.visit
        )
        if answer is None:
            return Fetched(None, str(before["filename"]), before)
        body = answer.body
        if answer.ending == ".html":
            body = await asyncio.to_thread(page_of, answer, wanted.location)
        digest = hashlib.sha256(body).hexdigest()
        filename = _filename(answer)
        state = {**answer.validators, "sha256": digest, "filename": filename}
        return Fetched(None if before.get("sha256") == digest else body, filename, state)


def page_of(answer: Answer, asked: str) -> bytes:
    """What is stored of a page. Raises LoginNeeded when we were sent to a form that asks for a password."""
    html = decode(answer.body, answer.charset)
    if answer.url != asked and scan(html, answer.url).asks_password:
        raise LoginNeeded("The address leads to a page that asks for a password.")
    return b"\xef\xbb\xbf" + lean(html)


def check_status(response: Response, asked: str) -> None:
    """Name what is wrong with an answer that is no page."""
    host = urlsplit(asked).hostname
    status = response.status
    if 200 <= status < 300 and status not in (204, 205, 206):
        return
    if status in (401, 403):
        raise LoginNeeded(f"{host} answers {status}: the page is only shown to people who log in.")
    if status in (404, 410):
        raise PageGone(f"{host} answers {status}: there is no such page.")
    waiting = response.headers.get("retry-after")
    if status == 429 or (status == 503 and waiting):
        seconds = wait_seconds(waiting)
        raise AskedToWait(
            f"{host} answers {status}: it wants no request for {seconds} seconds.", seconds=seconds
        )
    if 300 <= status < 400:
        raise PageFailed(f"{host} redirects more than {_REDIRECTS} times.")
    raise PageFailed(f"{host} answers {status} instead of a page.", found=status)


def wait_seconds(said: str | None) -> int:
    """Retry-After in either spelling, at most a day."""
    seconds = float(_WAIT_SECONDS)
    if said and said.strip().isdigit():
        seconds = float(said)
    elif said:
        with contextlib.suppress(ValueError):
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
    return int(min(max(seconds, 1.0), _LONGEST_WAIT))


def _ending(response: Response, said: str) -> str:
    """How a file of this content would end. Raises UnsupportedType."""
    if response.body.startswith(b"%PDF-"):
        return ".pdf"
    named = PurePosixPath(urlsplit(response.url).path).suffix.lower()
    ending = _ENDINGS.get(said)
    if said in _VAGUE and named in READABLE:
        ending = named
    if ending is None or ending not in READABLE:
        raise UnsupportedType(
            f"The address leads to content of type {said or 'unknown'}; "
            "allowed are pages, PDF, Excel, CSV and text files.",
            found=said,
            allowed=sorted(READABLE),
        )
    return ending


def _filename(answer: Answer) -> str:
    """The last part of the address with the ending that suits the content."""
    stem = PurePosixPath(urlsplit(answer.url).path).stem[:100] or "page"
    return stem + answer.ending
