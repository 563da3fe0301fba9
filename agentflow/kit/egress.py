"""The one HTTP client for addresses that others choose, and for every channel's sends.

A name is resolved once, the answer is checked, and the connection goes to that answer. Redirects are followed
by hand, each checked like the first address. Size and time are capped.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json as json_format
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from agentflow.kit.addresses import AddressPolicy, AddressRefused
from agentflow.kit.db import refuse_inside_transaction
from agentflow.kit.errors import TooLarge, Unavailable
from agentflow.kit.settings import Settings

_BLOCK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What another origin may see of our request after a redirect; a credential may hide in any other header.
_HARMLESS = frozenset({"accept", "accept-language", "range", "if-none-match", "if-modified-since"})


class CallFailed(Unavailable):
    """The other side could not be reached or broke off. `sent`: the request may have arrived there."""

    code = "call_failed"

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class CallTimedOut(CallFailed):
    """The other side was too slow."""

    code = "call_timed_out"


class AnswerTooLarge(TooLarge):
    """The answer has more bytes than the cap, counted after decompression."""

    code = "answer_too_large"


@dataclass(frozen=True)
class Response:
    """A whole answer. Header names are in lower case; `url` is where it came from after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> object:
        """The body as JSON. Raises ValueError."""
        parsed: object = json_format.loads(self.body)
        return parsed


@dataclass(frozen=True)
class StreamedResponse:
    """An answer whose body arrives in blocks."""

    status: int
    headers: Mapping[str, str]
    url: str
    blocks: AsyncIterator[bytes]


@dataclass
class _Call:
    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    trusted: bool
    redirects_left: int
    progress: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(sent=False))


class Egress:
    """One per process; `close` it at the end."""

    def __init__(self, settings: Settings, *, resolver: AbstractResolver | None = None) -> None:
        self._settings = settings.egress
        self._policy = AddressPolicy(settings.egress_allow)
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: object = None,
        timeout_seconds: float | None = None,
        max_bytes: int | None = None,
        max_redirects: int | None = None,
        trusted: bool = False,
    ) -> Response:
        """Send one request and read the whole answer, whatever its status.

        `trusted` is for addresses that the operator set. A send uses `max_redirects=0`: exactly one request.
        Raises AddressRefused, AnswerTooLarge, CallTimedOut or CallFailed.
        """
        async with self.stream(
            method,
            url,
            headers=headers,
            body=body,
            json=json,
            timeout_seconds=timeout_seconds,
            max_bytes=max_bytes,
            max_redirects=max_redirects,
            trusted=trusted,
        ) as answer:
            whole = b"".join([block async for block in answer.blocks])
            return Response(answer.status, answer.headers, whole, answer.url)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: object = None,
        timeout_seconds: float | None = None,
        max_bytes: int | None = None,
        max_redirects: int | None = None,
        trusted: bool = False,
    ) -> AsyncIterator[StreamedResponse]:
        """Like `request`, but the body is read while the context is open; the time cap holds for all that."""
        refuse_inside_transaction("an HTTP call")
        call = _Call(
            method,
            self._policy.check_url(url, trusted=trusted),
            dict(headers or {}),
            body,
            trusted,
            self._settings.max_redirects if max_redirects is None else max_redirects,
        )
        if json is not None:
            call.body = json_format.dumps(json).encode()
            call.headers.setdefault("Content-Type", "application/json")
        try:
            async with asyncio.timeout(timeout_seconds or self._settings.timeout_seconds) as limit:
                with _named_failures(call):
                    answer = await self._follow(call)
                try:
                    blocks = _capped(call, answer, max_bytes or self._settings.max_bytes)
                    found = {name.lower(): value for name, value in answer.headers.items()}
                    yield StreamedResponse(answer.status, found, str(answer.url), blocks)
                finally:
                    answer.close()
        except TimeoutError as slow:
            if not limit.expired():
                raise
            raise CallTimedOut(f"{call.url.host} did not answer in time.", sent=call.progress.sent) from slow

    async def check(self, url: str) -> None:
        """Raises AddressRefused when `url` may not be called now; CallFailed when its name is unknown."""
        await self.resolve(url)

    async def resolve(self, url: str) -> str:
        """The IP address to call for `url`, for a client that makes its own connection there.

        Raises AddressRefused and CallFailed.
        """
        refuse_inside_transaction("a name lookup")
        parsed = self._policy.check_url(url)
        host = parsed.raw_host or ""
        if _is_literal(host):
            return host
        resolver = _CheckedResolver(self._resolver or aiohttp.ThreadedResolver(), self._policy)
        try:
            found = await resolver.resolve(host, parsed.port or 0, socket.AF_UNSPEC)
        except OSError as unknown:
            raise CallFailed(f"The name {parsed.host} is unknown.", sent=False) from unknown
        return found[0]["host"]

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _follow(self, call: _Call) -> aiohttp.ClientResponse:
        while True:
            answer = await self._session(call.trusted).request(
                call.method,
                call.url,
                headers=call.headers,
                data=call.body,
                allow_redirects=False,
                trace_request_ctx=call.progress,
            )
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or target is None or call.redirects_left == 0:
                return answer
            answer.close()
            self._redirect(call, answer.status, target)

    def _redirect(self, call: _Call, status: int, target: str) -> None:
        before = call.url
        try:
            call.url = self._policy.check_url(str(before.join(URL(target))), trusted=call.trusted)
        except ValueError as wrong:
            raise AddressRefused("The redirect cannot be read as a URL.") from wrong
        call.redirects_left -= 1
        if status == 303 or (status in (301, 302) and call.method == "POST"):
            call.method, call.body = "GET", None
            call.headers = {k: v for k, v in call.headers.items() if not k.lower().startswith("content-")}
        if call.url.origin() != before.origin():
            if call.body is not None:
                raise AddressRefused("A redirect must not carry what we send to another site.")
            call.headers = {k: v for k, v in call.headers.items() if k.lower() in _HARMLESS}
            # What the operator trusts is one address, not what that address names.
            call.trusted = False
            self._policy.check_url(str(call.url))

    def _session(self, trusted: bool) -> aiohttp.ClientSession:
        if trusted not in self._sessions:
            resolver = self._resolver or aiohttp.ThreadedResolver()
            connector = aiohttp.TCPConnector(
                resolver=resolver if trusted else _CheckedResolver(resolver, self._policy),
                use_dns_cache=False,
            )
            progress = aiohttp.TraceConfig()
            progress.on_request_headers_sent.append(_note_sent)
            self._sessions[trusted] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "AgentFlow"},
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[progress],
            )
        return self._sessions[trusted]


async def _note_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _headers: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.sent = True


@contextmanager
def _named_failures(call: _Call) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise  # the caller knows whether it is ours
    except (aiohttp.ClientError, OSError) as broken:
        raise CallFailed(f"{call.url.host} could not be reached.", sent=call.progress.sent) from broken


async def _capped(call: _Call, answer: aiohttp.ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    while True:
        with _named_failures(call):
            block = await answer.content.read(_BLOCK)
        if not block:
            return
        size += len(block)
        if size > max_bytes:
            raise AnswerTooLarge(f"The answer has more than {max_bytes} bytes.", limit=max_bytes)
        yield block


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _CheckedResolver(AbstractResolver):
    """Resolves a name and lets it pass only if every one of its addresses may be called."""

    def __init__(self, inner: AbstractResolver, policy: AddressPolicy) -> None:
        self._inner = inner
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises AddressRefused when one address may not be called."""
        found = await self._inner.resolve(host, port, family)
        if not self._policy.allows_host(host):
            for result in found:
                self._policy.check_address(ipaddress.ip_address(result["host"].partition("%")[0]))
        return found

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._inner.close()
