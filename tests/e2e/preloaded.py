"""All that a server imports; what starts a thread when it is imported is left to the fork."""

# ruff: noqa: F401

from __future__ import annotations

import agentflow.agents.runner
import agentflow.cli
import agentflow.llm.factory
import agentflow.llm.offline
import agentflow.preview.run
import agentflow.turn
import knowledge.origins.google
import tests.e2e.killer
