"""What reminders refuse."""

from __future__ import annotations

from agentflow.kit.errors import InvalidInput, NotFound


class ReminderNotFound(NotFound):
    """There is no such reminder on this contact."""

    code = "reminder_not_found"


class NobodyToRemind(InvalidInput):
    """A reminder needs somebody to tell: a staff member, or a contact with an owner."""

    code = "nobody_to_remind"
