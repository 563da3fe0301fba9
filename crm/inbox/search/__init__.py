"""Finding conversations by what was said in them and what is known of the contact."""
