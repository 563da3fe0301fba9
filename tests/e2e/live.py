"""A real server in a process of its own, started as a person would start it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

START_SECONDS = 120.0  # a machine that does much else at the same time
SERVE = (sys.executable, "-c", "from agentflow.cli import app; app()", "serve")


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    stdout: IO[str] | None

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


def started(environment: Mapping[str, str]) -> Process:
    """A server started as a person would start it."""
    return subprocess.Popen(
        SERVE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class LiveApp:
    """`start`, `stop`, `kill` and `restart` it; requests go over real HTTP."""

    home: Path
    database_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    site_key: str = "demo"
    admin_email: str = ""
    admin_password: str = ""
    api_key: str = ""
    output: list[str] = field(default_factory=list)
    process: Process | None = None
    launch: Callable[[Mapping[str, str]], Process] = started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **environment: str) -> LiveApp:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTFLOW_", "OPENAI_"))}
        own = {"AGENTFLOW_HOME": str(self.home), "AGENTFLOW_PORT": str(self.port)}
        if self.database_url:
            own["AGENTFLOW_DATABASE_URL"] = self.database_url
        self.process = self.launch(
            {**clean, **own, **self.environment, **environment, "PYTHONUNBUFFERED": "1"}
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.wait_until(self.ready, START_SECONDS)
        printed = "\n".join(self.output)
        for name, pattern in (
            ("admin_email", r"admin e-mail +(\S+)"),
            ("admin_password", r"first password +(\S+)"),
            ("api_key", r"API key +(\S+)"),
        ):
            found = re.search(pattern, printed)
            if found:
                setattr(self, name, found.group(1))
        return self

    def _read(self, process: Process) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line.rstrip("\n"))
        process.stdout.close()

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError("the server ended:\n" + "\n".join(self.output[-40:]))
        try:
            return self.call("GET", "/readyz")[0] == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def wait_until(self, holds: Callable[[], object], seconds: float, *, every: float = 0.05) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(every)
        raise AssertionError(f"not within {seconds} s:\n" + "\n".join(self.output[-40:]))

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def restart(self, **environment: str) -> LiveApp:
        self.stop()
        return self.start(**environment)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> tuple[int, Any]:
        """Status and parsed body; `token` is an API key or a visitor's token."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, _parsed(refused.read())

    def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A call with the first API key."""
        return self.call(method, f"/api/v1{path}", body, token=self.api_key)

    def upload(self, base: str, name: str, content: bytes, *, token: str | None = None) -> tuple[int, Any]:
        return self.send_file(f"/api/v1/knowledge-bases/{base}/sources", name, content, token=token)

    def send_file(self, path: str, name: str, content: bytes, *, token: str | None = None) -> tuple[int, Any]:
        form = (
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
            + content
            + b"\r\n--x--\r\n"
        )
        return self.call(
            "POST",
            path,
            form,
            token=token or self.api_key,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )

    def search(self, base: str, question: str, limit: int = 10) -> dict[str, Any]:
        """What an agent would be given for a question."""
        body = {"question": question, "limit": limit}
        status, found = self.api("POST", f"/knowledge-bases/{base}/search", body)
        assert status == 200, found
        return dict(found)

    def knowledge_base(self) -> str:
        return str(self.api("GET", "/knowledge-bases")[1]["items"][0]["id"])

    def sources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", f"/knowledge-bases/{self.knowledge_base()}/sources")[1][
            "items"
        ]
        return found

    def wait_for_knowledge(self, seconds: float = 60.0) -> None:
        """Until every source is ready or failed."""
        self.wait_until(
            lambda: all(source["state"] in ("ready", "failed") for source in self.sources()), seconds
        )

    def visit(self) -> Visitor:
        status, body = self.call("POST", f"/widget/v1/{self.site_key}/sessions", {"locale": "en"})
        assert status == 200, body
        return Visitor(self, body["token"], body["conversation_id"], body["cursor"])


@dataclass
class Visitor:
    """Someone with the widget open, following events by cursor."""

    app: LiveApp
    token: str
    conversation_id: str
    cursor: int
    events: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str, client_id: str) -> tuple[int, Any]:
        body = {"client_msg_id": client_id, "type": "text", "text": text}
        return self.app.call("POST", "/widget/v1/messages", body, token=self.token)

    def poll(self, wait: int = 1) -> None:
        status, page = self.app.call(
            "GET", f"/widget/v1/events?cursor={self.cursor}&wait={wait}", token=self.token
        )
        assert status == 200, page
        self.events += page["events"]
        self.cursor = page["cursor"]

    def messages(self, *roles: str) -> list[dict[str, Any]]:
        return [
            event["payload"]
            for event in self.events
            if event["kind"] == "message" and event["payload"]["role"] in roles
        ]

    def wait_for_answer(self, number: int = 1, seconds: float = 30.0) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while len(self.messages("agent")) < number:
            assert time.monotonic() < end, "\n".join(self.app.output[-30:])
            self.poll()
        return self.messages("agent")[number - 1]


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - whatever the server answers
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")
