"""What the agent can do beside searching, and how a Tool becomes one that LangChain offers to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from agentflow.kit.tools import Tool, ToolContext, ToolResult


class HandOffArguments(BaseModel):
    """Arguments of `hand_off`."""

    reason: str = Field(default="", max_length=500, description="Why the customer wants a human, in short.")


@dataclass(frozen=True)
class HumanWanted:
    """The artifact of `hand_off`: the runner ends the turn with a handoff."""

    reason: str


async def _hand_off(context: ToolContext, arguments: HandOffArguments) -> ToolResult:
    return ToolResult("The conversation is being passed to a colleague.", HumanWanted(arguments.reason))


HAND_OFF = Tool(
    name="hand_off",
    description="Pass the conversation to a human colleague, when the customer asks for one.",
    arguments=HandOffArguments,
    call=_hand_off,
    effect="write",
    examples=(
        "I want to talk to a human",
        "Can I speak to a real person?",
        "Please connect me with an employee",
        "Let me talk to someone from your team",
        "I don't want to talk to a bot",
        "Give me an agent",
        "Ik wil een medewerker spreken",
        "Kan ik met een echt persoon praten?",
        "Verbind me door met iemand",
        "Ich möchte mit einem Mitarbeiter sprechen",
        "Kann ich mit einem Menschen reden?",
        "Verbinden Sie mich bitte mit jemandem",
        "Quiero hablar con una persona",
        "¿Puedo hablar con un agente humano?",
        "Je veux parler à un humain",
        "Puis-je parler à un conseiller ?",
    ),
)


def as_langchain(tool: Tool) -> BaseTool:
    """The tool as LangChain shows it to a model; the examples travel in its metadata.

    Its own function is never run: the loop's middleware calls `tool.call` with the turn's ToolContext.
    """

    async def run_by_the_loop(**_arguments: object) -> NoReturn:
        raise RuntimeError(f"{tool.name} was called outside the agent's loop")

    return StructuredTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.arguments,
        coroutine=run_by_the_loop,
        metadata={"examples": tool.examples},
    )
