"""Values of the inbox: what services take and give, and what the API shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator


class OwnerKind(StrEnum):
    """Who answers a conversation. With `nobody` it waits for staff, of one team if `team_id` is set."""

    AGENT = "agent"
    STAFF = "staff"
    NOBODY = "nobody"


class ConversationStatus(StrEnum):
    """Whether there is something to do. A pending one waits until a time; a new message opens any."""

    OPEN = "open"
    PENDING = "pending"
    CLOSED = "closed"


class View(StrEnum):
    """What a staff member asks for first."""

    MINE = "mine"
    UNASSIGNED = "unassigned"
    UNREAD = "unread"


class MessageStatus(StrEnum):
    """How far a message has come. It only moves forward, see `advance`."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


Author = Literal["contact", "agent", "staff", "system"]
Action = Literal["reply", "ask", "refuse", "handoff"]

_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


def advance(current: MessageStatus, reported: MessageStatus) -> MessageStatus:
    """The status after a report, in whatever order reports arrive.

    `failed` wins over queued and sent only: whatever was delivered did not fail.
    """
    return max(current, reported, key=_RANKS.__getitem__)


class InWorkspace(Protocol):
    """Whoever acts in a workspace: a staff member or an API key."""

    @property
    def id(self) -> str: ...  # noqa: D102 - plain attributes
    @property
    def workspace_id(self) -> str: ...  # noqa: D102


class StaffLike(InWorkspace, Protocol):
    """The staff member who acts; a `StaffMember` record fits."""

    @property
    def name(self) -> str: ...  # noqa: D102 - plain attribute


class CitationRead(BaseModel):
    """Where a sentence stands; offsets are code points in the extract, None for cells."""

    model_config = ConfigDict(frozen=True)

    source_id: str
    source: str
    version: int
    page: int | None = None
    sheet: str | None = None
    row: int | None = None
    start: int | None = None
    end: int | None = None
    quote: str
    public: bool = False
    heading: str = ""  # of the section; where there is no page, it says the place


class SentenceRead(BaseModel):
    """One checked sentence with its citations, as stored with the message."""

    model_config = ConfigDict(frozen=True)

    text: str
    citations: tuple[CitationRead, ...] = ()
    kind: str = "fact"


@dataclass(frozen=True)
class Recorded:
    """An inbound message is stored. `duplicate` says that it already was."""

    conversation_id: str
    message_id: str
    seq: int
    duplicate: bool


@dataclass(frozen=True)
class HistoryLine:
    """An earlier message."""

    author: Author
    text: str


@dataclass(frozen=True)
class PastQuestion:
    """What a contact asked and an agent answered; `language` is the answer's."""

    agent_id: str
    question: str
    language: str


@dataclass(frozen=True)
class Answering:
    """The right to answer: valid while the conversation's `owner_epoch` stays what it was.

    `message_id` stays the same over the attempts at one answer; `answers_seq` is the last message answered.
    """

    workspace_id: str
    conversation_id: str
    contact_id: str
    account_id: str
    channel: str
    contact_ref: str
    agent_id: str
    owner_epoch: int
    message_id: str
    answers_seq: int
    attempt: int
    question: str
    history: tuple[HistoryLine, ...]
    failed_turns: int
    locale: str
    # The sentences said so far in this attempt: citation numbers run on from them.
    said: list[SentenceRead] = field(default_factory=list, compare=False, repr=False)


@dataclass(frozen=True)
class AnswerOutcome:
    """What the agent decided. `sentences` are CheckedSentence as dicts; `failed` counts as a failed turn.

    For a handoff, `team_id` None means the workspace's default team.
    """

    action: Action
    text: str
    sentences: Sequence[Mapping[str, Any]]
    language: str
    team_id: str | None = None
    reason: str | None = None
    trace: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Finished:
    """The answer is stored and waits in the outbox."""

    message_id: str
    outbox_id: str


class MessageRead(BaseModel):
    """A message as staff see it."""

    id: str
    seq: int
    author: Author
    staff_id: str | None
    text: str
    sentences: list[SentenceRead]
    status: MessageStatus
    failure: str | None = None  # why it failed, if it did
    created_at: datetime
    trace: dict[str, Any] | None = None


class ConversationRead(BaseModel):
    """A conversation as staff see it; `unread` counts for the staff member who asks."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    contact_id: str
    account_id: str
    channel: str
    owner_kind: OwnerKind
    agent_id: str | None
    staff_id: str | None
    team_id: str | None
    handoff_reason: str | None
    last_seq: int
    answered_seq: int
    status: ConversationStatus
    snoozed_until: datetime | None
    language: str | None
    contact_name: str | None = None
    preview: str | None
    preview_author: Author | None
    unread: int | None = None
    created_at: datetime
    last_message_at: datetime


class StatusUpdate(BaseModel):
    """Open, close, or set aside until a time."""

    model_config = ConfigDict(extra="forbid")

    status: ConversationStatus
    until: AwareDatetime | None = Field(default=None, description="for pending alone: when it opens again")


class Assignment(BaseModel):
    """To whom a conversation goes: exactly one of these."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str | None = Field(default=None, min_length=1, max_length=40)
    staff_id: str | None = Field(default=None, min_length=1, max_length=40)
    team_id: str | None = Field(default=None, min_length=1, max_length=40)
    nobody: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Assignment:
        given = (self.agent_id, self.staff_id, self.team_id, self.nobody)
        if sum(one is not None for one in given) != 1:
            raise ValueError("name exactly one of agent_id, staff_id, team_id and nobody")
        return self


class ReadUpTo(BaseModel):
    """How far the conversation is read; all of it when nothing is given."""

    model_config = ConfigDict(extra="forbid")

    seq: int | None = Field(default=None, ge=0, le=2**31 - 1)


@dataclass(frozen=True)
class ConversationFilter:
    """Which conversations a list holds: those for which everything given is true."""

    status: tuple[ConversationStatus, ...] = ()
    owner: OwnerKind | None = None
    agent_id: str | None = None
    staff_id: str | None = None
    team_id: str | None = None
    channel: str | None = None
    language: str | None = None
    label_id: str | None = None  # of the contact
    unread_by: str | None = None  # a staff member


class StaffReply(BaseModel):
    """A staff member's answer."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=4000)


class RouteRead(BaseModel):
    """Which agent answers new conversations of a channel account."""

    model_config = ConfigDict(from_attributes=True)

    account_id: str
    agent_id: str
