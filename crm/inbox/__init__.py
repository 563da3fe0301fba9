"""Conversations, their messages, and who answers them."""
