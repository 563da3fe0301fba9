"""Follow the `events` table: one poller per process feeds every subscriber, and none misses an event.

A subscriber first reads what is in the table, then gets what the poller finds. Whenever that handover is in
doubt (it came while a poll was under way, or it did not fetch for long) it reads the table again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Collection, Sequence
from contextvars import Context
from types import TracebackType

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database
from agentflow.kit.events import Event, last_cursor, last_cursors, read_events

log = logging.getLogger(__name__)

_BATCH = 200
_MOST_WAITING = 1000  # events a slow subscriber may leave waiting in memory
_MOST_STREAMS = 200  # named in one query; beyond that the whole workspace is read


class Subscription:
    """One reader's place in a workspace's events. Use it with `async with`."""

    def __init__(
        self, tail: EventTail, workspace_id: str, stream: str | None, after: int, kinds: Sequence[str] | None
    ) -> None:
        self.workspace_id = workspace_id
        self.stream = stream
        self._tail = tail
        self._position = after
        self._kinds = kinds
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._read_table = True

    async def next(self, timeout_seconds: float) -> list[Event]:
        """The next events, oldest first; empty when none came in this time."""
        ends = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            if not self._read_table and not self._waiting:
                try:
                    async with asyncio.timeout_at(ends):
                        await self._news.wait()
                except TimeoutError:
                    return []
            if self._read_table and (events := await self._from_table()):
                return events
            events = [event for event in self._waiting if event.cursor > self._position]
            self._waiting.clear()
            self._news.clear()
            if events:  # else they were heard before, or there was a doubt again while the table was read
                self._position = events[-1].cursor
                return events

    async def _from_table(self) -> list[Event]:
        self._read_table = False  # what the poller finds from here on is kept
        async with self._tail.db.read() as session:
            events = await read_events(
                session,
                self.workspace_id,
                after=self._position,
                stream=self.stream,
                kinds=self._kinds,
                limit=_BATCH,
            )
        if events:
            self._position = events[-1].cursor
            self._read_table = len(events) == _BATCH
        return events

    def hear(self, event: Event) -> None:
        """Take an event from the poller."""
        if self.stream not in (None, event.stream) or (self._kinds and event.kind not in self._kinds):
            return
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(event)
            self._news.set()
        else:
            self.doubt()

    def doubt(self) -> None:
        """Read the table at the next fetch."""
        self._waiting.clear()
        self._read_table = True
        self._news.set()

    async def __aenter__(self) -> Subscription:
        self._tail.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tail.remove(self)


class EventTail:
    """The process's one reader of new events. It polls only while someone listens."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._poll_seconds = db.settings.livechat.poll_seconds
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._positions: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        db.after_commit.append(self._hear_commit)

    def subscribe(
        self, workspace_id: str, *, stream: str | None = None, after: int, kinds: Sequence[str] | None = None
    ) -> Subscription:
        """Events above the cursor `after`, of one stream and of some kinds if given."""
        return Subscription(self, workspace_id, stream, after, kinds)

    def add(self, subscription: Subscription) -> None:
        """Feed this subscription from now on."""
        self._subscriptions.setdefault(subscription.workspace_id, set()).add(subscription)
        if self._poller is None:
            # In a context of its own: it outlives whatever its first subscriber was doing.
            self._poller = asyncio.create_task(self._poll_for_ever(), context=Context())
        self._wake.set()

    def remove(self, subscription: Subscription) -> None:
        """Feed it no more."""
        listeners = self._subscriptions[subscription.workspace_id]
        listeners.discard(subscription)
        if not listeners:
            del self._subscriptions[subscription.workspace_id]
            self._positions.pop(subscription.workspace_id, None)

    async def close(self) -> None:
        """Stop polling."""
        self.db.after_commit.remove(self._hear_commit)
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
            self._poller = None

    def _hear_commit(self, session: AsyncSession) -> None:
        if session.info.get("news_in", set()) & self._subscriptions.keys():
            self._wake.set()

    async def _poll_for_ever(self) -> None:
        while True:
            # Not `wait_for`, which up to Python 3.11 forgets a cancellation that comes with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds if self._subscriptions else None):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._poll()
            except Exception:  # the database may answer again at the next round
                log.exception("reading new events failed")
                await asyncio.sleep(1.0)

    async def _poll(self) -> None:
        if not self._subscriptions:
            return
        async with self.db.read() as session:
            newest = await last_cursors(session, list(self._subscriptions))
        for workspace_id, last in newest.items():
            if self._positions.get(workspace_id, -1) < last:
                await self._feed(workspace_id)

    async def _feed(self, workspace_id: str) -> None:
        listeners = set(self._subscriptions.get(workspace_id, ()))
        async with self.db.read() as session:
            # Before the events: a cursor given in between is found again at the next poll.
            last = await last_cursor(session, workspace_id)
            after = self._positions.get(workspace_id)
            events = [] if after is None else await self._read(session, workspace_id, after, listeners)
        for event in events:
            for listener in listeners:
                listener.hear(event)
        # Whoever came while we read may have missed something, as has everyone at the first poll.
        present = self._subscriptions.get(workspace_id, set())
        for listener in present - listeners if after is not None else present:
            listener.doubt()
        if present:
            full = len(events) == _BATCH
            self._positions[workspace_id] = events[-1].cursor if full else max(last, after or 0)
            if full:
                self._wake.set()

    @staticmethod
    async def _read(
        session: AsyncSession, workspace_id: str, after: int, listeners: Collection[Subscription]
    ) -> list[Event]:
        streams = {listener.stream for listener in listeners if listener.stream is not None}
        whole = len(streams) > _MOST_STREAMS or any(listener.stream is None for listener in listeners)
        return await read_events(
            session, workspace_id, after=after, stream=None if whole else streams, limit=_BATCH
        )
