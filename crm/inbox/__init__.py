"""Conversations, their messages, and who answers them."""

from crm.inbox.models import Conversation, Message, Route

__all__ = ["Conversation", "Message", "Route"]
