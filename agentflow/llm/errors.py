"""What model connections refuse."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, NotFound


class ConnectionNotFound(NotFound):
    """There is no such model connection."""

    code = "model_connection_not_found"


class ConnectionFromEnvironment(Conflict):
    """This connection is set by environment variables; change it there."""

    code = "model_connection_from_environment"
