"""What agents refuse."""

from __future__ import annotations

from agentflow.kit.errors import InvalidInput, NotFound


class AgentNotFound(NotFound):
    """There is no such agent."""

    code = "agent_not_found"


class KnowledgeBaseMissing(InvalidInput):
    """An agent answers from exactly one knowledge base; none was named."""

    code = "knowledge_base_missing"


class UnknownTeam(InvalidInput):
    """A handoff rule names a team that does not exist."""

    code = "unknown_team"


class BadAgentFile(InvalidInput):
    """An agent's configuration file cannot be read; the detail names the field."""

    code = "bad_agent_file"
