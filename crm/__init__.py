"""The records: people, talk, cases."""
