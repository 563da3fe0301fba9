"""Run the server, or a worker alone, until asked to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import nullcontext
from types import FrameType

import typer
import uvicorn

from agentflow import bootstrap
from agentflow.api.app import create_app
from agentflow.cli import demo
from agentflow.kit.errors import Misconfigured
from agentflow.kit.logging import set_up_logging
from agentflow.kit.settings import Settings
from knowledge import reindex

GRACE_SECONDS = 3  # for requests that are under way


class Server(uvicorn.Server):
    """Ends open event streams as soon as it is told to stop; otherwise they would hold it back."""

    def __init__(self, stopping: asyncio.Event, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        super().handle_exit(sig, frame)


async def serve(settings: Settings) -> None:
    """API, widget and worker in one process; makes the demo workspace in an empty database.

    Raises Misconfigured when the port is taken, before anything is made.
    """
    set_up_logging(settings)
    with _bind(settings) as door:
        await _serve(settings, door)


async def _serve(settings: Settings, door: socket.socket) -> None:
    async with bootstrap.start(settings) as application:
        made = await demo.make(application)
        app = create_app(settings, lambda: nullcontext(application))
        server = Server(
            application.stopping,
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                forwarded_allow_ips=None,
                proxy_headers=False,
            ),
        )
        typer.echo(demo.welcome(settings, made))
        for complaint in await reindex.complaints(application.db, application.ingest_deps.embedder):
            typer.echo(f"  ATTENTION: {complaint}")
        await server.serve(sockets=[door])
        typer.echo("  Stopping …")


def _bind(settings: Settings) -> socket.socket:
    """The address is ours from here on; the server listens on it when it is ready."""
    host, port = settings.server.host, settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
    except OSError as wrong:
        raise Misconfigured(
            f"Port {port} of {host} cannot be used ({wrong.strerror}); choose another with AGENTFLOW_PORT."
        ) from wrong
    return door


async def work(settings: Settings) -> None:
    """A worker without HTTP, beside a server on the same PostgreSQL database. Raises Misconfigured."""
    if settings.sql_url.startswith("sqlite"):
        raise Misconfigured(
            "A further worker needs PostgreSQL: set AGENTFLOW_DATABASE_URL (on SQLite `serve` works alone)."
        )
    set_up_logging(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with bootstrap.start(settings):
        typer.echo("The worker is running; stop it with Ctrl-C.")
        await stop.wait()
