"""What notes refuse."""

from __future__ import annotations

from agentflow.kit.errors import Forbidden, NotFound


class NoteNotFound(NotFound):
    """There is no such note in this conversation."""

    code = "note_not_found"


class NotYourNote(Forbidden):
    """Only its author changes a note; admins may delete it."""

    code = "not_your_note"
