"""Where the content of a source that is not uploaded comes from: one file a kind."""
