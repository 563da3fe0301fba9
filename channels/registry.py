"""Name → channel: the one list of them."""

from __future__ import annotations

from collections.abc import Mapping

from agentflow.kit.db import Database
from channels.base import Channel
from channels.livechat import LiveChat

NAMES = ("livechat",)


def build_channels(db: Database) -> Mapping[str, Channel]:
    """Every channel, ready to send."""
    return {"livechat": LiveChat(db)}
