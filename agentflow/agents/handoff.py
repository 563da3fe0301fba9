"""When a conversation goes to people: which rule applies, and to which team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentflow.agents.replies import HandoffReason
from agentflow.agents.schemas import CustomerAsks, FailedTurns, HandoffRule, NoAnswer


@dataclass(frozen=True)
class HandoffDecision:
    """That people take over, which team (None = the default one), and why."""

    team_id: str | None
    reason: HandoffReason


@dataclass(frozen=True)
class HandoffPolicy:
    """The agent's rules."""

    rules: Sequence[HandoffRule]

    @property
    def offers_human(self) -> bool:
        """Whether the customer may ask for a human."""
        return any(isinstance(rule, CustomerAsks) for rule in self.rules)

    def for_customer(self) -> HandoffDecision | None:
        """What happens when the customer asks for a human."""
        return self._decision(CustomerAsks, "customer_asks")

    def for_no_answer(self) -> HandoffDecision | None:
        """What happens when the knowledge holds no answer."""
        return self._decision(NoAnswer, "no_answer")

    def for_failed_turns(self, failed: int) -> HandoffDecision | None:
        """What happens when `failed` turns in a row have helped nobody."""
        for rule in self.rules:
            if isinstance(rule, FailedTurns) and failed >= rule.n:
                return HandoffDecision(rule.team, "failed_turns")
        return None

    def for_model_trouble(self) -> HandoffDecision | None:
        """No model could answer: people take over where they would for a missing answer."""
        return self._decision(NoAnswer, "model_unavailable")

    def _decision(self, kind: type[CustomerAsks | NoAnswer], reason: HandoffReason) -> HandoffDecision | None:
        for rule in self.rules:
            if isinstance(rule, kind):
                return HandoffDecision(rule.team, reason)
        return None
