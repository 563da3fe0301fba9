"""Files into pages. Importing this package loads no parser: those live in the reading process."""
