"""Orders, memberships and whatever else an admin defines, linked to contacts."""
