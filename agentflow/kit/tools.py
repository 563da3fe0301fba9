"""What an agent or a flow can do: a Tool is a function with a Pydantic schema and a docstring.

Three outcomes: a ToolResult for the model; ToolRetry (the model may correct itself); ToolFailed (the
model must tell the customer). Any other exception is logged by the runner and becomes ToolFailed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from agentflow.kit.db import Database


@dataclass(frozen=True)
class ToolContext:
    """What a call runs against. Workspace and contact come from here, never from the model's arguments."""

    db: Database
    workspace_id: str
    conversation_id: str
    contact_id: str
    principal: str  # who acts: an agent's or a staff member's id
    depth: int = 0


@dataclass(frozen=True)
class ToolResult:
    """`text` is what the model reads; `artifact` is for our own code and never reaches a model."""

    text: str
    artifact: Any = None


class ToolRetry(Exception):
    """The model called the tool wrongly and may try again; the message says how."""


class ToolFailed(Exception):
    """The tool could not do its work; the message is fit for the customer."""


@dataclass(frozen=True)
class Tool:
    """`examples` are utterances that should lead to this tool; the offline model plans by them."""

    name: str
    description: str
    arguments: type[BaseModel]
    call: Callable[[ToolContext, Any], Awaitable[ToolResult]]
    effect: Literal["read", "write"] = "read"
    examples: tuple[str, ...] = ()
