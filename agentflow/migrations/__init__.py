"""The schema's history, as Alembic scripts; `agentflow.kit.schema` runs them."""
