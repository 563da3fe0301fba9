"""An agent's configuration: one schema for the API body, the YAML file of `agentflow ask` and the console."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Example = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000)]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^(customer|[a-z]{2})$")]


class Role(StrEnum):
    """Presets; they differ in the instructions an agent starts with."""

    SALES = "sales"
    SUPPORT = "support"
    CUSTOM = "custom"


class AnswerLength(StrEnum):
    """How much an answer says."""

    SHORT = "short"
    MODERATE = "moderate"
    DETAILED = "detailed"


ROLE_INSTRUCTIONS: dict[Role, str] = {
    Role.SALES: (
        "Help the customer choose. Find out what they need, answer questions about products, prices and "
        "conditions, and suggest a next step towards buying."
    ),
    Role.SUPPORT: (
        "Solve the customer's problem. Answer questions about using, delivering, returning and repairing, "
        "step by step, and check that the answer fits what they described."
    ),
    Role.CUSTOM: "",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PhraseGuardrail(_Strict):
    """When the customer's message holds one of the phrases, the set reply is the whole answer."""

    name: Short
    kind: Literal["phrase"]
    phrases: Annotated[list[Example], Field(min_length=1, max_length=200)]
    reply: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class TopicGuardrail(_Strict):
    """When the message is about what the examples are about, the set reply is the whole answer."""

    name: Short
    kind: Literal["topic"]
    examples: Annotated[list[Example], Field(min_length=1, max_length=200)]
    reply: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


Guardrail = Annotated[PhraseGuardrail | TopicGuardrail, Field(discriminator="kind")]


class CustomerAsks(_Strict):
    """Hand over when the customer asks for a human."""

    kind: Literal["customer_asks"]
    team: Short | None = Field(default=None, description="A team's id or name; none = the default team.")


class NoAnswer(_Strict):
    """Hand over when the knowledge holds no answer (without this rule the agent refuses)."""

    kind: Literal["no_answer"]
    team: Short | None = Field(default=None, description="A team's id or name; none = the default team.")


class FailedTurns(_Strict):
    """Hand over after `n` turns in a row that did not help."""

    kind: Literal["failed_turns"]
    n: Annotated[int, Field(ge=1, le=20)]
    team: Short | None = Field(default=None, description="A team's id or name; none = the default team.")


HandoffRule = Annotated[CustomerAsks | NoAnswer | FailedTurns, Field(discriminator="kind")]


class AgentCreate(_Strict):
    """A new agent. `knowledge_base_id` is left out only where the caller assigns one (`agentflow ask`)."""

    name: Short
    role: Role = Role.SUPPORT
    instructions: Long | None = Field(default=None, description="None = the role's preset.")
    tone: Short = Field(
        default="professional", description="professional, friendly, informal, or your own words."
    )
    answer_length: AnswerLength = AnswerLength.MODERATE
    language: LanguageCode = Field(
        default="customer", description="`customer` answers in the customer's language; else a fixed code."
    )
    guardrails: Annotated[list[Guardrail], Field(max_length=100)] = []
    handoff_rules: Annotated[list[HandoffRule], Field(max_length=20)] = []
    knowledge_base_id: str | None = None


class AgentUpdate(_Strict):
    """Changes to an agent; what is left out stays. Every change makes a new version."""

    name: Short | None = None
    role: Role | None = None
    instructions: Long | None = None
    tone: Short | None = None
    answer_length: AnswerLength | None = None
    language: LanguageCode | None = None
    guardrails: Annotated[list[Guardrail], Field(max_length=100)] | None = None
    handoff_rules: Annotated[list[HandoffRule], Field(max_length=20)] | None = None
    knowledge_base_id: str | None = None


class AgentRead(BaseModel):
    """An agent as the API shows it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    version: int
    name: str
    role: Role
    instructions: str
    tone: str
    answer_length: AnswerLength
    language: str
    guardrails: list[Guardrail]
    handoff_rules: list[HandoffRule]
    knowledge_base_id: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
