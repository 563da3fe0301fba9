"""Reminders on a contact: told once, at their time, to its owner or to a staff member."""
