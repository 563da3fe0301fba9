"""Rules that say who gets a new conversation."""
