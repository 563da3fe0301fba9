"""Labels of a workspace, and which contact has which."""
