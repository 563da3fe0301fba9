"""The right to reply after a contact's last message. Channels with a clock bring their rows of the table."""

from __future__ import annotations

from channels.messages import Allowance, Intent, WindowState


def no_window(state: WindowState, intent: Intent) -> Allowance:
    """A channel that lets us write at any time: only a broadcast after an opt-out is blocked."""
    if state.opted_out and intent == "broadcast":
        return Allowance("blocked", reason="the contact has opted out")
    return Allowance("free")
