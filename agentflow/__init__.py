"""The AgentFlow runtime and its doors."""
