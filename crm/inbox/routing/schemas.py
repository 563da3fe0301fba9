"""What routing rules look like from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crm.contacts.filters.schemas import ContactFilter

MAX_RULES = 100
MAX_VALUES = 50
Text = Annotated[str, Field(min_length=1, max_length=40)]
Some = Annotated[list[Text], Field(min_length=1, max_length=MAX_VALUES)]


class Conditions(BaseModel):
    """Everything that is given must hold; of several values of one, any. None at all hold always."""

    model_config = ConfigDict(extra="forbid")

    contact: ContactFilter | None = Field(default=None, description="as in a search for contacts")
    channels: Some | None = None
    account_ids: Some | None = None
    languages: Some | None = Field(default=None, description="of the contact's device, such as nl or pt-BR")
    hours: Literal["open", "closed"] | None = Field(default=None, description="working hours at this moment")
    hours_of_team_id: Text | None = Field(
        default=None, description="whose hours; the workspace's if left out"
    )


class Target(BaseModel):
    """Who gets the conversation: exactly one of these. A round robin gives each of a team a turn."""

    model_config = ConfigDict(extra="forbid")

    agent_id: Text | None = None
    team_id: Text | None = None
    staff_id: Text | None = None
    round_robin_team_id: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Target:
        given = (self.agent_id, self.team_id, self.staff_id, self.round_robin_team_id)
        if sum(one is not None for one in given) != 1:
            raise ValueError("name exactly one of agent_id, team_id, staff_id and round_robin_team_id")
        return self


class RuleCreate(BaseModel):
    """A new rule, behind all others."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    enabled: bool = True
    conditions: Conditions = Conditions()
    target: Target


class RuleUpdate(BaseModel):
    """What is given replaces what was there."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=120)
    enabled: bool | None = None
    conditions: Conditions | None = None
    target: Target | None = None


class RuleOrder(BaseModel):
    """Every rule's id, the first to be tried first."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Text] = Field(max_length=MAX_RULES)


class RuleProblem(StrEnum):
    """Why a rule is passed over."""

    TARGET_GONE = "target_gone"
    NO_MEMBERS = "no_members"
    BAD_CONDITION = "bad_condition"  # it names a property, label or team that is gone


class RuleRead(BaseModel):
    """A rule; one with a `problem` is passed over until that is solved."""

    id: str
    position: int
    name: str
    enabled: bool
    conditions: Conditions
    target: Target
    problem: RuleProblem | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Opening:
    """What rules look at when a conversation opens."""

    workspace_id: str
    contact_id: str
    channel: str
    account_id: str
    language: str | None


@dataclass(frozen=True)
class Decision:
    """Who gets it, by which rule: exactly one of the three ids."""

    rule_id: str
    agent_id: str | None = None
    team_id: str | None = None
    staff_id: str | None = None
