"""Staff administration: who works here, in which teams, and the links that let them in."""
