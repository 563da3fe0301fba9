"""Questions that found no answer: kept, grouped, answered by an admin, closed when they are known."""
