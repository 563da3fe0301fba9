"""What notes refuse."""

from __future__ import annotations

from agentflow.kit.errors import NotFound


class NoteNotFound(NotFound):
    """There is no such note on this contact."""

    code = "note_not_found"
