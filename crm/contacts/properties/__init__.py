"""Custom properties of contacts: what an admin defines, and values in a form that filters fast."""
