"""What happens around every request: a cap on its body, and a count of its answers."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentflow.api import noting
from agentflow.api.deps import address_of
from agentflow.api.errors import problem
from agentflow.bootstrap import Application
from agentflow.kit.errors import BadRequest, TooLarge
from agentflow.kit.telemetry import HTTP
from crm.audit import alerts
from crm.audit.note import Note, current
from knowledge.limits import in_bytes

FORM_BYTES = 1024 * 1024  # what a request may hold beside the largest file


class BodyLimit:
    """Refuses a body too large for a file of `max_file_bytes`, announced or not, before anything keeps it."""

    def __init__(self, app: ASGIApp, *, max_file_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_file_bytes + FORM_BYTES
        self._told = f"the limit for a file is {in_bytes(max_file_bytes)}."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes on their way in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            # No record has such an id and no text a NUL; PostgreSQL would refuse the query itself.
            await problem(BadRequest("The address holds a NUL character.").problem())(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            await _discard(receive, 2 * self.max_bytes)
            await self._refusal(int(announced))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                found = f"The request has more than {self.max_bytes:,} bytes"
                raise TooLarge(f"{found}; {self._told}", limit=self.max_bytes)
            return message

        await self.app(scope, counted, send)

    def _refusal(self, found: int) -> ASGIApp:
        refused = TooLarge(
            f"The request has {found:,} bytes; {self._told}", limit=self.max_bytes, found=found
        )
        return problem(refused.problem())


async def _discard(receive: Receive, at_most: int) -> None:
    """Take a refused body off the wire: a client that is still sending would not read our answer."""
    seen, more = 0, True
    while more and seen < at_most:
        message = await receive()
        seen += len(message.get("body", b""))
        more = message.get("more_body", False)


class RequestMetrics:
    """Counts requests by route and status, with their time to the first byte."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Time one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen = HTTP.labels(scope["method"], noting.route_of(scope), message["status"])
                seen.observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, watched)


class Audit:
    """Keeps what every request of the API does in the audit log, before its answer leaves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a note along; whoever knows the caller writes who it is on it."""
        if scope["type"] != "http" or not scope["path"].startswith(noting.AUDITED):
            await self.app(scope, receive, send)
            return
        application: Application = scope["app"].state.application
        headers = dict(scope["headers"])
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        note = Note(scope["method"], address_of(Request(scope), application) or "unknown", agent)
        token = current.set(note)
        status, lines, kept = 0, 0, False

        async def watched(message: Message) -> None:
            nonlocal status, lines, kept
            if message["type"] == "http.response.start":
                status = message["status"]
                note.exports = note.exports and _is_file(message)  # not the answers about an export
                noting.name(note, scope)
                await application.audit.answered(note, status)
                kept = True
            elif note.exports:
                lines += message.get("body", b"").count(b"\n")
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            if not kept:
                noting.name(note, scope)
                await application.audit.answered(note, status or 500)
            raise
        finally:
            current.reset(token)
            note.armed = False
            if note.exports and status == 200:  # also when it was broken off: so many have left
                amount = max(0, lines - 1) if note.amount is None else note.amount
                await alerts.contacts_exported(application.db, note, amount)


def _is_file(message: Message) -> bool:
    headers = dict(message["headers"])
    return bool(headers.get(b"content-disposition", b"").startswith(b"attachment"))
