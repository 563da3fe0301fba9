"""Chat models: the offline one, connections to OpenAI-compatible ones, and what happens when one fails."""
