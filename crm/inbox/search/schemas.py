"""What is asked for, and what is found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from crm.inbox.schemas import ConversationRead

MAX_CHARS = 200
MAX_WORDS = 20


class ConversationSearch(BaseModel):
    """Words that all stand in the conversation, or in what is known of its contact."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=MAX_CHARS)
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=400, description="`next_cursor` of the page before")


class Found(ConversationRead):
    """A conversation; `message_seq` is its last message with one of the words, else null."""

    message_seq: int | None = None
