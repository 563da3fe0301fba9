"""Ways in and out: one file a channel, one protocol, one durable outbox. Knows no contact or agent."""

from channels.models import ChannelAccount, OutboxRow

__all__ = ["ChannelAccount", "OutboxRow"]
