"""Tables of live sources as columns, and the small query tool that answers from their cells."""
