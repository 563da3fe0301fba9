"""What the log of a contact shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

Detail = dict[str, str | int | float | bool | None]


class ActivityKind(StrEnum):
    """What happened."""

    CREATED = "created"
    IMPORTED = "imported"
    UPDATED = "updated"
    MERGED = "merged"
    UNMERGED = "unmerged"
    OWNER_CHANGED = "owner_changed"
    PROPERTY_CHANGED = "property_changed"
    LABEL_ADDED = "label_added"
    LABEL_REMOVED = "label_removed"
    LIST_ADDED = "list_added"
    LIST_REMOVED = "list_removed"
    NOTE_ADDED = "note_added"
    NOTE_DELETED = "note_deleted"
    REMINDER_SET = "reminder_set"
    REMINDER_DUE = "reminder_due"
    FILE_ADDED = "file_added"
    FILE_DELETED = "file_deleted"
    OBJECT_LINKED = "object_linked"
    OBJECT_UNLINKED = "object_unlinked"
    MESSAGE_RECEIVED = "message_received"
    MESSAGE_SENT = "message_sent"
    STATUS_CHANGED = "status_changed"
    ASSIGNED = "assigned"


class ActivityRead(BaseModel):
    """One line of the log."""

    id: str
    kind: ActivityKind
    subject_id: str | None
    actor_id: str | None
    detail: Detail
    at: datetime
