"""Imports of contacts from table files: upload, map, check, commit, and the rows that were refused."""
