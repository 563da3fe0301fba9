"""Files that wait aside until an admin has seen what they would change."""
