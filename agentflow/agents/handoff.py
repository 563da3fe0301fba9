"""When a conversation goes to people: which rule applies, and to which team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentflow.agents.replies import HandoffReason, HandoffRequest
from agentflow.agents.schemas import CustomerAsks, FailedTurns, HandoffRule, NoAnswer


@dataclass(frozen=True)
class TeamName:
    """A team as the answer names it."""

    id: str
    name: str


@dataclass(frozen=True)
class HandoffPolicy:
    """The agent's rules, and the team behind each rule's `team` (None = the default one)."""

    rules: Sequence[HandoffRule]
    teams: Mapping[str | None, TeamName]

    @property
    def offers_human(self) -> bool:
        """Whether the customer may ask for a human."""
        return any(isinstance(rule, CustomerAsks) for rule in self.rules)

    def for_customer(self) -> HandoffRequest | None:
        """What happens when the customer asks for a human."""
        return self._request(CustomerAsks, "customer_asks")

    def for_no_answer(self) -> HandoffRequest | None:
        """What happens when the knowledge holds no answer."""
        return self._request(NoAnswer, "no_answer")

    def for_failed_turns(self, failed: int) -> HandoffRequest | None:
        """What happens when `failed` turns in a row have helped nobody."""
        for rule in self.rules:
            if isinstance(rule, FailedTurns) and failed >= rule.n:
                return self._to(rule, "failed_turns")
        return None

    def for_model_trouble(self) -> HandoffRequest | None:
        """No model could answer: people take over where they would for a missing answer."""
        return self._request(NoAnswer, "model_unavailable")

    def _request(self, kind: type[CustomerAsks | NoAnswer], reason: HandoffReason) -> HandoffRequest | None:
        for rule in self.rules:
            if isinstance(rule, kind):
                return self._to(rule, reason)
        return None

    def _to(self, rule: HandoffRule, reason: HandoffReason) -> HandoffRequest:
        team = self.teams[rule.team]
        return HandoffRequest(team_id=team.id, team=team.name, reason=reason)
