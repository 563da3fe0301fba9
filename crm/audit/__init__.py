"""Who did what, and what looks unusual."""
