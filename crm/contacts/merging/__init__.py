"""Two contacts that are one person: found, merged, and taken apart again."""
