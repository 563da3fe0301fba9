"""What contacts refuse."""

from __future__ import annotations

from agentflow.kit.errors import NotFound


class ContactNotFound(NotFound):
    """There is no such contact here."""

    code = "contact_not_found"
