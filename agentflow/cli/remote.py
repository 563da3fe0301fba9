"""Commands that speak to a running server: upload files, and talk as a visitor would."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from agentflow.cli.ask import files_in
from agentflow.cli.words import complain, printable
from agentflow.kit.egress import Egress
from agentflow.kit.errors import AppError, BadRequest, Unavailable
from agentflow.kit.settings import Settings

POLL_SECONDS = 0.5
WAIT_SECONDS = 20
ANSWER_SECONDS = 60


class ServerRefused(BadRequest):
    """The server's own words for its refusal."""

    code = "server_refused"


class Remote:
    """A running server; its address is the operator's, so it may be private."""

    def __init__(self, egress: Egress, url: str, token: str | None) -> None:
        self._egress = egress
        self._url = url.rstrip("/")
        self.token = token

    async def ask(
        self, method: str, path: str, *, json: object = None, body: bytes | None = None, **headers: str
    ) -> dict[str, Any]:
        """One request; a refusal is raised with the server's words."""
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            answer = await self._egress.request(
                method,
                f"{self._url}{path}",
                headers={name.replace("_", "-"): value for name, value in headers.items()},
                json=json,
                body=body,
                timeout_seconds=60.0,
                trusted=True,
            )
        except Unavailable as down:
            raise ServerRefused(f"No server answers at {self._url}: {down.detail}") from down
        content = answer.json()
        if not isinstance(content, dict):
            raise ServerRefused(f"{self._url} is not an AgentFlow server.")
        if answer.status >= 400:
            raise ServerRefused(str(content.get("detail", f"The server answered {answer.status}.")))
        return content


@asynccontextmanager
async def _egress(settings: Settings) -> AsyncIterator[Egress]:
    egress = Egress(settings)
    try:
        yield egress
    finally:
        await egress.close()


async def post(
    settings: Settings, path: str, body: object, *, url: str | None, api_key: str | None
) -> dict[str, Any]:
    """One request to the running server. Raises ServerRefused."""
    async with _egress(settings) as egress:
        return await Remote(egress, url or settings.public_url, api_key).ask("POST", path, json=body)


@dataclass(frozen=True)
class Ingest:
    """What to add: paths of files, and addresses of pages or, with `site`, of sites."""

    sources: tuple[str, ...]
    api_key: str
    knowledge_base: str | None = None
    site: bool = False


async def ingest(settings: Settings, order: Ingest, *, url: str | None) -> int:
    """Add each source, wait for it, and say how it went; exit code 2 when one was refused or failed."""
    sources = _sources(order.sources)
    async with _egress(settings) as egress:
        remote = Remote(egress, url or settings.public_url, order.api_key)
        base = order.knowledge_base or await _only_base(remote)
        added = [await _tried(_add(remote, base, source, site=order.site)) for source in sources]
        with _bars(shown=any(added)) as progress:
            done = [await _tried(_wait(remote, source, progress)) for source in added if source]
    for first, last in zip(filter(None, added), done, strict=True):
        if last:
            typer.echo(_result(first, last))
    well = all(added) and all(last and last["state"] == "ready" for last in done)
    return 0 if well else 2


def _sources(given: Sequence[str]) -> list[str]:
    """Addresses and files, a folder meaning the files in it. Raises BadRequest for folders without any."""
    sources: list[str] = []
    for one in given:
        found = not _is_address(one) and Path(one).is_dir()
        sources += [str(file) for file in files_in(Path(one))] if found else [one]
    if not sources:
        raise BadRequest("The folder holds no file.")
    return sources


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


async def _tried(step: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
    """What came of it; None when it was refused, which is said at once: the other sources go on."""
    try:
        return await step
    except AppError as refused:
        complain(refused.detail)
        return None


async def _only_base(remote: Remote) -> str:
    found = (await remote.ask("GET", "/api/v1/knowledge-bases?limit=2"))["items"]
    if len(found) != 1:
        raise ServerRefused("Name the knowledge base with --knowledge-base.")
    return str(found[0]["id"])


async def _add(remote: Remote, base: str, source: str, *, site: bool) -> dict[str, Any]:
    if not _is_address(source):
        return await _upload(remote, base, Path(source))
    path = f"/api/v1/knowledge-bases/{base}/sources/url"
    try:
        return await remote.ask("POST", path, json={"url": source, "site": site})
    except ServerRefused as refused:
        raise ServerRefused(f"{source}: {refused.detail}") from refused


async def _upload(remote: Remote, base: str, source: Path) -> dict[str, Any]:
    try:
        content = await asyncio.to_thread(source.read_bytes)
    except OSError as wrong:
        raise BadRequest(f"{source} cannot be read: {wrong.strerror}.") from wrong
    boundary = uuid.uuid4().hex
    name = source.name.replace('"', "%22")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    try:
        return await remote.ask(
            "POST",
            f"/api/v1/knowledge-bases/{base}/sources",
            body=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
            Content_Type=f"multipart/form-data; boundary={boundary}",
            Idempotency_Key=boundary,
        )
    except ServerRefused as refused:
        raise ServerRefused(f"{source.name}: {refused.detail}") from refused


def _bars(*, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), disable=not shown
    )


async def _wait(remote: Remote, source: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    task = progress.add_task(str(source["name"]), total=None)
    while True:
        try:
            state = await remote.ask("GET", f"/api/v1/sources/{source['id']}")
        except ServerRefused as refused:
            raise ServerRefused(f"{source['name']}: it was added, but {refused.detail}") from refused
        total = state["progress"]["total"] or None
        progress.update(task, completed=state["progress"]["done"], total=total)
        if state["state"] in ("ready", "failed"):
            return state
        await asyncio.sleep(POLL_SECONDS)


def _result(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """One line, from what the server said when the source came and when it was done."""
    came = "replaced" if first["version"] > 1 else "added"
    if first["state"] == "ready":
        came = "unchanged"
    if last["state"] == "failed":
        return f"{last['name']}: {came}; failed. {last['reason']['detail']}"
    warning = " (no text was found in it)" if last["warning"] == "no_text" else ""
    return f"{last['name']}: {came}; ready, {last['passages']} passages{warning}"


async def chat(settings: Settings, *, site: str, url: str | None) -> None:
    """Ask from the terminal; an empty line or Ctrl-D ends."""
    async with _egress(settings) as egress:
        remote = Remote(egress, url or settings.public_url, None)
        visit = await remote.ask("POST", f"/widget/v1/{site}/sessions", json={"locale": "en"})
        remote.token = visit["token"]
        cursor = int(visit["cursor"])
        typer.echo("Ask something; an empty line ends.")
        while question := (await asyncio.to_thread(_read_line)).strip():
            sent = await remote.ask(
                "POST",
                "/widget/v1/messages",
                json={"client_msg_id": uuid.uuid4().hex, "type": "text", "text": question},
            )
            cursor = await _print_answer(remote, cursor, str(sent["id"]))


def _read_line() -> str:
    sys.stdout.write("> ")
    sys.stdout.flush()
    return sys.stdin.readline()


async def _print_answer(remote: Remote, cursor: int, question_id: str) -> int:
    """Print sentences as they come, and their sources at the end."""
    seen_question = False
    loop = asyncio.get_running_loop()
    end = loop.time() + ANSWER_SECONDS
    while loop.time() < end:
        page = await remote.ask("GET", f"/widget/v1/events?cursor={cursor}&wait={WAIT_SECONDS}")
        cursor = int(page["cursor"])
        for event in page["events"]:
            payload = event["payload"]
            if event["kind"] == "message" and payload["message_id"] == question_id:
                seen_question = True
            elif seen_question and event["kind"] == "message" and payload["role"] != "contact":
                _print_message(payload)
                return cursor
    typer.echo("(no answer came; somebody will get back to you)")
    return cursor


def _print_message(payload: Mapping[str, Any]) -> None:
    notes: dict[int, str] = {}
    words = []
    for sentence in payload["sentences"]:
        for cited in sentence["citations"]:
            place = f", {cited['place']}" if cited["place"] else ""
            notes[cited["n"]] = f'[{cited["n"]}] {cited["title"]}{place}: "{cited["quote"]}"'
        words.append(sentence["text"] + "".join(f" [{cited['n']}]" for cited in sentence["citations"]))
    typer.echo(printable(" ".join(words) or payload["text"]))
    for number in sorted(notes):
        typer.echo(f"  {printable(notes[number])}")
