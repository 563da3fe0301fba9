"""What a request is about to leave in the audit log; whoever works for the request can add to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

MAX_IDS = 200  # of one entry
# Ours only: what a caller wrote in their place could be content.
_ID = re.compile(r"[a-z]{2,6}_[0-9a-f-]{20,40}")


@dataclass
class Note:
    """One request. It is `armed` once its caller may change something, and `written` with the change."""

    method: str
    ip: str
    user_agent: str
    action: str = ""
    record_type: str = ""
    record_ids: dict[str, None] = field(default_factory=dict)  # in order, each once
    workspace_id: str | None = None
    who_id: str | None = None
    who_kind: str = "nobody"
    role: str | None = None
    armed: bool = False
    written: bool = False
    exports: bool = False  # the route gives contacts away
    amount: int | None = None  # of them, where the lines of the file do not tell

    def add_ids(self, ids: Iterable[object]) -> None:
        """Remember which records it was about; what does not look like an id of ours is left out."""
        for found in ids:
            if isinstance(found, str) and len(self.record_ids) < MAX_IDS and _ID.fullmatch(found):
                self.record_ids[found] = None

    def by(self, who_id: str, workspace_id: str, *, role: str | None) -> None:
        """Who it is; a role means a staff member, none an API key."""
        self.who_id, self.workspace_id, self.role = who_id, workspace_id, role
        self.who_kind = "api_key" if role is None else "staff"


current: ContextVar[Note | None] = ContextVar("audit_note", default=None)


def exported(amount: int) -> None:
    """Say how many contacts the file holds that this request answers."""
    note = current.get()
    if note is not None:
        note.amount = amount
