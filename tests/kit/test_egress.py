"""The one HTTP client against real servers on this machine."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from agentflow.kit.addresses import AddressRefused
from agentflow.kit.db import Database
from agentflow.kit.egress import AnswerTooLarge, CallFailed, CallTimedOut, Egress
from agentflow.kit.settings import EgressSettings, Settings

Serve = Callable[[web.Application], Awaitable[str]]
CAPS = EgressSettings(timeout_seconds=3.0, max_bytes=100_000)


class Names(AbstractResolver):
    """A resolver whose answers are given; each question is counted."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(app: web.Application) -> str:
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def make_egress() -> AsyncIterator[Callable[..., Egress]]:
    made: list[Egress] = []

    def make(*allow: str, names: AbstractResolver | None = None, caps: EgressSettings = CAPS) -> Egress:
        settings = Settings.model_validate({"egress_allow": allow, "egress": caps})
        made.append(Egress(settings, resolver=names))
        return made[-1]

    yield make
    for egress in made:
        await egress.close()


def app_with(path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_route("*", path, handler)
    return app


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode(),
        }
    )


def redirect_to(url: str, status: int = 302) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": url})

    return answer


async def test_that_a_listed_address_is_called_and_others_are_not(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    url = await serve(app_with("/", echo))
    answer = await make_egress("127.0.0.0/8").request("POST", f"{url}/", json={"a": 1})
    assert answer.status == 200
    told = answer.json()
    assert isinstance(told, dict)
    assert (told["method"], told["body"], told["headers"]["content-type"]) == (
        "POST",
        '{"a": 1}',
        "application/json",
    )
    with pytest.raises(AddressRefused):
        await make_egress().request("GET", f"{url}/")
    assert (await make_egress().request("GET", f"{url}/", trusted=True)).status == 200


async def test_that_a_name_that_leads_inside_is_refused_unless_it_is_listed(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    port = (await serve(app_with("/", echo))).rpartition(":")[2]
    for answers in (
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["::1"],
        ["fe80::1%2"],
        ["::ffff:127.0.0.1"],
    ):
        with pytest.raises(AddressRefused):
            await make_egress(names=Names(answers)).request("GET", f"http://shop.example:{port}/")
        with pytest.raises(AddressRefused):
            await make_egress(names=Names(answers)).check(f"http://shop.example:{port}/")
    with pytest.raises(AddressRefused):
        await make_egress().request("GET", f"http://localhost:{port}/")
    listed = make_egress("shop.example", names=Names(["127.0.0.1"]))
    assert (await listed.request("GET", f"http://shop.example:{port}/")).status == 200
    assert await listed.resolve(f"http://shop.example:{port}/") == "127.0.0.1"
    assert await listed.resolve("https://[2606:4700::1111]/") == "2606:4700::1111"


async def test_that_a_name_is_resolved_once_and_a_second_answer_is_never_used(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    async def only_once(request: web.Request) -> web.Response:
        return web.Response(text="inside", headers={"Connection": "close"})

    port = (await serve(app_with("/", only_once))).rpartition(":")[2]
    # The address that was checked is the address that is called ...
    names = Names(["127.0.0.9"], ["127.0.0.1"])
    egress = make_egress("127.0.0.9", names=names)
    with pytest.raises(CallFailed) as failed:
        await egress.request("GET", f"http://rebind.example:{port}/")
    assert names.asked == 1
    assert failed.value.sent is False
    # ... and at the next call the new answer is checked again.
    with pytest.raises(AddressRefused):
        await egress.request("GET", f"http://rebind.example:{port}/")
    assert names.asked == 2


async def test_that_redirects_are_followed_three_times_and_checked_each_time(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    url = await serve(app_with("/", echo))
    app = app_with("/0", redirect_to("/1"))
    for step in (1, 2, 3):
        app.router.add_route("*", f"/{step}", redirect_to(f"/{step + 1}"))
    app.router.add_get("/inside", redirect_to("http://169.254.169.254/latest/meta-data/"))
    app.router.add_get("/octal", redirect_to("http://0177.0.0.1/"))
    app.router.add_get("/file", redirect_to("file:///etc/passwd"))
    app.router.add_get("/away", redirect_to(f"{url.replace('127.0.0.1', '127.0.0.2')}/"))
    start = await serve(app)
    egress = make_egress("127.0.0.1")
    assert (await egress.request("GET", f"{start}/1")).url == f"{start}/4"
    assert (await egress.request("GET", f"{start}/0")).headers["location"] == "/4"
    assert (await egress.request("GET", f"{start}/0", max_redirects=0)).headers["location"] == "/1"
    for path in ("inside", "octal", "file", "away"):
        with pytest.raises(AddressRefused):
            await egress.request("GET", f"{start}/{path}")
    # Trust in one address does not go on to where it points.
    with pytest.raises(AddressRefused):
        await make_egress().request("GET", f"{start}/away", trusted=True)


async def test_that_a_redirect_to_another_site_gets_no_credentials_and_no_body(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    other = await serve(app_with("/", echo))
    app = app_with("/302", redirect_to(f"{other}/"))
    app.router.add_route("*", "/307", redirect_to(f"{other}/", status=307))
    app.router.add_route("*", "/home", redirect_to("/end", status=307))
    app.router.add_route("*", "/end", echo)
    start = await serve(app)
    egress = make_egress("127.0.0.1")
    headers = {
        "Authorization": "Bearer secret",
        "X-Api-Key": "secret",
        "Cookie": "a=b",
        "Accept": "text/html",
    }
    told = (await egress.request("POST", f"{start}/302", headers=headers, body=b"secret")).json()
    assert isinstance(told, dict)
    assert told["method"] == "GET"
    assert told["headers"]["accept"] == "text/html"
    assert "secret" not in str(told)
    assert "cookie" not in told["headers"]
    with pytest.raises(AddressRefused):
        await egress.request("POST", f"{start}/307", body=b"secret")
    same = (await egress.request("POST", f"{start}/home", headers=headers, body=b"text")).json()
    assert isinstance(same, dict)
    assert (same["method"], same["body"], same["headers"]["x-api-key"]) == ("POST", "text", "secret")


async def test_that_an_endless_or_exploding_answer_is_cut_off(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    sent = [0]

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)
            sent[0] += 10_000
            await asyncio.sleep(0)

    async def exploding(_request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"})

    app = app_with("/endless", endless)
    app.router.add_get("/exploding", exploding)
    url = await serve(app)
    egress = make_egress("127.0.0.1")
    for path in ("endless", "exploding"):
        with pytest.raises(AnswerTooLarge) as refused:
            await egress.request("GET", f"{url}/{path}")
        assert refused.value.members == {"limit": 100_000}
    assert sent[0] < 50_000_000


async def test_that_a_body_at_the_cap_passes_and_arrives_in_blocks(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    async def exact(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 100_000)

    url = await serve(app_with("/", exact))
    egress = make_egress("127.0.0.1")
    assert len((await egress.request("GET", f"{url}/")).body) == 100_000
    async with egress.stream("GET", f"{url}/") as answer:
        sizes = [len(block) async for block in answer.blocks]
    assert sum(sizes) == 100_000
    assert len(sizes) > 1
    with pytest.raises(AnswerTooLarge):
        await egress.request("GET", f"{url}/", max_bytes=99_999)


async def test_that_a_slow_answer_ends_in_time_and_counts_as_sent(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    app = app_with("/drip", drip)
    app.router.add_get("/silent", silent)
    url = await serve(app)
    egress = make_egress("127.0.0.1")
    for path in ("drip", "silent"):
        with pytest.raises(CallTimedOut) as slow:
            await egress.request("GET", f"{url}/{path}", timeout_seconds=0.3)
        assert slow.value.sent is True


async def test_that_a_closed_port_counts_as_not_sent(make_egress: Callable[..., Egress]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(CallFailed) as failed:
            await make_egress("127.0.0.1").request("GET", f"http://127.0.0.1:{port}/")
    assert failed.value.sent is False
    with pytest.raises(CallFailed):
        await make_egress().check("http://no-such-name.invalid/")


async def test_that_errors_of_the_reader_keep_their_name(
    serve: Serve, make_egress: Callable[..., Egress]
) -> None:
    url = await serve(app_with("/", echo))

    async def read_and_fail(error: Exception) -> None:
        async with make_egress("127.0.0.1").stream("GET", f"{url}/"):
            raise error

    for error in (TimeoutError("mine"), OSError("mine"), KeyError("mine")):
        with pytest.raises(type(error), match="mine"):
            await read_and_fail(error)


async def test_that_no_call_is_made_while_a_transaction_is_open(
    db: Database, make_egress: Callable[..., Egress]
) -> None:
    egress = make_egress("127.0.0.1")
    async with db.read():
        with pytest.raises(RuntimeError, match="transaction"):
            await egress.request("GET", "http://127.0.0.1/")
