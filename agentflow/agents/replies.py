"""What goes into one answer and what comes out: frozen values shared by the turn, the API and the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from crm.inbox.schemas import HistoryLine
from knowledge.gaps.schemas import Unanswered
from knowledge.passages import Passage

Action = Literal["reply", "ask", "refuse", "handoff"]
SentenceKind = Literal["fact", "greeting", "question", "stock"]
HandoffReason = Literal["customer_asks", "no_answer", "failed_turns", "model_unavailable", "daily_cap"]


_ENDS = tuple(".!?:;…。！？؟\"'”»")


@dataclass(frozen=True)
class Citation:
    """Where a sentence stands: `start` and `end` are code points in the extract, None for cells."""

    source_id: str
    source: str
    version: int
    page: int | None
    sheet: str | None
    row: int | None
    start: int | None
    end: int | None
    quote: str
    public: bool = False
    heading: str = ""  # of the section it stands in


@dataclass(frozen=True)
class CheckedSentence:
    """The unit of streaming. Only a greeting, a question or stock text may stand without a citation."""

    text: str
    citations: tuple[Citation, ...] = ()
    kind: SentenceKind = "fact"


@dataclass(frozen=True)
class HandoffRequest:
    """To which team, and why."""

    team_id: str
    team: str
    reason: HandoffReason


@dataclass(frozen=True)
class ToolCallRecord:
    """One tool call of the turn; `outcome` is what the model was told, in short."""

    name: str
    args: Mapping[str, object]
    outcome: str


@dataclass(frozen=True)
class TurnRequest:
    """One unanswered question. `failed_turns` counts the answers in a row before it that helped nobody."""

    workspace_id: str
    agent_id: str
    conversation_id: str
    contact_id: str
    question: str
    history: tuple[HistoryLine, ...] = ()
    failed_turns: int = 0
    locale: str = "en"


@dataclass(frozen=True)
class Outcome:
    """The answer. `model` names what wrote it; `trace` is JSON for staff, never for the customer.

    `gap` is the question, where it ended without an answer.
    """

    action: Action
    sentences: tuple[CheckedSentence, ...]
    language: str
    handoff: HandoffRequest | None = None
    guardrail: str | None = None
    gap: Unanswered | None = None
    passages: tuple[Passage, ...] = ()
    tool_calls: tuple[ToolCallRecord, ...] = ()
    model: str = ""
    trace: dict[str, object] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole answer as one text; what has no end of its own, such as a table's row, ends its line."""
        ends = [" " if sentence.text.rstrip().endswith(_ENDS) else "\n" for sentence in self.sentences]
        return "".join(s.text + end for s, end in zip(self.sentences, ends, strict=True)).strip()

    @property
    def failed(self) -> bool:
        """Whether this turn helped nobody, which handoff rules count. A guardrail's set reply is intended."""
        return self.action == "refuse" and self.guardrail is None
