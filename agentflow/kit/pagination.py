"""Pages of a list: `{items, next_cursor}`. A cursor is opaque to callers; inside it names the last item."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from agentflow.kit.errors import InvalidInput

MAX_LIMIT = 200
T = TypeVar("T")


class BadCursor(InvalidInput):
    """The cursor is not one that a page of this list gave."""

    code = "bad_cursor"


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def encode_cursor(position: str) -> str:
    """An opaque cursor for a position such as an id, or `time|id`."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The position inside a cursor. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        position = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as wrong:
        raise BadCursor("The cursor is not one of ours; use next_cursor of the page before.") from wrong
    if not position or not position.isprintable() or encode_cursor(position) != cursor:
        raise BadCursor("The cursor is not one of ours; use next_cursor of the page before.")
    return position


def position_in_time(at: datetime, record_id: str) -> str:
    """The position of a record in a list by time; `read_position_in_time` reads it back."""
    return f"{at.isoformat()}|{record_id}"


def read_position_in_time(position: str | None) -> tuple[datetime, str] | None:
    """The time and the id of a position. Raises BadCursor."""
    if position is None:
        return None
    at, _, record_id = position.partition("|")
    try:
        found = datetime.fromisoformat(at)
    except ValueError as wrong:
        raise BadCursor("The cursor is not one of this list.") from wrong
    if found.tzinfo is None:
        raise BadCursor("The cursor is not one of this list.")
    return found, record_id


def page_of(found: Sequence[T], *, limit: int, cursor_of: Callable[[T], str]) -> Page[T]:
    """The first `limit` of what was found; one found beyond them means that there is a next page."""
    items = list(found[:limit])
    more = len(found) > limit
    return Page(items=items, next_cursor=encode_cursor(cursor_of(items[-1])) if more else None)
