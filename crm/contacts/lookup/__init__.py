"""Contacts as a part of other queries: by a word of what is known of them, by a label; and their names."""
