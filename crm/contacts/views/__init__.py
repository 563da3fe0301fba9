"""Saved views of contacts: filter, columns and order; personal, or everybody's."""
