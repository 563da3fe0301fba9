"""What happens in the inbox, as it happens, for staff: one stream of the whole workspace.

Cursors are given in commit order, so whoever goes on from the last one seen, at whatever server, misses none.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from agentflow.api import streaming
from agentflow.api.deps import App, InboxReader, is_still_allowed
from agentflow.bootstrap import Application
from agentflow.kit.event_tail import Subscription
from agentflow.kit.events import Event, last_cursor
from agentflow.kit.pagination import BadCursor
from crm.inbox.events import STAFF_KINDS, for_staff
from crm.teams.schemas import Scope
from crm.teams.service import Principal

router = APIRouter(prefix="/events", tags=["inbox"])

KEEP_ALIVE_SECONDS = 25.0
STREAM = "text/event-stream"


class StaffEvent(BaseModel):
    """One thing that happened; `payload` names the conversation."""

    cursor: int
    kind: str
    payload: dict[str, Any]


class StaffEvents(BaseModel):
    """What came after a cursor."""

    events: list[StaffEvent]
    cursor: int


@router.get("", response_model=StaffEvents)
async def get_events(
    request: Request,
    app: App,
    who: InboxReader,
    cursor: Annotated[
        int | None, Query(ge=0, le=2**62, description="the last event seen; from now on when left out")
    ] = None,
) -> Response:
    """Everything after a cursor: as server-sent events with `Accept: text/event-stream`, else one page.

    Kinds: conversation, assignment, message, sentence, status, typing, handoff, closed and note.
    `Last-Event-ID` wins over `cursor`. One that was not given yet is refused: begin again without any.
    """
    after = await _after(request, app, who, cursor)
    subscription = app.tail.subscribe(who.workspace_id, after=after, kinds=STAFF_KINDS)
    if STREAM not in request.headers.get("accept", ""):
        return await _page(subscription, after)
    return streaming.stream(
        app,
        request,
        subscription,
        payload=for_staff,
        heartbeat_seconds=KEEP_ALIVE_SECONDS,
        may_go_on=partial(is_still_allowed, request, app, Scope.CONVERSATIONS_READ),
    )


async def _after(request: Request, app: Application, who: Principal, cursor: int | None) -> int:
    async with app.db.read() as session:
        last = await last_cursor(session, who.workspace_id)
    after = streaming.cursor_of(request, last if cursor is None else cursor)
    if after > last:
        # As after a restored back-up: whoever waits from there would hear nothing until it is passed again.
        raise BadCursor(
            f"There is no event {after} yet, the newest is {last}; begin again without a cursor.",
            field="cursor",
            newest=last,
        )
    return after


async def _page(subscription: Subscription, after: int) -> Response:
    async with subscription:
        found = await subscription.next(0)
    body = StaffEvents(events=[_shown(event) for event in found], cursor=found[-1].cursor if found else after)
    return Response(body.model_dump_json(), media_type="application/json")


def _shown(event: Event) -> StaffEvent:
    return StaffEvent(cursor=event.cursor, kind=event.kind, payload=for_staff(event))
