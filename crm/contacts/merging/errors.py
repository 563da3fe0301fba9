"""What merging refuses."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, InvalidInput, NotFound


class SameContact(InvalidInput):
    """A contact cannot be merged with itself."""

    code = "same_contact"


class MergeNotFound(NotFound):
    """There is no such merge here."""

    code = "merge_not_found"


class CannotUndo(Conflict):
    """The merge is undone already, is too old, or another one came after it."""

    code = "merge_cannot_be_undone"
