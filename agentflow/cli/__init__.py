"""The command line: the server, its worker, and everything that needs no browser."""

from agentflow.cli.main import app

__all__ = ["app"]
