"""The AI agent: its configuration as a record, and the run time that answers one message."""
