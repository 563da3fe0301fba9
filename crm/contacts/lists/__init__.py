"""Lists of contacts: static by hand, dynamic by a filter; and labels for all that a filter finds."""
